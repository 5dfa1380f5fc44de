"""What is known of a request while it is served: for its log line and its error documents. Never keys nor contents."""

from __future__ import annotations

from quartzdb.api.asgi import AsgiScope
from quartzdb.domain.units import NOTHING, Units
from quartzdb.domain.values import dataclass

_PLACE = "quartzdb.trace"


@dataclass(slots=True)
class Trace:
    """Filled in as the request comes along; each part of the edge writes only what it finds out."""

    request_id: str
    operation: str | None = None
    tenant: str | None = None
    key_id: str | None = None
    namespace: str | None = None
    bytes_in: int = 0
    records: int = 0
    """Records or keys that were answered, written or deleted."""
    units: Units = NOTHING
    code: str | None = None
    target: str | None = None
    """What an audited operation is done to, where its path does not say."""
    of_browser: bool = False
    """Whether the key is of a page in a browser."""

    def used(self, units: Units, records: int) -> None:
        """The request is done, and has used so much."""
        self.units, self.records = units, records


def begin_trace(scope: AsgiScope, request_id: str) -> Trace:
    """Attach a new trace to a request."""
    trace = Trace(request_id)
    scope[_PLACE] = trace
    return trace


def trace_of(scope: AsgiScope) -> Trace:
    """The trace of a request that came as far as the application."""
    trace = scope[_PLACE]
    assert isinstance(trace, Trace)
    return trace


def find_trace(scope: AsgiScope) -> Trace | None:
    """The trace of a request that may not have come that far."""
    trace = scope.get(_PLACE)
    assert trace is None or isinstance(trace, Trace)
    return trace
