"""An origin that keeps the contract of `/api/*` in memory, and breaks it as a test says, over real sockets."""

from __future__ import annotations

import json
import math
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "the-canary-key"
SECRET = "the-origin-secret"


class ContractOrigin:
    """What the server does. `fault` is what is wrong with it, where a path begins with `fault_from`."""

    def __init__(self) -> None:
        self.key = KEY
        self.secret = SECRET
        self.records: dict[str, dict[str, Any]] = {}
        self.fault: str | None = None
        self.fault_from = "/"
        self.requests: list[tuple[str, str]] = []
        self.released = threading.Event()
        """Ends the waiting of those that do not answer."""
        self.url = ""

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        if path == "/health":
            return 200, {"status": "degraded" if self.fault == "degraded" else "healthy"}
        if path == "/api/vector/insert":
            if self.fault != "loses writes":
                self.records[body["id"]] = body
            return 200, {"success": True, "id": body["id"], "message": "stored"}
        if path.startswith("/api/vector/get/"):
            record = self.records.get(path.rpartition("/")[2])
            if record is None:
                return 404, {"success": False, "error": "unknown"}
            return 200, record
        assert path == "/api/vector/search"
        ranked = sorted(self.records.values(), key=lambda one: -_cosine(one["vector"], body["vector"]))
        if self.fault == "finds nothing":
            ranked = []
        if self.fault == "finds another":
            ranked = [{"id": "other", "vector": body["vector"], "metadata": {}}]
        results = [
            {
                "id": one["id"],
                "distance": 0.0,
                "score": _cosine(one["vector"], body["vector"]),
                "metadata": one["metadata"],
            }
            for one in ranked[: body["k"]]
        ]
        return 200, {"success": True, "results": results, "count": len(results), "algorithm": "exact"}


def _cosine(one: list[float], other: list[float]) -> float:
    lengths = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / lengths


@contextmanager
def contract_origin() -> Iterator[ContractOrigin]:
    """A running one."""
    origin = ContractOrigin()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            origin.requests.append((self.command, self.path))
            fault = origin.fault if self.path.startswith(origin.fault_from) else None
            if self.headers.get("Authorization") != f"Bearer {origin.key}":
                self._send(401, {"error": "no such key"})
            elif self.headers.get("x-quartzdb-origin-secret") != origin.secret:
                self._send(403, {"error": "around the edge"})
            elif fault in _FAULTS:
                _FAULTS[fault](self, origin)
            elif fault is not None and fault.isdecimal():
                self._send(int(fault), {"error": "as asked"})
            else:
                self._send(*origin.answer(self.command, self.path, json.loads(body or b"{}")))

        do_POST = do_GET  # noqa: N815 - http.server's names

        def _send(self, status: int, document: Any) -> None:
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass  # a client that gave up

    server = Server(("127.0.0.1", 0), Handler)
    origin.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield origin
    finally:
        origin.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def closed_port() -> int:
    """A port where nobody answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _hang(handler: BaseHTTPRequestHandler, origin: ContractOrigin) -> None:
    origin.released.wait(30)
    handler.close_connection = True


def _drip(handler: BaseHTTPRequestHandler, origin: ContractOrigin) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not origin.released.wait(0.02):
        handler.wfile.write(b" ")


def _reset(handler: BaseHTTPRequestHandler, origin: ContractOrigin) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def _hang_up(handler: BaseHTTPRequestHandler, origin: ContractOrigin) -> None:
    handler.close_connection = True


def _cut(handler: BaseHTTPRequestHandler, origin: ContractOrigin) -> None:
    handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"success": ')
    handler.close_connection = True


def _raw(content: bytes) -> Any:
    def send(handler: BaseHTTPRequestHandler, origin: ContractOrigin) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content)

    return send


def _garbage(handler: BaseHTTPRequestHandler, origin: ContractOrigin) -> None:
    handler.wfile.write(b"SSH-2.0-not-http\r\n\r\n")
    handler.close_connection = True


_FAULTS = {
    "hang": _hang,
    "drip": _drip,
    "reset": _reset,
    "hang up": _hang_up,
    "cut": _cut,
    "not json": _raw(b"<html>down for maintenance</html>"),
    "a list": _raw(b"[]"),
    "deep": _raw(b"[" * 100_000),
    "huge": _raw(b" " * 300_000),
    "garbage": _garbage,
}
