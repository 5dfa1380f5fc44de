"""Sends subsegments to X-Ray's daemon, in place of the X-Ray SDK and of what Powertools builds on it.

The SDK makes a client of its own on import, which needs another service model and costs a third of a function's start;
a subsegment is one JSON document in one UDP packet. Owns that format and never fails a request: what cannot be sent is
dropped. Format: https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html
"""

from __future__ import annotations

import os
import socket
import time
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import field
from typing import Any

import orjson

from quartzdb.domain.values import dataclass

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
class Subsegment:
    """One stretch of work. X-Ray indexes annotations: their keys are letters, digits and underscores.

    Of what it failed with only the kind is kept: a message may quote what a user sent.
    """

    name: str
    context: TraceContext
    started_at: float
    annotations: dict[str, Any] = field(default_factory=dict)
    failed_with: str | None = None

    def document(self, ended_at: float) -> dict[str, Any]:
        """As X-Ray takes it."""
        document: dict[str, Any] = {
            "type": "subsegment",
            "id": os.urandom(8).hex(),
            "trace_id": self.context.trace_id,
            "parent_id": self.context.parent_id,
            "name": self.name,
            "start_time": self.started_at,
            "end_time": ended_at,
        }
        if self.annotations:
            document["annotations"] = self.annotations
        if self.failed_with is not None:
            document["fault"] = True
            document["cause"] = {"exceptions": [{"id": os.urandom(8).hex(), "type": self.failed_with}]}
        return document


class Tracer:
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
    def subsegment(self, name: str) -> Generator[None, None, None]:
        """Around the work of one invocation: sent when the block ends, if the invocation is sampled."""
        context = TraceContext.parse(self._header()) if self._daemon else None
        if context is None:
            yield
            return
        subsegment = Subsegment(name[:200], context, self._unix_seconds())
        token = self._current.set(subsegment)
        try:
            yield
        except BaseException as error:
            subsegment.failed_with = type(error).__name__
            raise
        finally:
            self._current.reset(token)
            self._send(subsegment)

    def annotate(self, key: str, value: Any) -> None:
        """Annotate the present subsegment, if there is one."""
        current = self._current.get()
        if current is not None:
            current.annotations[key] = value

    def _send(self, subsegment: Subsegment) -> None:
        assert self._daemon is not None, "only what is sampled is sent"
        packet = _PREAMBLE + orjson.dumps(subsegment.document(self._unix_seconds()), default=str)
        if len(packet) > _PACKET_BYTES_MAX:
            return
        try:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                self._socket.setblocking(False)
                weakref.finalize(self, self._socket.close)
            self._socket.sendto(packet, self._daemon)
        except OSError:
            # The daemon takes no more at present. A trace is not worth a failed request, nor a wait.
            return
