"""Sends subsegments to X-Ray's daemon: what Powertools' Tracer writes to, in place of the X-Ray SDK.

The SDK makes a client of its own on import, which needs another service model and costs a third of a function's start;
a subsegment is one JSON document in one UDP packet. Owns that format and never fails a request: what cannot be sent is
dropped. Format: https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import orjson
from aws_lambda_powertools.tracing.base import BaseProvider, BaseSegment

_PREAMBLE = b'{"format":"json","version":1}\n'
_PACKET_BYTES_MAX = 60_000
"""A larger datagram cannot be sent over loopback; X-Ray itself takes 64 KB."""


@dataclass(frozen=True, slots=True)
class TraceContext:
    """Where a subsegment belongs: the trace, and the segment that Lambda opened for the invocation."""

    trace_id: str
    parent_id: str

    @staticmethod
    def parse(header: str) -> TraceContext | None:
        """From X-Ray's header ("Root=…;Parent=…;Sampled=1"); None where the invocation is not sampled."""
        parts = dict(part.strip().partition("=")[::2] for part in header.split(";") if "=" in part)
        if parts.get("Sampled") != "1" or not parts.get("Root") or not parts.get("Parent"):
            return None
        return TraceContext(parts["Root"], parts["Parent"])


@dataclass(slots=True)
class Subsegment(BaseSegment):
    """One stretch of work. Annotations are indexed by X-Ray, metadata is not."""

    name: str
    context: TraceContext | None
    started_at: float
    id: str = field(default_factory=lambda: os.urandom(8).hex())
    annotations: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed_with: str | None = None

    def put_annotation(self, key: str, value: Any) -> None:
        """Annotate, under a key of letters, digits and underscores."""
        self.annotations[key] = value

    def put_metadata(self, key: str, value: Any, namespace: str = "default") -> None:
        """Add what is shown, but not indexed."""
        self.metadata.setdefault(namespace, {})[key] = value

    def add_exception(self, exception: BaseException, stack: Any = (), remote: bool = False) -> None:  # noqa: ARG002 - the port's signature
        """Mark the work as failed. Only the kind is kept: a message may quote what a user sent."""
        self.failed_with = type(exception).__name__

    def close(self, end_time: float | None = None) -> None:
        """Nothing to do: the provider sends it."""

    def add_subsegment(self, subsegment: Any) -> None:
        """Nothing to do: each is sent on its own."""

    def remove_subsegment(self, subsegment: Any) -> None:
        """Nothing to do: each is sent on its own."""

    def document(self, ended_at: float) -> dict[str, Any]:
        """As X-Ray takes it. Only for a sampled one."""
        assert self.context is not None
        document: dict[str, Any] = {
            "type": "subsegment",
            "id": self.id,
            "trace_id": self.context.trace_id,
            "parent_id": self.context.parent_id,
            "name": self.name,
            "start_time": self.started_at,
            "end_time": ended_at,
        }
        if self.annotations:
            document["annotations"] = self.annotations
        if self.metadata:
            document["metadata"] = self.metadata
        if self.failed_with is not None:
            document["fault"] = True
            document["cause"] = {
                "exceptions": [{"id": os.urandom(8).hex(), "type": self.failed_with}],
            }
        return document


class XRayProvider(BaseProvider):
    """`header` gives X-Ray's header of the invocation under way; `daemon` None: nothing is sent."""

    def __init__(
        self,
        daemon: tuple[str, int] | None,
        header: Callable[[], str],
        *,
        unix_seconds: Callable[[], float] = time.time,
    ) -> None:
        self._daemon = daemon
        self._header = header
        self._unix_seconds = unix_seconds
        self._current: ContextVar[Subsegment | None] = ContextVar("quartzdb_subsegment", default=None)
        self._socket: socket.socket | None = None

    @contextmanager
    def in_subsegment(self, name: str = "", **_: Any) -> Generator[Subsegment, None, None]:
        """A subsegment of the present one, sent when the block ends."""
        outer = self._current.get()
        if outer is None or outer.context is None:
            context = TraceContext.parse(self._header()) if outer is None and self._daemon else None
        else:
            context = TraceContext(outer.context.trace_id, outer.id)
        subsegment = Subsegment(name[:200], context, self._unix_seconds())
        token = self._current.set(subsegment)
        try:
            yield subsegment
        except BaseException as error:
            subsegment.add_exception(error)
            raise
        finally:
            self._current.reset(token)
            self._send(subsegment)

    @asynccontextmanager
    async def in_subsegment_async(self, name: str = "", **options: Any) -> AsyncGenerator[Subsegment, None]:
        """The same in a coroutine: sending does not block."""
        with self.in_subsegment(name, **options) as subsegment:
            yield subsegment

    def put_annotation(self, key: str, value: Any) -> None:
        """Annotate the present subsegment, if there is one."""
        current = self._current.get()
        if current is not None:
            current.put_annotation(key, value)

    def put_metadata(self, key: str, value: Any, namespace: str = "default") -> None:
        """Add to the present subsegment, if there is one."""
        current = self._current.get()
        if current is not None:
            current.put_metadata(key, value, namespace)

    def patch(self, modules: Sequence[str]) -> None:
        """Nothing is patched: the functions say themselves what is worth a subsegment."""

    def patch_all(self) -> None:
        """Likewise."""

    def _send(self, subsegment: Subsegment) -> None:
        if subsegment.context is None or self._daemon is None:
            return
        packet = _PREAMBLE + orjson.dumps(subsegment.document(self._unix_seconds()), default=str)
        if len(packet) > _PACKET_BYTES_MAX:
            return
        try:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                self._socket.setblocking(False)
            self._socket.sendto(packet, self._daemon)
        except OSError:
            # The daemon takes no more at present. A trace is not worth a failed request, nor a wait.
            return
