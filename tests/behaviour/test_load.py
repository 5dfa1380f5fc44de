"""The load of the benchmarks: every request is counted once, refusals are errors, a missed own write is told."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from benchmarks.load import run
from benchmarks.scenarios import SEARCH, UPSERT, Mixed, Searches, Upserts

SECONDS = 0.2
HEADERS = {"Content-Type": "application/json", "X-Told": "yes"}


class Answers(BaseHTTPRequestHandler):
    """Queries find nothing, /refused is refused, and anything else is done."""

    protocol_version = "HTTP/1.1"
    seen: ClassVar[Counter[str]] = Counter()
    lock = threading.Lock()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        with self.lock:
            self.seen[self.path if self.headers["X-Told"] == "yes" else "untold"] += 1
        body = json.dumps({"matches": []}).encode()
        if self.path == "/dropped":
            self.close_connection = True
            return
        self.send_response(503 if self.path == "/refused" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: pytest has no use for it."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_what_was_sent_is_what_is_counted(url: str) -> None:
    """By kind, of all clients together."""
    Answers.seen.clear()
    load = run(Upserts("/vectors", ['{"id": "@@"}'], 10), url, HEADERS, 2, SECONDS)
    assert Answers.seen == {"/vectors": load.requests}
    assert len(load.milliseconds[UPSERT]) == load.requests > 0
    assert load.counts["written"] == 10 * load.requests
    assert load.error_rate == 0
    assert load.percentiles(UPSERT) == tuple(sorted(load.percentiles(UPSERT)))


def test_a_refusal_is_an_error(url: str) -> None:
    """A fast one must not pass for a fast answer."""
    load = run(Searches("/refused", [b"{}"]), url, HEADERS, 1, SECONDS)
    assert load.error_rate == 1


def test_a_connection_that_ends_is_an_error_and_the_next_request_has_another(url: str) -> None:
    """No time is counted for what was not answered."""
    Answers.seen.clear()
    load = run(Searches("/dropped", [b"{}"]), url, HEADERS, 2, SECONDS)
    assert load.error_rate == 1
    assert load.requests == Answers.seen["/dropped"] > 2
    assert SEARCH not in load.milliseconds


@pytest.mark.parametrize("processes", [1, 2])
def test_what_is_larger_than_a_socket_takes_at_once_is_sent_whole(url: str, processes: int) -> None:
    """By several clients side by side, in one process or in several."""
    Answers.seen.clear()
    load = run(Searches("/query", [b" " * 8_000_000]), url, HEADERS, 3, SECONDS, processes=processes)
    assert load.error_rate == 0
    assert load.requests == Answers.seen["/query"] >= 3


def test_an_own_write_that_is_not_found_is_told(url: str) -> None:
    """The server here finds nothing, so each is missed."""
    load = run(Mixed(Searches("/query", [b"{}"]), "/vectors", 4, "run"), url, HEADERS, 1, SECONDS)
    assert load.counts["own_writes_missed"] == load.counts["own_writes_checked"] > 0
    assert len(load.milliseconds[SEARCH]) + len(load.milliseconds[UPSERT]) == load.requests
