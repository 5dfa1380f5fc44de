"""The application: families of operations behind the middleware of the edge. Its framework stays in this folder.

Of that only the application, its router, its requests and its error hooks are used. Parameters, bodies and OpenAPI
are this package's own, because bodies must be bounded while they stream in, parsed off the event loop, and described
as they are. So it is Starlette, and not FastAPI on top of it, whose import alone takes a third of the time that a
cold start may.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from quartzdb.api.access_log import AccessLog, TakeLine
from quartzdb.api.admission import Admission
from quartzdb.api.auth import Authenticator
from quartzdb.api.call import Context
from quartzdb.api.cors import Cors
from quartzdb.api.dispatch import Dispatcher, address_of
from quartzdb.api.failures import Failures
from quartzdb.api.health import Health
from quartzdb.api.limits import RateLimiter
from quartzdb.api.raw_path import RawPath
from quartzdb.api.refusals import MethodNotAllowed, RouteNotFound
from quartzdb.api.request_id import RequestId
from quartzdb.api.routes import FAMILIES
from quartzdb.api.safe_headers import SafeHeaders
from quartzdb.api.services import Services
from quartzdb.api.settings import ApiSettings
from quartzdb.api.slice_limiter import SliceLimiter, threads_ahead
from quartzdb.api.surface import is_cloudflare

_MIDDLEWARE_FROM_INSIDE = (RawPath, Admission, Failures, Cors, SafeHeaders, AccessLog, RequestId)


def create_app(
    services: Services,
    settings: ApiSettings | None = None,
    *,
    rate_limiter: RateLimiter | None = None,
    take_line: TakeLine | None = None,
) -> Starlette:
    """The ASGI application over a database's services. `take_line` is given the usage line of every request."""
    settings = settings or ApiSettings()
    context = Context(
        services,
        settings,
        Authenticator(
            services.api_keys, services.tenants, services.clock, seconds=settings.key_cache_seconds
        ),
        Health(services, settings),
        rate_limiter or SliceLimiter(services.rate_slices, services.clock, ahead=threads_ahead()),
    )
    dispatcher = Dispatcher(context)
    app = Starlette()
    # A path that is nearly right is not guessed at: a redirect would lose the body of a write.
    app.router.redirect_slashes = False
    for family in FAMILIES:
        for operation in family.operations:
            app.router.add_route(
                operation.path, dispatcher.endpoint(operation), [operation.method], operation.name
            )

    async def refuse(request: Request, _: Exception) -> Response:
        """What the router found nothing for."""
        path = request.scope["path"]
        if path.startswith("/api/"):
            # There, who has no key learns nothing of what exists.
            await dispatcher.principal(request.headers, address_of(request))
        allowed = _methods_at(app, request)
        if allowed and not is_cloudflare(path):
            raise MethodNotAllowed(request.method, allowed)
        raise RouteNotFound("There is nothing at this path.", hint="GET /docs lists what there is.")

    app.add_exception_handler(HTTPException, refuse)
    for middleware in _MIDDLEWARE_FROM_INSIDE:
        if middleware is Admission:
            app.add_middleware(Admission, requests_max=settings.requests_max)
        elif middleware is AccessLog:
            app.add_middleware(AccessLog, site=settings.site, unix_ms=services.clock.unix_ms, take=take_line)
        else:
            app.add_middleware(middleware)
    return app


def _methods_at(app: Starlette, request: Request) -> set[str]:
    return {
        method
        for route in app.routes
        if route.matches(request.scope)[0] is not Match.NONE
        for method in getattr(route, "methods", None) or ()
    }
