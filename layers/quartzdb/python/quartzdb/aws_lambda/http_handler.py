"""From Lambda's events to the application and back: Mangum with an event adapter of our own, and what stands in front.

guard (origin secret) → deadline → application. Nothing behind the guard runs for a request that did not come through
CloudFront. Where there is none, the guard's place is taken by what CloudFront would have said to browsers.
"""

from __future__ import annotations

from typing import Any

from mangum import Mangum

from quartzdb.api.asgi import Application, AsgiScope, Message, Receive, Send
from quartzdb.api.trace import find_trace
from quartzdb.aws_lambda.deadline import InvocationDeadline
from quartzdb.aws_lambda.function_url import FunctionUrl, OpenFunctionUrl
from quartzdb.aws_lambda.invocation import invocation_of
from quartzdb.aws_lambda.metrics import CloudWatchMetric
from quartzdb.aws_lambda.open_address import OpenAddress
from quartzdb.aws_lambda.origin_secret import OriginGuard, OriginSecret
from quartzdb.aws_lambda.telemetry import LambdaHandler, Telemetry
from quartzdb.domain.errors import Corrupted


class Observed:
    """Middleware, outermost: every log line of the request carries its id, and failures are counted."""

    def __init__(self, app: Application, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        self._telemetry.logger.set_correlation_id(invocation_of(scope).request_id)

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                status = message["status"]
                self._telemetry.tracer.annotate("status", status)
                if status >= 500:
                    trace = find_trace(scope)
                    self._telemetry.count(
                        CloudWatchMetric.SERVER_ERRORS, tenant=trace.tenant if trace else None
                    )
            await send(message)

        await self._app(scope, receive, watched)
        trace = find_trace(scope)
        if trace is None:
            return  # refused before it reached the application
        self._telemetry.tracer.annotate("operation", trace.operation or "none")
        if trace.code == Corrupted.code:
            self._telemetry.count(CloudWatchMetric.SNAPSHOT_DEGRADED)


def http_handler(app: Application, secret: OriginSecret | None, telemetry: Telemetry) -> LambdaHandler:
    """The function that Lambda calls with an event of a Function URL; `secret` None: clients call it themselves."""

    def refused() -> None:
        telemetry.count(CloudWatchMetric.ORIGIN_REFUSED)

    def ran_out() -> None:
        telemetry.count(CloudWatchMetric.DEADLINE_EXCEEDED)

    timed = InvocationDeadline(app, exceeded=ran_out)
    front = OpenAddress(timed) if secret is None else OriginGuard(timed, secret, refused=refused)
    event = OpenFunctionUrl if secret is None else FunctionUrl
    adapter = Mangum(Observed(front, telemetry), lifespan="off", custom_handlers=[event])

    def handle(event: Any, context: Any) -> Any:
        return adapter(event, context)

    return handle
