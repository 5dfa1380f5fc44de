"""The other site over HTTP, when it does not behave: a server of this process that answers whatever it is told to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import orjson
import pytest

from quartzdb.adapters.http import peer_connection
from quartzdb.adapters.http.http_replica import HttpReplica
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.domain.change import Delete
from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import (
    ClockSkew,
    Conflict,
    InvalidArgument,
    InvalidCursor,
    NamespaceDiffers,
    NamespaceNotFound,
    NotFound,
    QuartzError,
    TooLarge,
    Unavailable,
)
from quartzdb.domain.hlc import Version
from quartzdb.replication.ports import Applied, Feed, FeedGap
from quartzdb.storage.ports import Item
from tests.manual_clock import ManualClock
from tests.replica_sites import NAMESPACE

SECRET = "the secret of the two sites"
FROZEN = ManualClock()
"""2023-11-14 22:13:20."""
EMPTY = {"changes": [], "cursor": "c", "more": False, "through_ms": 1}


@dataclass
class Scripted:
    """What the server was asked, and what it answers next."""

    url: str
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    connections: int = 0
    answers: list[tuple[int, bytes, dict[str, str]]] = field(default_factory=list)
    before: Callable[[], None] = lambda: None
    hangs_up: bool = False
    """Whether it closes each connection after an answer, without saying so."""

    def answer(self, status: int, document: object, **headers: str) -> None:
        body = document if isinstance(document, bytes) else orjson.dumps(document)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.append((status, body, named))


@pytest.fixture
def server() -> Iterator[Scripted]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        scripted: ClassVar[Scripted]

        def setup(self) -> None:
            super().setup()
            self.scripted.connections += 1

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            self.scripted.asked.append((self.command, self.path, body))
            self.scripted.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.scripted.before()
            status, answer, headers = self.scripted.answers.pop(0)
            self.send_response(status)
            length = headers.pop("Content-Length", str(len(answer)))
            if length:
                self.send_header("Content-Length", length)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)
            self.close_connection = self.close_connection or self.scripted.hangs_up

        do_GET = do_POST = do_PUT = _answer  # noqa: N815 - names that the standard library asks for

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    serving = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving.daemon_threads = True
    Handler.scripted = Scripted(f"http://127.0.0.1:{serving.server_address[1]}")
    thread = threading.Thread(target=serving.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield Handler.scripted
    serving.shutdown()
    serving.server_close()
    thread.join()


Connect = Callable[..., HttpReplica]


@pytest.fixture
def connect(server: Scripted) -> Iterator[Connect]:
    """Makes replicas of the scripted server, or of another address."""
    with ExitStack() as closing:

        def make(url: str = server.url, clock: Clock | None = None, **changed: Any) -> HttpReplica:
            one = HttpReplica(url, lambda: SECRET, clock or SystemClock(), site="there", **changed)
            closing.callback(one.close)
            return one

        yield make


@pytest.fixture
def replica(server: Scripted, connect: Connect) -> HttpReplica:
    return connect(f"{server.url}/base/", seconds=5)


def changes(replica: HttpReplica) -> Any:
    return replica.changes(NAMESPACE, Feed.RECORDS, None, limit=500, exclude_site=None)


def problem(code: str, **more: object) -> dict[str, object]:
    return {"code": code, "detail": "what happened", "field": "changes[3].id", "hint": "what to do", **more}


def test_requests_carry_the_secret_over_one_connection(
    server: Scripted, replica: HttpReplica, connect: Connect
) -> None:
    """Below the address's own path, and with what else the way to the peer demands."""
    for _ in range(3):
        server.answer(200, EMPTY)
        changes(replica)
    assert server.connections == 1
    assert {one["authorization"] for one in server.headers} == {f"Bearer {SECRET}"}
    method, path, _ = server.asked[0]
    assert method == "GET"
    assert path.startswith("/base/v1/replication/changes?tenant=t&namespace=default&feed=records&limit=500")
    with_more = connect(headers=lambda: {"X-Origin": "o"})
    server.answer(200, EMPTY)
    changes(with_more)
    assert (server.headers[-1]["x-origin"], server.headers[-1]["authorization"]) == ("o", f"Bearer {SECRET}")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "invalid_argument", InvalidArgument),
        (400, "invalid_cursor", InvalidCursor),
        (400, "unheard_of", InvalidArgument),
        (413, "body_too_large", TooLarge),
        (404, "namespace_not_found", NamespaceNotFound),
        (404, "route_not_found", NotFound),
        (409, "conflict", Conflict),
        (409, "namespace_differs", NamespaceDiffers),
        (409, "clock_skew", ClockSkew),
        (401, "unauthenticated", Unavailable),
        (403, "forbidden", Unavailable),
        (301, "moved", Unavailable),
        (429, "rate_limited", Unavailable),
        (500, "internal_error", Unavailable),
        (503, "conflict", Unavailable),
    ],
)
def test_a_refusal_is_the_error_that_it_was(
    server: Scripted, replica: HttpReplica, status: int, code: str, kind: type[QuartzError]
) -> None:
    """The status says whether it will pass, whatever the code."""
    server.answer(status, problem(code))
    with pytest.raises(kind) as refused:
        changes(replica)
    assert type(refused.value) is kind
    assert "what happened" in refused.value.message
    assert refused.value.hint == "what to do"
    if not isinstance(refused.value, Unavailable):
        assert refused.value.field == "changes[3].id"
    assert SECRET not in str(refused.value)


def test_a_gap_says_where_to_go_on(server: Scripted, replica: HttpReplica) -> None:
    """Without a cursor it is no gap, but an answer that breaks the protocol."""
    server.answer(410, problem("feed_gap", cursor="there"))
    with pytest.raises(FeedGap) as gap:
        changes(replica)
    assert gap.value.cursor == "there"
    server.answer(410, problem("feed_gap"))
    with pytest.raises(InvalidArgument, match="breaks the protocol"):
        changes(replica)
    server.answer(410, problem("gone"))
    with pytest.raises(Unavailable):
        changes(replica)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("99999999", 3_600),
        ("Tue, 14 Nov 2023 22:13:30 GMT", 10),
        ("Tue, 14 Nov 2023 22:13:10 GMT", 0),
        ("soon", None),
        ("-1", None),
        ("", None),
    ],
)
def test_how_long_to_wait_is_passed_on(
    server: Scripted, connect: Connect, header: str, seconds: float | None
) -> None:
    """In seconds or as a date; never more than an hour."""
    replica = connect(clock=FROZEN)
    server.answer(503, problem("unavailable"), Retry_After=header)
    with pytest.raises(Unavailable) as refused:
        changes(replica)
    assert refused.value.retry_after_s == seconds


def test_a_connection_that_was_idle_for_too_long_is_replaced(server: Scripted, replica: HttpReplica) -> None:
    """The peer closed it meanwhile: the request is sent on a new one, and nobody notices."""
    server.hangs_up = True
    for _ in range(2):
        server.answer(200, EMPTY)
        changes(replica)
    assert server.connections == 2


def test_a_peer_that_is_not_there_may_come_back(connect: Connect) -> None:
    """Nobody listens: that may pass."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with pytest.raises(Unavailable, match="does not answer"):
        changes(connect(f"http://127.0.0.1:{port}"))


def test_an_answer_has_to_come_in_time(server: Scripted, connect: Connect) -> None:
    """A peer that hangs is given up, and may come back."""
    released = threading.Event()
    server.before = lambda: (released.wait(10), None)[1]
    server.answer(200, EMPTY)
    with pytest.raises(Unavailable, match="does not answer"):
        changes(connect(seconds=0.2))
    released.set()


def test_an_answer_has_to_be_whole(server: Scripted, replica: HttpReplica) -> None:
    """One that ends early is none."""
    server.answer(200, b'{"changes"', Content_Length="500", Connection="close")
    with pytest.raises(Unavailable, match="IncompleteRead"):
        changes(replica)


def test_an_answer_has_bounds(
    server: Scripted, replica: HttpReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much the peer sends, no more is kept in memory."""
    monkeypatch.setattr(peer_connection, "ANSWER_BYTES_MAX", 1_000)
    server.answer(200, b" " * 5_000)
    with pytest.raises(Unavailable, match="more than 1000 bytes"):
        changes(replica)


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {**EMPTY, "more": 1},
        {**EMPTY, "cursor": ""},
        {**EMPTY, "through_ms": -1},
        {**EMPTY, "changes": [{"op": "delete", "id": "a"}]},
        {**EMPTY, "changes": [{"op": "put", "key": "a", "version": "018bcfe568000000.x", "value": ""}]},
        {**EMPTY, "changes": [{"op": "delete", "id": "a", "version": "018bcfe568000000.x"}] * 501},
    ],
)
def test_an_answer_that_breaks_the_protocol_will_not_pass(
    server: Scripted, replica: HttpReplica, document: object
) -> None:
    """It stands in the status, with the place."""
    server.answer(200, document)
    with pytest.raises(InvalidArgument, match="The answer of there breaks the protocol"):
        changes(replica)


def test_an_answer_that_is_not_json_comes_from_in_between(server: Scripted, replica: HttpReplica) -> None:
    """A page of some proxy: that may pass."""
    for status in (200, 404, 502):
        server.answer(status, b"<html>")
        with pytest.raises(NotFound if status == 404 else Unavailable):
            changes(replica)


def test_another_site_is_not_taken_for_the_peer(server: Scripted, replica: HttpReplica) -> None:
    """Each leaves out what the other has, so a wrong address would lose changes."""
    server.answer(200, {"site": "elsewhere", "namespaces": []})
    with pytest.raises(Conflict, match="elsewhere"):
        replica.namespaces()


def test_more_than_a_request_takes_is_sent_in_several(server: Scripted, replica: HttpReplica) -> None:
    """By number and by bytes; a single change that is larger goes alone. Nothing at all is one request."""
    version = Version(1 << 40, "here.x")
    for _ in range(3):
        server.answer(200, {"applied": 2, "known": 1})
    deletes = [Delete(f"r{number}", version) for number in range(1_001)]
    assert replica.apply(NAMESPACE, Feed.RECORDS, deletes) == Applied(6, 3)
    sent = [orjson.loads(body)["changes"] for _, _, body in server.asked]
    assert [len(some) for some in sent] == [500, 500, 1]
    assert [change["id"] for some in sent for change in some] == [change.id for change in deletes]
    server.asked.clear()
    sizes = [1_000_000, 1_500_000, 1_000_000, 6_000_000, 10]
    for _ in range(4):
        server.answer(200, {"applied": 1, "known": 0})
    items = [Item(f"k{number}", version, 0, bytes(size)) for number, size in enumerate(sizes)]
    replica.apply(NAMESPACE, Feed.KEYS, items)
    assert [len(orjson.loads(body)["changes"]) for _, _, body in server.asked] == [2, 1, 1, 1]


def test_what_is_missing_of_a_fetch_is_asked_for_again(server: Scripted, replica: HttpReplica) -> None:
    """Until all is there; a peer that gives nothing and promises more is not asked for ever."""

    def deleted(name: str) -> dict[str, str]:
        return {"op": "delete", "id": name, "version": "018bcfe568000000.x"}

    server.answer(200, {"changes": [deleted("a")], "more": True})
    server.answer(200, {"changes": [deleted("c")], "more": False})
    found = replica.fetch(NAMESPACE, Feed.RECORDS, ["a", "b", "c"])
    assert [change.id for change in found] == ["a", "c"]  # type: ignore[union-attr]
    assert [orjson.loads(body)["ids"] for _, _, body in server.asked] == [["a", "b", "c"], ["b", "c"]]
    server.answer(200, {"changes": [], "more": True})
    with pytest.raises(Unavailable):
        replica.fetch(NAMESPACE, Feed.RECORDS, ["a"])


@pytest.mark.parametrize(
    "url",
    [
        "http://peer.example",
        "ftp://peer.example",
        "peer.example",
        "https://",
        "https://user@peer.example",
        "https://peer.example/?a=b",
        "http://127.evil.example",
        "https://peer.example:99999",
        "https://[::1",
    ],
)
def test_the_secret_does_not_travel_unprotected(url: str) -> None:
    """Nor to what is no address at all."""
    with pytest.raises(InvalidArgument):
        HttpReplica(url, lambda: SECRET, SystemClock(), site="there")


@pytest.mark.parametrize("secret", ["hush-from-a-file\n", "hush\nhush", "hush\u20ac"])
def test_a_secret_that_cannot_be_sent_is_not_told(server: Scripted, secret: str) -> None:
    """It may be mended, so it is asked for again; and an error goes into logs."""
    replica = HttpReplica(server.url, lambda: secret, SystemClock(), site="there")
    with pytest.raises(Unavailable) as raised:
        changes(replica)
    assert "Authorization" in str(raised.value)
    assert "hush" not in f"{raised.value} {raised.value.__cause__} {raised.value.__context__}"
    assert server.asked == []
    replica.close()
