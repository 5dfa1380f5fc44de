"""HTTP on one connection, as uvicorn speaks it with httptools, within limits that uvicorn has none of.

Overridden are the callbacks of the transport and the parser, to know what the client is doing and since when. What the
client sends after its answer is read and dropped, within limits: a connection that is closed with unread bytes in it is
reset, and the answer is lost with it.
"""

from __future__ import annotations

import asyncio
import secrets
from enum import Enum, auto
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from quartzdb.api.errors import error_answer
from quartzdb.api.following import STOPPING
from quartzdb.api.refusals import HeadersTooLarge, Overloaded
from quartzdb.cli.serve.connections import Connections
from quartzdb.cli.serve.exchange import Exchange
from quartzdb.domain.errors import QuartzError

_TARGET_BYTES_MAX = 256
_DRAINED_BYTES = 48 * 1024
"""What a transport has sent at least between telling to pause writing and to go on: its two water marks."""


class _Doing(Enum):
    """What the client is doing, or is waited for to do."""

    NOTHING = auto()
    SENDING_HEADERS = auto()
    SENDING_BODY = auto()
    WAITING = auto()
    SENDING_IN_VAIN = auto()
    """The rest of a request that is answered already."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection among others."""

    def __init__(self, connections: Connections, **given: Any) -> None:
        super().__init__(**given)
        self.address = ""
        self._connections = connections
        self._limits = connections.limits
        self._doing = _Doing.NOTHING
        self._since = connections.now()
        self._new = True
        self._refused = False
        self._header_bytes = 0
        self._fruitless_bytes = 0
        """Received since the parser last made something of them."""
        self._discarded_bytes = 0
        self._blocked_since: float | None = None
        self._writing_since: float | None = None
        self._written_bytes = 0
        self._stopping = asyncio.Event()

    @property
    def idle_since(self) -> float | None:
        """Since when nothing is sent, nor waited for."""
        return self._since if self._doing is _Doing.NOTHING else None

    def overdue(self, now: float) -> bool:
        """Whether the client has taken too long. A request that was sent takes this server's time, not the client's."""
        limits = self._limits
        if self._blocked_since is not None and self._writing_since is not None:
            writing = limits.write_seconds_max + self._written_bytes / limits.write_bytes_per_second_min
            if now - self._blocked_since > limits.write_seconds_max or now - self._writing_since > writing:
                return True
        seconds = {
            _Doing.NOTHING: limits.header_seconds_max if self._new else limits.idle_seconds_max,
            _Doing.SENDING_HEADERS: limits.header_seconds_max,
            _Doing.SENDING_IN_VAIN: limits.discarded_seconds_max,
        }.get(self._doing)
        return seconds is not None and now - self._since > seconds

    def cut(self) -> None:
        """Close the connection at once; what could not be sent is dropped."""
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own
        """Take a place, or say that there is none."""
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        if not self._connections.admit(self):
            self._refuse(Overloaded("Too many connections are open.", hint="Use fewer, and keep them."))

    def shutdown(self) -> None:
        """The server stops: whoever waits for something to tell is to end its answer."""
        self._stopping.set()
        super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the place."""
        self._connections.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse it, unless nothing is expected any more."""
        if self._refused:
            self._discard(len(data))
            return
        if self._doing is _Doing.NOTHING:
            self._now_doing(_Doing.SENDING_HEADERS)
        self._fruitless_bytes += len(data)
        super().data_received(data)
        if self._fruitless_bytes > self._limits.header_bytes_max and not self._refused:
            self._refuse_headers()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._new = False
        self._header_bytes = 0
        self._now_doing(_Doing.SENDING_HEADERS)

    def on_url(self, url: bytes) -> None:
        """Some of the address."""
        self._header_bytes += len(url)
        if self._header_bytes <= self._limits.header_bytes_max:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field; also of those after a body, which count alike."""
        self._header_bytes += len(name) + len(value) + 4
        if self._header_bytes <= self._limits.header_bytes_max:
            # As in the class above, which every header would be one more call of.
            name = name.lower()
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The request is known: have it answered."""
        self._fruitless_bytes = 0
        if self._refused:
            return
        if self._header_bytes > self._limits.header_bytes_max:
            self._refuse_headers()
            return
        self._now_doing(_Doing.SENDING_BODY)
        scope: Any = self.scope
        scope[STOPPING] = self._stopping
        self._begin_exchange()
        if len(self.pipeline) > self._limits.pipelined_max:
            self.cut()

    def _begin_exchange(self) -> None:
        """Have the application answer, once what was asked before is answered."""
        version, scope = self.parser.get_http_version(), self.scope
        scope["method"] = self.parser.get_method().decode("ascii")
        scope["http_version"] = version
        target = _target_of(self.url) if len(self.url) <= _TARGET_BYTES_MAX else _parsed(self.url)
        scope["path"], scope["raw_path"], scope["query_string"] = target
        before: RequestResponseCycle | None = self.cycle  # None before the first request
        lingering: Any = _Lingering(self)  # all of a transport that an exchange uses
        self.cycle = Exchange(
            scope=scope,
            transport=lingering,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_body(self, body: bytes) -> None:
        """Some of the body."""
        self._fruitless_bytes = 0
        if self._refused:
            return
        if self.cycle.response_complete:
            self._discard(len(body))
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is sent."""
        self._fruitless_bytes = 0
        if self._refused:
            return
        super().on_message_complete()
        if self.cycle.response_complete:
            self._answered()
            if not self.cycle.keep_alive:
                self.transport.close()
        else:
            self._now_doing(_Doing.WAITING)

    def on_response_complete(self) -> None:
        """The answer is with the transport."""
        sent = self._doing is _Doing.WAITING
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self.flow.resume_reading()
            if self.pipeline:
                cycle, app = self.pipeline.pop()
                self._start_asgi_task(cycle, app)
            # No timer for the connection that is idle now: all are looked at once a second.
        if sent:
            self._answered()
        else:
            self._now_doing(_Doing.SENDING_IN_VAIN)

    def pause_writing(self) -> None:
        """The client reads more slowly than it is answered."""
        super().pause_writing()
        self._blocked_since = self._connections.now()
        if self._writing_since is None:
            self._writing_since, self._written_bytes = self._blocked_since, 0

    def resume_writing(self) -> None:
        """It has read some."""
        super().resume_writing()
        self._blocked_since = None
        self._written_bytes += _DRAINED_BYTES

    def finish(self) -> None:
        """Close the connection when the client has sent its request, and thereby read the answer, or after a while."""
        if self._doing is _Doing.WAITING:
            self.transport.close()
        elif not self.transport.is_closing():
            self.transport.write_eof()
            self._now_doing(_Doing.SENDING_IN_VAIN)

    def _answered(self) -> None:
        self._writing_since = None
        self._now_doing(_Doing.WAITING if self.pipeline else _Doing.NOTHING)

    def _now_doing(self, doing: _Doing) -> None:
        self._doing = doing
        self._since = self._connections.now()
        self._discarded_bytes = 0

    @property
    def _answerable(self) -> bool:
        cycle: RequestResponseCycle | None = (
            self.cycle
        )  # None before the first request, whatever it is declared to be
        return cycle is None or cycle.response_complete

    def _discard(self, size: int) -> None:
        self._discarded_bytes += size
        if self._discarded_bytes > self._limits.discarded_bytes_max:
            self.cut()

    def _refuse_headers(self) -> None:
        most = self._limits.header_bytes_max
        self._refuse(
            HeadersTooLarge(
                f"The headers of the request, its address included, have more than {most} bytes.",
                hint="Send large values in the body.",
            )
        )

    def _refuse(self, error: QuartzError) -> None:
        """Answer without the application, and take nothing more."""
        self._refused = True
        self._unset_keepalive_if_required()
        if self._answerable:
            answer = error_answer(error, "/v1", secrets.token_hex(16))
            headers = {
                **dict(answer.headers),
                "Content-Type": answer.content_type,
                "Content-Length": len(answer.body),
                "Connection": "close",
            }
            head = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
            self.transport.write(STATUS_LINE[answer.status] + head + b"\r\n" + answer.body)
            self.finish()
        else:
            self.cut()  # within a request that is being answered


def _parsed(url: bytes) -> tuple[str, bytes, bytes]:
    """Path, path as it came, and query string of an address."""
    parsed = httptools.parse_url(url)
    path = parsed.path.decode("ascii")
    return unquote(path) if "%" in path else path, parsed.path, parsed.query or b""


_target_of = lru_cache(maxsize=1_024)(_parsed)
"""Of addresses that are asked for again and again."""


class _Lingering:
    """A transport whose closing waits for the client."""

    __slots__ = ("_protocol", "is_closing", "write")

    def __init__(self, protocol: BoundedProtocol) -> None:
        self._protocol = protocol
        self.write = protocol.transport.write
        self.is_closing = protocol.transport.is_closing

    def close(self) -> None:
        self._protocol.finish()
