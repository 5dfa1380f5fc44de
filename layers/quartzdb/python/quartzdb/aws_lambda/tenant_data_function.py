"""The function that has rights on the data of all tenants, for the platform, which has none: sizes, archives, deletion.

Only functions invoke it, by IAM; there is no address to it. What it is asked is in `tenant_data_requests`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from quartzdb.aws_lambda.database import database_settings
from quartzdb.aws_lambda.settings import FunctionSettings, needed
from quartzdb.aws_lambda.telemetry import LambdaHandler, telemetry
from quartzdb.aws_lambda.tenant_data_requests import ArchiveStep, Erase, Sizes, parse_request
from quartzdb.domain.errors import QuartzError, Unavailable
from quartzdb.domain.namespace import Precision
from quartzdb.services.tenant_sizes import NamespaceSize, TenantSize
from quartzdb.wiring.tenant_data import TenantData, open_tenant_data

if TYPE_CHECKING:  # its module knows the web framework, for which nobody waits here
    from quartzdb.aws_lambda.invocation import LambdaContext

WORKS_SECONDS = 60.0
"""What takes longer goes on with the next invocation, where the answer's cursor says."""
_MARGIN_MS = 30_000
"""Of the function's own time, what is left for a page that has begun."""

Answer = Mapping[str, Any]


def tenant_data_function(settings: FunctionSettings) -> LambdaHandler:
    """The handler. Asks AWS nothing yet. Raises InvalidSettings."""
    observed = telemetry(settings)
    prefix = needed(settings.tenant_prefix or None, "QUARTZDB_TENANT_PREFIX")
    aws = database_settings(settings)
    data = open_tenant_data(aws, settings.peer, clients=aws.clients())
    return observed.handler(answering(data, prefix))


def answering(
    data: TenantData, tenant_prefix: str, *, monotonic: Callable[[], float] = time.monotonic
) -> LambdaHandler:
    """What is answered to each request."""

    def handle(event: Any, context: LambdaContext) -> Answer:
        ends = monotonic() + WORKS_SECONDS

        def more() -> bool:
            return monotonic() < ends and context.get_remaining_time_in_millis() > _MARGIN_MS

        try:
            return _answer(data, event, tenant_prefix, more)
        except Unavailable:
            raise  # it is tried again, and counted as a failure
        except QuartzError as error:
            return {
                "error": {
                    "code": error.code,
                    "message": error.message,
                    "field": error.field,
                    "hint": error.hint,
                }
            }

    return handle


def _answer(data: TenantData, event: Any, tenant_prefix: str, more: Callable[[], bool]) -> Answer:
    request = parse_request(event, tenant_prefix)
    if isinstance(request, Sizes):
        found, cursor = data.sizes.each(request.tenant, exact=request.exact, cursor=request.cursor, more=more)
        held = sum((one.size for one in found), TenantSize())
        described = {"namespaces": [_described(one) for one in found]} if request.describe else {}
        return {**held._asdict(), "cursor": cursor, **described}
    if isinstance(request, Erase):
        return asdict(data.deletion.run(request.tenant))
    if isinstance(request, ArchiveStep):
        return _step(data, request, more)
    data.archives.delete(request.archive)
    return {}


def _described(one: NamespaceSize) -> Mapping[str, Any]:
    settings = one.namespace.settings
    return {
        "name": one.namespace.name,
        "created_at_ms": one.namespace.created_at_ms,
        "dimension": settings.dimension,
        "half": settings.precision is Precision.F16,
        "records": one.size.vectors,
        "bytes": one.size.bytes,
    }


def _step(data: TenantData, asked: ArchiveStep, more: Callable[[], bool]) -> Answer:
    if asked.finish:
        return {"bytes": data.archives.finish(asked.archive, asked.step)}
    if asked.tenant is None:
        data.archives.add(asked.archive, asked.step, asked.files)
        return {}
    cursor = data.archives.add_tenant(
        asked.archive, asked.step, asked.tenant, asked.folder, asked.cursor, more
    )
    return {"cursor": cursor}
