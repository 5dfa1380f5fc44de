"""A loopback HTTP proxy that breaks requests on demand: what a client of AWS meets on a bad day."""

from __future__ import annotations

import http.client
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Request:
    """What was asked. `name` is DynamoDB's operation ("PutItem"), or S3's method ("GET")."""

    name: str
    path: str
    body: bytes


@dataclass(frozen=True)
class Fault:
    """What happens instead of an answer.

    refused: the request never arrives, and this status and body come back. reset: it never arrives and the connection
    breaks. lost: it arrives and is carried out, and then the connection breaks. late: it is carried out and the answer
    comes after `seconds`. cut: half of the answer's body comes, then the connection breaks. damaged: the first byte of
    the answer's body is another.
    """

    kind: Literal["refused", "reset", "lost", "late", "cut", "damaged"]
    status: int = 500
    body: bytes = b""
    seconds: float = 0.0


def dynamodb_error(code: str, status: int = 400) -> Fault:
    """An error as DynamoDB says it."""
    body = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": code}).encode()
    return Fault("refused", status, body)


def s3_error(code: str, status: int) -> Fault:
    """An error as S3 says it."""
    return Fault("refused", status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode())


Plan = Callable[[Request], Fault | None]


@dataclass
class FaultProxy:
    """In front of one emulator. `plan` decides on each request; by default everything passes."""

    upstream: str
    url: str = ""
    plan: Plan = lambda request: None
    seen: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(self, name: str, fault: Fault, *, times: int = 1_000_000, path: str = "") -> None:
        """Break the next `times` requests of that name whose path holds `path`."""
        left = [times]

        def plan(request: Request) -> Fault | None:
            if request.name != name or path not in request.path or left[0] == 0:
                return None
            left[0] -= 1
            return fault

        with self.lock:
            self.plan = plan
            self.seen.clear()

    def heal(self) -> None:
        """Let everything pass again."""
        with self.lock:
            self.plan = lambda request: None

    def count(self, name: str) -> int:
        """Requests of that name since the last `fail`."""
        with self.lock:
            return sum(1 for request in self.seen if request.name == name)

    def decide(self, request: Request) -> Fault | None:
        """Note the request, and what is to happen to it."""
        with self.lock:
            self.seen.append(request)
            return self.plan(request)


@contextmanager
def fault_proxy(upstream: str) -> Iterator[FaultProxy]:
    """A running proxy."""
    proxy = FaultProxy(upstream)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(proxy))
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler_of(proxy: FaultProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # or each body waits for 40 ms behind its headers

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def relay(self) -> None:
            body = self._body()
            target = self.headers.get("X-Amz-Target", "")
            request = Request(target.partition(".")[2] or self.command, self.path, body)
            fault = proxy.decide(request)
            if fault is None:
                self._answer(*self._forward(body))
            elif fault.kind == "refused":
                self._answer(fault.status, [("Content-Type", "application/x-amz-json-1.0")], fault.body)
            elif fault.kind == "reset":
                self._break()
            elif fault.kind == "lost":
                self._forward(body)
                self._break()
            elif fault.kind == "damaged":
                status, headers, content = self._forward(body)
                self._answer(status, headers, bytes([content[0] ^ 1]) + content[1:])
            elif fault.kind == "late":
                answer = self._forward(body)
                time.sleep(fault.seconds)
                self._answer(*answer)
            else:
                status, headers, content = self._forward(body)
                self._answer(status, headers, content, cut_at=len(content) // 2)
                self._break()

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = relay  # noqa: N815 - http.server's names

        def _body(self) -> bytes:
            if self.headers.get("Expect", "").lower() == "100-continue":
                pass  # http.server has answered that already
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            place = urlsplit(proxy.upstream)
            connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
            try:
                headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
                return answer.status, answer.getheaders(), answer.read()
            finally:
                connection.close()

        def _answer(
            self, status: int, headers: list[tuple[str, str]], content: bytes, *, cut_at: int | None = None
        ) -> None:
            left_out = {"connection", "transfer-encoding", "content-length", "date", "server"}
            try:
                self.send_response(status)
                length = str(len(content))
                for name, value in headers:
                    if name.lower() == "content-length" and self.command == "HEAD":
                        length = value
                    if name.lower() not in left_out:
                        self.send_header(name, value)
                self.send_header("Content-Length", length)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content[:cut_at])
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client lost its patience

        def _break(self) -> None:
            # Without lingering a close is a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

    return Handler
