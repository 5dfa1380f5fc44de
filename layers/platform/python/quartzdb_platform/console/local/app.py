"""The console of one tenant as an application: every page but the first needs a session that a link began."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI

from quartzdb.adapters.system_clock import SystemClock
from quartzdb.wiring.embedded import Database
from quartzdb_platform.api.bounds import Bounds
from quartzdb_platform.console.app import Static, install_errors
from quartzdb_platform.console.local import pages
from quartzdb_platform.console.local.visitor import Here
from quartzdb_platform.console.page import STATIC
from quartzdb_platform.identity.credentials import Credentials

if TYPE_CHECKING:
    from quartzdb_platform.console.local.addition import LocalConsole


def create_app(console: LocalConsole, database: Database, data_dir: Path) -> FastAPI:
    """Over the file of its sessions, and the database of this process."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    clock = SystemClock()
    table = console.table
    app.state.here = Here(table, Credentials(table, clock), database, data_dir, clock)
    app.include_router(pages.router)
    app.mount("/platform/assets", Static(directory=STATIC), "assets")
    install_errors(app, pages.signed_out, **pages.COMMON)
    app.add_middleware(Bounds)
    return app
