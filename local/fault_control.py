"""Switches fault proxies from another process: GET and PUT of JSON on the loopback address.

`GET /faults` says what each proxy does; `PUT /faults/NAME` with `{"kind": "slow", "seconds": 2}` changes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler
from typing import Any

from local.faults import Fault, FaultProxy
from local.quiet_server import serving

_BODY_BYTES_MAX = 4096


@contextmanager
def fault_control(proxies: Mapping[str, FaultProxy], *, port: int = 0) -> Iterator[str]:
    """The endpoint's address."""
    with serving(_handler_of(proxies), port=port) as url:
        yield url


def _handler_of(proxies: Mapping[str, FaultProxy]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

        def do_GET(self) -> None:
            if self.path == "/faults":
                self._answer(200, {name: asdict(proxy.fault) for name, proxy in proxies.items()})
            else:
                self._answer(404, {"error": "there is /faults"})

        def do_PUT(self) -> None:
            proxy = proxies.get(self.path.removeprefix("/faults/"))
            if proxy is None:
                self._answer(404, {"error": f"there is /faults/{' and /faults/'.join(proxies)}"})
                return
            length = int(self.headers.get("Content-Length") or 0)
            try:
                fault = Fault(**json.loads(self.rfile.read(min(length, _BODY_BYTES_MAX))))
            except (ValueError, TypeError) as error:
                self._answer(400, {"error": str(error)})
                return
            proxy.set(fault)
            self._answer(200, asdict(fault))

        def _answer(self, status: int, document: Any) -> None:
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler
