"""A proxy that lets a client meet what goes wrong between it and the server.

`python -m clients.conformance.proxy --target URL` prints its own address. A runner says which scenario begins, gets a
namespace's name for it, and hears at its end what was wrong with what the client sent:

    POST /__conformance/begin {"scenario": "…"}  →  {"namespace": "…"}
    POST /__conformance/end                      →  {"problems": ["…"]}

One scenario at a time.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import logging
import socket
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from clients.conformance.scenario import Fault, Request, Scenario, scenarios

logger = logging.getLogger(__name__)

_CONTROL = "/__conformance/"
_NOT_PASSED_ON = frozenset({"connection", "keep-alive", "host", "transfer-encoding", "content-length"})
_ANSWER_SECONDS_MAX = 30
_PIECES = 20
_RESET = struct.pack("ii", 1, 0)
"""Lingering for no time: the connection ends in a reset and not in order."""


class State:
    """The scenario that is on, and what was sent in it. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._scenarios = {scenario.name: scenario for scenario in scenarios()}
        self._numbers = itertools.count(1)
        self._scenario: Scenario | None = None
        self._requests: list[Request] = []
        self._met: dict[int, int] = {}

    def begin(self, name: str) -> str:
        """Start a scenario. Gives a namespace's name that was never used. Raises KeyError."""
        with self._lock:
            self._scenario = self._scenarios[name]
            self._requests, self._met = [], {}
            return f"conformance-{time.time_ns():x}-{next(self._numbers)}"

    def end(self) -> list[str]:
        """What was wrong with what was sent."""
        with self._lock:
            return self._scenario.problems(self._requests) if self._scenario else ["No scenario was begun."]

    def meet(self, request: Request) -> Fault | None:
        """Note a request. Gives the fault that it meets."""
        with self._lock:
            self._requests.append(request)
            for number, fault in enumerate(self._scenario.faults if self._scenario else ()):
                if not fault.on.matches(request.method, request.path):
                    continue
                met = self._met[number] = self._met.get(number, 0) + 1
                if fault.after < met <= fault.after + fault.times:
                    return fault
            return None


class FaultyProxy(ThreadingHTTPServer):
    """Listens on a free port of this machine, and passes on to `target`, as "http://127.0.0.1:8787"."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.state = State()

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - called by its name
        """A client that goes away is no error: some scenarios want just that."""
        logger.debug("a connection of %s failed: %s", client_address, sys.exception())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: FaultyProxy

    def handle_one_request(self) -> None:
        """One request of a connection, whatever its method."""
        self.raw_requestline = self.rfile.readline(65_537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        self.close_connection = self.headers.get("connection", "").lower() == "close"
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path.startswith(_CONTROL):
            self._control(body)
        else:
            self._pass_on(body)

    def log_message(self, format: str, *args: Any) -> None:
        logger.debug(format, *args)

    def _control(self, body: bytes) -> None:
        state = self.server.state
        if self.path == f"{_CONTROL}begin":
            answer: dict[str, object] = {"namespace": state.begin(json.loads(body)["scenario"])}
        else:
            answer = {"problems": state.end()}
        self._answer(200, {"Content-Type": "application/json"}, json.dumps(answer).encode())

    def _pass_on(self, body: bytes) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        fault = self.server.state.meet(Request(self.command, self.path, headers))
        if fault is None:
            self._answer(*self._asked(body))
            return
        if fault.do == "answer":
            content = b"" if fault.body is None else json.dumps(fault.body).encode()
            self._answer(fault.status, {"Content-Type": "application/problem+json", **fault.headers}, content)
        elif fault.do == "reset":
            self._reset()
        elif fault.do == "lose_answer":
            self._asked(body)
            self._reset()
        elif fault.do == "truncate":
            self._answer(*self._asked(body), share=0.5)
            self._reset()
        elif fault.do == "slow":
            time.sleep(fault.seconds)
            self._answer(*self._asked(body))
        elif fault.do == "trickle":
            self._answer(*self._asked(body), pieces=_PIECES, seconds=fault.seconds)
        elif fault.do == "duplicate":
            self._asked(body)
            self._answer(*self._asked(body))

    def _asked(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        parts = urlsplit(self.server.target)
        connection = http.client.HTTPConnection(parts.netloc, timeout=_ANSWER_SECONDS_MAX)
        try:
            kept = {name: value for name, value in self.headers.items() if name.lower() not in _NOT_PASSED_ON}
            connection.request(self.command, self.path, body, kept)
            answer = connection.getresponse()
            content = answer.read()
            headers = {
                name: value for name, value in answer.getheaders() if name.lower() not in _NOT_PASSED_ON
            }
            return answer.status, headers, content
        finally:
            connection.close()

    def _answer(
        self,
        status: int,
        headers: dict[str, str],
        content: bytes,
        *,
        share: float = 1,
        pieces: int = 1,
        seconds: float = 0,
    ) -> None:
        lines = [f"HTTP/1.1 {status} Status", *(f"{name}: {value}" for name, value in headers.items())]
        if self.command != "HEAD" and status not in (204, 304):
            lines.append(f"Content-Length: {len(content)}")
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        if self.command != "HEAD":
            sent = content[: int(len(content) * share)]
            size = -(-len(sent) // pieces) or 1
            for at in range(0, len(sent), size):
                time.sleep(seconds)
                self.wfile.write(sent[at : at + size])
                self.wfile.flush()
        self.wfile.flush()

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.connection.close()
        self.close_connection = True


def main() -> None:
    """Serve until it is stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", required=True, help="the server, as http://127.0.0.1:8787")
    with FaultyProxy(parser.parse_args().target) as proxy:
        print(json.dumps({"url": proxy.url}), flush=True)  # noqa: T201 - for who started it
        proxy.serve_forever()


if __name__ == "__main__":
    main()
