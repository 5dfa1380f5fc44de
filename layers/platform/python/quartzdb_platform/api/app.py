"""The application of /platform/v1."""

from __future__ import annotations

from fastapi import FastAPI

import quartzdb
from quartzdb_platform.api import openapi, problems, webhooks
from quartzdb_platform.api.bounds import Bounds
from quartzdb_platform.api.routes import (
    billing,
    control,
    life,
    onboarding,
    operators,
    organizations,
    overview,
    passkeys,
    projects,
    providers,
    recommendations,
    referrals,
    secret_scanning,
    sign_in,
    status,
    usage,
    waitlist,
)
from quartzdb_platform.wiring import Platform

PREFIX = "/platform/v1"
_ROUTERS = tuple(
    module.router
    for module in (
        sign_in,
        waitlist,
        passkeys,
        providers,
        referrals,
        onboarding,
        organizations,
        projects,
        control,
        life,
        secret_scanning,
        operators,
        usage,
        billing,
        overview,
        recommendations,
        status,
    )
)


def create_app(platform: Platform) -> FastAPI:
    """The ASGI application over the platform's use cases."""
    app = FastAPI(
        title="QuartzDB platform",
        version=quartzdb.__version__,
        summary="Accounts, projects and keys of QuartzDB.",
        openapi_url="/platform/openapi.json",
        # FastAPI's own pages load scripts from other hosts.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.platform = platform
    problems.install(app)
    for router in _ROUTERS:
        app.include_router(router, prefix=PREFIX)
    app.include_router(webhooks.router)
    openapi.install(app, _ROUTERS, PREFIX)
    app.add_middleware(Bounds)
    return app
