"""Telemetry of a function: Powertools' logger and metrics, and a tracer, set up once in one way.

Logs are JSON lines with the invocation's ids and a correlation id. Events, bodies, keys and secrets are never logged.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from aws_lambda_powertools import Logger, Metrics

from quartzdb.aws_lambda.metrics import NAMESPACE
from quartzdb.aws_lambda.settings import trace_header
from quartzdb.aws_lambda.xray import Tracer
from quartzdb.domain.values import dataclass

LambdaHandler = Callable[[Any, Any], Any]

_NOT_OURS = ("mangum.http",)
"""Loggers that would write paths, of which users' keys are part."""


class Counted(Protocol):
    """A metric: its name in CloudWatch and its unit."""

    title: str
    unit: str


class Deployed(Protocol):
    """What of a function's settings says how it is observed."""

    @property
    def service(self) -> str: ...

    @property
    def xray_daemon(self) -> tuple[str, int] | None: ...


@dataclass(frozen=True, slots=True)
class Telemetry:
    """One per function."""

    logger: Logger
    metrics: Metrics
    tracer: Tracer

    def count(self, metric: Counted, value: float = 1, *, tenant: str | None = None) -> None:
        """Add to a metric of this invocation; it is written when the handler returns.

        `tenant` stands beside it in the line, where a query of the log finds it, and is no dimension: each value of one
        is a metric of its own, which CloudWatch charges for.
        """
        self.metrics.add_metric(name=metric.title, unit=metric.unit, value=value)
        if tenant is not None:
            self.metrics.add_metadata(key="tenant", value=tenant)

    def handler(self, handle: LambdaHandler) -> LambdaHandler:
        """The handler with everything around it: ids in each log line, metrics written at its end, a subsegment."""
        cold = True

        def traced(event: Any, context: Any) -> Any:
            nonlocal cold
            with self.tracer.subsegment("handler"):
                self.tracer.annotate("ColdStart", cold)
                self.tracer.annotate("Service", self.logger.service)
                cold = False
                return handle(event, context)

        counted = self.metrics.log_metrics(traced, capture_cold_start_metric=True)
        logged: LambdaHandler = self.logger.inject_lambda_context(counted, log_event=False, clear_state=True)
        return logged


class _AsItIs(logging.Handler):
    """Writes each message as a line of standard output."""

    def emit(self, record: logging.LogRecord) -> None:
        """In one piece, at once. A line that cannot be written fails no request that was answered."""
        try:
            sys.stdout.write(record.getMessage() + "\n")
            sys.stdout.flush()
        except OSError:
            self.handleError(record)


class _DocumentsAsTheyAre(_AsItIs):
    """The same with messages that are documents; what else is told goes to `others`."""

    def __init__(self, others: logging.Handler) -> None:
        super().__init__()
        self._others = others

    def emit(self, record: logging.LogRecord) -> None:
        """As it is, or with everything around it that other lines have."""
        if record.getMessage().startswith("{"):
            super().emit(record)
        else:
            self._others.handle(record)


def telemetry(settings: Deployed, *, packages: Sequence[str] = ("quartzdb",)) -> Telemetry:
    """Set up telemetry for a function; the packages' own log lines go the same way from then on."""
    service = settings.service
    logger = Logger(service=service)
    for package in packages:
        _adopt(logger, package)
    _lines_as_they_are(logger.logger_handler)
    for name in _NOT_OURS:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Most invocations have nothing to count, and that is no news.
    warnings.filterwarnings("ignore", message="No application metrics to publish", category=UserWarning)
    return Telemetry(
        logger,
        Metrics(service=service, namespace=NAMESPACE),
        Tracer(settings.xray_daemon, trace_header),
    )


def _adopt(logger: Logger, name: str) -> None:
    package = logging.getLogger(name)
    package.handlers = [logger.logger_handler]
    package.propagate = False
    package.setLevel(logger.log_level)


def _lines_as_they_are(others: logging.Handler) -> None:
    # What is billed, and who did what, is read from here: nothing is put around it, and no log level leaves it out.
    for name, handler in (("quartzdb.access", _AsItIs()), ("quartzdb.audit", _DocumentsAsTheyAre(others))):
        lines = logging.getLogger(name)
        lines.handlers = [handler]
        lines.propagate = False
        lines.setLevel(logging.INFO)
