"""The simulator as a server on the loopback address, and all that it is made of, started and stopped together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from local.cloudfront.distribution import Distribution
from local.cloudfront.handling import Answered, Handled, Handling
from local.cloudfront.instances import Instances
from local.cloudfront.names import Names
from local.cloudfront.viewer import ViewerRequest
from local.quiet_server import serving

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
"""An emulator of AWS takes these."""


@dataclass(frozen=True, slots=True)
class Simulator:
    """A running distribution. `url` is where viewers go."""

    url: str
    handling: Handling
    instances: Instances | None

    @property
    def handled(self) -> list[Handled]:
        """What it has done so far, the oldest first."""
        return list(self.handling.handled)


@contextmanager
def simulator(
    distribution: Distribution,
    names: Names,
    *,
    bundle: Path | None,
    log: Path,
    environment: Mapping[str, str] = CREDENTIALS,
    instances_max: int = 8,
    freeze: bool = True,
    port: int = 0,
    client_ip: str | None = None,
) -> Iterator[Simulator]:
    """Run it. `bundle` is what functions.edge_router.build wrote; None: no function. `log`: what the function prints.

    `client_ip` is said to functions and origins instead of the loopback address.
    """
    instances = None
    if bundle is not None:
        instances = Instances(bundle, log, environment=environment, most=instances_max, freeze=freeze)
    handling = Handling(distribution, names, instances.invoke if instances else None)
    try:
        with serving(_handler_of(handling.answer, client_ip), port=port) as url:
            yield Simulator(url, handling, instances)
    finally:
        if instances is not None:
            instances.stop()


def _handler_of(
    answer: Callable[[ViewerRequest], Answered], client_ip: str | None
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: `handled` has them all."""

        def serve(self) -> None:
            uri, _, query = self.path.partition("?")
            viewer = ViewerRequest(
                self.command,
                uri,
                query,
                list(self.headers.items()),
                self._body(),
                client_ip or str(self.client_address[0]),
            )
            self._send(answer(viewer))

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = serve  # noqa: N815

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = bytearray()
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass  # trailers
            return bytes(body)

        def _send(self, answered: Answered) -> None:
            self.send_response_only(answered.status)
            for name, value in answered.headers:
                self.send_header(name, value)
            if answered.status not in {204, 304}:
                has_its_own = answered.length is not None and (answered.cut or self.command == "HEAD")
                self.send_header(
                    "Content-Length", str(answered.length if has_its_own else len(answered.body))
                )
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answered.body)
            if answered.cut:
                self.close_connection = True

    return Handler
