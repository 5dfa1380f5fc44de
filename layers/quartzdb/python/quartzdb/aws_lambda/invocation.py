"""What is known of the invocation that carries a request: attached to the ASGI scope by the event adapter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from quartzdb.api.asgi import AsgiScope, RawHeaders
from quartzdb.api.request_id import HEADER, is_sane
from quartzdb.domain.values import dataclass

_PLACE = "quartzdb.invocation"
_REQUEST_ID = HEADER.lower().encode()


class LambdaContext(Protocol):
    """What is used of Lambda's context object."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Invocation:
    """One request's."""

    request_id: str
    remaining_ms: Callable[[], int]


def identified(headers: RawHeaders, context: LambdaContext) -> str:
    """The request's id: the caller's own, or else the invocation's, which is then put into the headers.

    So the id that a caller is told is the one in Lambda's log lines.
    """
    for name, value in headers:
        if name == _REQUEST_ID:
            given = value.decode("latin-1")
            if is_sane(given):
                return given
    headers[:] = [pair for pair in headers if pair[0] != _REQUEST_ID]
    headers.append((_REQUEST_ID, context.aws_request_id.encode()))
    return context.aws_request_id


def attach(scope: AsgiScope, invocation: Invocation) -> AsgiScope:
    """The scope, with the invocation in it."""
    scope[_PLACE] = invocation
    return scope


def invocation_of(scope: AsgiScope) -> Invocation:
    """The invocation of a request that came through an event adapter."""
    invocation = scope[_PLACE]
    assert isinstance(invocation, Invocation)
    return invocation
