"""A real HTTP server in an origin's place: it answers as it is told, and keeps what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from quartzdb.net.address import Address


@dataclass(frozen=True)
class Asked:
    """A request as it arrived. Names of headers are in lower case; repeated ones are joined by `|`."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int
    """The client's port: the same for requests of one connection."""


@dataclass
class RecordingOrigin:
    """One server. What it answers may be changed at any time."""

    name: str
    address: Address = field(default_factory=lambda: Address("127.0.0.1", 0, "http"))
    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=lambda: [("Content-Type", "text/plain")])
    body: bytes | None = None
    """None: the server's name."""
    asked: list[Asked] = field(default_factory=list)
    resolves: bool = True


@contextmanager
def recording_origin(name: str) -> Iterator[RecordingOrigin]:
    """Running."""
    origin = RecordingOrigin(name)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(origin))
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    origin.address = Address("127.0.0.1", server.server_port, "http")
    try:
        yield origin
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler_of(origin: RecordingOrigin) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers: dict[str, str] = {}
            for name, value in self.headers.items():
                headers[name.lower()] = (
                    f"{headers[name.lower()]}|{value}" if name.lower() in headers else value
                )
            origin.asked.append(Asked(self.command, self.path, headers, body, self.client_address[1]))
            content = origin.name.encode() if origin.body is None else origin.body
            self.send_response(origin.status)
            for name, value in origin.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = serve  # noqa: N815 - http.server's names

    return Handler
