"""The application: families of operations behind the edge.

No web framework: routes, parameters, bodies and OpenAPI are this package's own, because bodies must be bounded while
they stream in, parsed where they hold up nobody, and described as they are. What would be left for a framework to do
cost more than all of that (docs/adr/0031-one-pass.md).
"""

from __future__ import annotations

from quartzdb.api.access_log import AccessLog, TakeLine
from quartzdb.api.admission import Admission
from quartzdb.api.auth import Authenticator
from quartzdb.api.call import Context
from quartzdb.api.dispatch import Dispatcher
from quartzdb.api.edge import Edge
from quartzdb.api.health import Health
from quartzdb.api.limits import RateLimiter
from quartzdb.api.routes import FAMILIES
from quartzdb.api.services import Services
from quartzdb.api.settings import ApiSettings
from quartzdb.api.slice_limiter import SliceLimiter, threads_ahead


def create_app(
    services: Services,
    settings: ApiSettings | None = None,
    *,
    rate_limiter: RateLimiter | None = None,
    take_line: TakeLine | None = None,
) -> Edge:
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
    return Edge(
        (operation for family in FAMILIES for operation in family.operations),
        Dispatcher(context),
        Admission(settings.requests_max),
        AccessLog(site=settings.site, unix_ms=services.clock.unix_ms, take=take_line),
    )
