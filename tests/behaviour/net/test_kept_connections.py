"""Connections that are kept: for whom, how many, by how many threads, and what becomes of a request over a dead one."""

from __future__ import annotations

import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from quartzdb.net.address import Address
from quartzdb.net.hard_deadline import Deadline
from quartzdb.net.http_client import Unanswered
from tests.behaviour.net.sending import at, send
from tests.contracts.adapters import in_threads
from tests.manual_clock import ManualClock
from tests.raw_server import OK, raw_server
from tests.recording_origin import RecordingOrigin, recording_origin


@pytest.fixture
def origin() -> Iterator[RecordingOrigin]:
    with recording_origin("origin") as running:
        yield running


def test_reads_share_a_connection_and_writes_do_not(origin: RecordingOrigin) -> None:
    """A write on a connection that breaks could have arrived."""
    client = at(origin.address)
    for again in (True, True, False, False, True):
        assert send(client, method="POST", body=b"x", again=again).status == 200
    client.close()
    used = [each.connection for each in origin.asked]
    assert used[0] == used[1] == used[4]
    assert len(set(used)) == 3
    assert origin.asked[0].headers["x-one"] == "1|2"
    assert origin.asked[0].body == b"x"


def test_a_kept_connection_that_was_closed_is_replaced() -> None:
    """Whether that shows at once or only when it is used: the read is answered all the same."""
    served: list[int] = []

    def once(connection: socket.socket) -> None:
        connection.recv(65536)
        served.append(1)
        connection.sendall(OK)

    with raw_server(once) as address:
        client = at(address)
        for _ in range(3):
            assert send(client).body == b"ok"
        client.close()
    assert len(served) == 3


def test_a_kept_connection_that_breaks_under_a_read_is_tried_once_more() -> None:
    """Here it is closed after the second request has arrived."""
    asked: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        asked.append(connection.recv(65536))
        connection.sendall(OK)
        if len(asked) == 1:
            asked.append(connection.recv(65536))

    with raw_server(serve) as address:
        client = at(address)
        assert [send(client).body for _ in range(2)] == [b"ok", b"ok"]
        client.close()
    assert len(asked) == 3


@pytest.mark.parametrize("now", [time.monotonic, ManualClock().monotonic], ids=["moving", "standing still"])
def test_after_a_time_out_over_a_kept_connection_there_is_no_second_attempt(now: Callable[[], float]) -> None:
    """The time is over, also where the deadline's clock does not say so yet."""
    accepted: list[int] = []
    stopped = threading.Event()

    def serve(connection: socket.socket) -> None:
        accepted.append(1)
        connection.recv(65536)
        connection.sendall(OK)
        connection.recv(65536)
        stopped.wait(20)

    with raw_server(serve) as address:
        with closing(at(address)) as client:
            send(client)
            with pytest.raises(Unanswered, match="in time") as raised:
                send(client, deadline=Deadline(0.2, now))
            assert raised.value.sent
        # Whatever had connected after the time-out was accepted before this one.
        with closing(at(address)) as client:
            send(client)
        assert len(accepted) == 2
        stopped.set()


def test_a_second_attempt_ends_at_the_deadline_of_the_first() -> None:
    """The kept connection breaks, and while the new one begins to answer the time passes."""
    clock = ManualClock()
    accepted: list[int] = []

    def serve(connection: socket.socket) -> None:
        accepted.append(1)
        connection.recv(65536)
        if len(accepted) == 1:
            connection.sendall(OK)
            connection.recv(65536)
        else:
            clock.sleep(60)
            connection.sendall(OK[:5])
            connection.recv(65536)

    with raw_server(serve) as address, closing(at(address)) as client:
        send(client)
        with pytest.raises(Unanswered, match="in time"):
            send(client, deadline=Deadline(50, clock.monotonic))
        assert len(accepted) == 2


def test_what_went_over_a_kept_connection_was_sent() -> None:
    """Although nothing can be sent any more: the server took the request and died of it."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(OK)
            connection.recv(65536)
            listener.close()

    thread = threading.Thread(target=serve)
    thread.start()
    with closing(at(Address("127.0.0.1", listener.getsockname()[1], "http"))) as client:
        send(client)
        with pytest.raises(Unanswered, match="ConnectionRefused") as raised:
            send(client)
    assert raised.value.sent
    thread.join()


def test_threads_share_the_pool_and_never_a_connection() -> None:
    """Each hears the answer to its own question, and no more connections are made than threads ask at once."""
    accepted: list[int] = []

    def echo(connection: socket.socket) -> None:
        accepted.append(1)
        with connection.makefile("rb") as reading:
            while reading.readline():
                length = 0
                while (header := reading.readline().strip().lower()) != b"":
                    name, _, value = header.partition(b": ")
                    length = int(value) if name == b"content-length" else length
                body = reading.read(length)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    with raw_server(echo) as address, closing(at(address, kept_max=8)) as client:

        def ask(number: int) -> None:
            for turn in range(50):
                mine = f"{number}-{turn}".encode()
                assert send(client, method="POST", body=mine).body == mine

        in_threads(8, ask)
        assert 1 <= len(accepted) <= 8


def test_no_more_connections_are_kept_than_the_bound() -> None:
    """Of those that many threads used at once the others are closed."""
    ended: list[int] = []
    all_there = threading.Barrier(6)
    done = threading.Semaphore(0)

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        all_there.wait(20)
        connection.sendall(OK)
        if not connection.recv(65536):
            ended.append(1)
            done.release()

    with raw_server(serve) as address, closing(at(address, kept_max=2)) as client:
        in_threads(6, lambda _: send(client))
        for _ in range(4):
            assert done.acquire(timeout=20)
        assert len(ended) == 4
        client.close()
        for _ in range(2):
            assert done.acquire(timeout=20)


def test_connections_are_kept_in_a_process_with_many_open_files(origin: RecordingOrigin) -> None:
    """`select` does not take a file whose number is 1024 or more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2_000:
        pytest.skip("this process may not open a thousand files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2_000), hard))
    try:
        with ExitStack() as files, closing(at(origin.address)) as client:
            while files.enter_context(socket.socket()).fileno() < 1_024:
                pass
            assert [send(client).status for _ in range(2)] == [200, 200]
        assert len({each.connection for each in origin.asked}) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
