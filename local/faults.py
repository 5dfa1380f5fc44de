"""A proxy in front of an origin that breaks it at will: refused, silent, slow, reset, wrong, cut off, or nameless.

Whole origins fail here, whatever is asked of them; tests/aws_fault_proxy.py breaks single requests to AWS by what they
say. Listens on the loopback address only. Python objects, and an endpoint for whoever is in another process.
"""

from __future__ import annotations

import http.client
import random
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any, Literal, get_args

from local.quiet_server import QuietServer
from quartzdb.net.address import Address

Kind = Literal["none", "refuse", "blackhole", "slow", "reset", "error_5xx", "truncated", "dns"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_UPSTREAM_SECONDS = 60
_LEFT_OUT = frozenset({"connection", "transfer-encoding", "content-length", "date", "server", "keep-alive"})


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to requests.

    refuse: the port is closed. blackhole: it is open, and nothing ever comes. slow: the answer comes `seconds` late.
    reset: the connection is reset when the request is there. error_5xx: `status`, and the origin is not asked.
    truncated: half of the body, then the end. dns: the name leads nowhere, and the port is closed for those who still
    know it. `fraction` of the requests have it; refuse and dns are for all.
    """

    kind: Kind = "none"
    seconds: float = 0.0
    fraction: float = 1.0
    status: int = 503

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"a fault is one of {', '.join(KINDS)}")
        if not 0 <= self.fraction <= 1 or not 0 <= self.seconds <= 3600 or not 500 <= self.status <= 599:
            raise ValueError("a fault's fraction is 0 to 1, its delay at most an hour, its status 500 to 599")


class FaultProxy:
    """In front of one origin. `seed` decides which requests a fraction is."""

    def __init__(self, upstream: Address, *, port: int = 0, seed: int = 0) -> None:
        self.upstream = upstream
        self.served = 0
        """Requests that reached the origin and were answered by it."""
        self._fault = Fault()
        self._random = random.Random(seed)
        self._changed = threading.Condition()
        self._open: set[socket.socket] = set()
        # Bound and never listening: it keeps the port while it is closed to everybody.
        self._reserved = _bound(port)
        self.port: int = self._reserved.getsockname()[1]
        self._server: _Server | None = None
        self._listen()

    @property
    def address(self) -> Address:
        """Where it listens."""
        return Address("127.0.0.1", self.port, "http")

    @property
    def resolves(self) -> bool:
        """Whether its name leads here."""
        return self._fault.kind != "dns"

    @property
    def open_connections(self) -> int:
        """Of clients, now."""
        return len(self._open)

    @property
    def closed(self) -> bool:
        """Whether nothing gets through any more, not even what waited until now."""
        return self._fault.kind in {"refuse", "dns"}

    @property
    def fault(self) -> Fault:
        """The present one."""
        return self._fault

    def set(self, fault: Fault) -> None:
        """From now on, also for connections that are open and for requests that wait."""
        with self._changed:
            self._fault = fault
            self._changed.notify_all()
            if self.closed:
                self._close_listener()
            elif self._server is None:
                self._listen()
            waiting = list(self._open) if self.closed or fault.kind == "reset" else []
        for each in waiting:
            _reset(each)

    def heal(self) -> None:
        """Everything passes again."""
        self.set(Fault())

    def stop(self) -> None:
        """Close it for good."""
        self.set(Fault("refuse"))
        self._reserved.close()

    def draw(self) -> Fault:
        """The fault of one request."""
        with self._changed:
            fault = self._fault
            return fault if fault.fraction >= 1 or self._random.random() < fault.fraction else Fault()

    def wait_while(self, fault: Fault, seconds: float | None) -> None:
        """Until another fault is set, or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._fault is not fault, seconds)

    def note(self, connection: socket.socket, *, is_open: bool) -> None:
        """A client's connection has begun or ended."""
        with self._changed:
            (self._open.add if is_open else self._open.discard)(connection)

    def _listen(self) -> None:
        server = _Server(self)
        self._server = server
        threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="fault-proxy", daemon=True
        ).start()

    def _close_listener(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@contextmanager
def fault_proxy(upstream: Address, *, port: int = 0, seed: int = 0) -> Iterator[FaultProxy]:
    """A running proxy."""
    proxy = FaultProxy(upstream, port=port, seed=seed)
    try:
        yield proxy
    finally:
        proxy.stop()


class _Server(QuietServer):
    request_queue_size = 128

    def __init__(self, proxy: FaultProxy) -> None:
        self.proxy = proxy
        super().__init__(("127.0.0.1", proxy.port), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = _bound(proxy.port)
        self.server_address = self.socket.getsockname()
        self.server_activate()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """One connection. That the other side went away is what this is for, so it is no error."""
        self.proxy.note(request, is_open=True)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.proxy.note(request, is_open=False)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: there are many."""

    def relay(self) -> None:
        """One request."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        proxy = self.server.proxy
        fault = proxy.draw()
        if fault.kind == "slow":
            proxy.wait_while(fault, fault.seconds)
        if fault.kind == "blackhole":
            proxy.wait_while(fault, None)
        if fault.kind in {"blackhole", "reset", "refuse", "dns"} or proxy.closed:
            self._break()
            return
        if fault.kind == "error_5xx":
            self._answer(fault.status, [("Content-Type", "text/plain")], b"broken on purpose\n", cut=False)
            return
        try:
            status, headers, content = self._forward(body)
        except (OSError, http.client.HTTPException):
            self._break()  # as if there were no proxy in between
            return
        proxy.served += 1
        self._answer(status, headers, content, cut=fault.kind == "truncated")

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = relay  # noqa: N815 - http.server's

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        upstream = self.server.proxy.upstream
        connection = http.client.HTTPConnection(upstream.host, upstream.port, timeout=_UPSTREAM_SECONDS)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in {"connection", "content-length", "expect", "transfer-encoding"}:
                    connection.putheader(name, value)
            if body or "Content-Length" in self.headers:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes, *, cut: bool) -> None:
        self.send_response_only(status)
        length = str(len(content))
        for name, value in headers:
            if name.lower() == "content-length" and self.command == "HEAD":
                length = value
            if name.lower() not in _LEFT_OUT:
                self.send_header(name, value)
        if status not in {204, 304}:
            self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            self.close_connection = True

    def _break(self) -> None:
        self.close_connection = True
        _reset(self.connection)


def _bound(port: int) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(("127.0.0.1", port))
    return sock


def _reset(connection: socket.socket) -> None:
    try:
        # Without lingering a close is a reset; the thread that reads from it is told by the shutdown.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it has ended already
