"""A loopback relay that counts what passes, and can make requests and connections as slow as those to S3 are.

A request is noticed by its first bytes after an answer: clients here never send two before the first is answered.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

_TARGET = re.compile(rb"(?i)x-amz-target: \w+\.(\w+)")
_LINE = re.compile(rb"^([A-Z]+) (\S+)")
_RANGE = re.compile(rb"(?i)\r\nrange: bytes=(\d+-\d+)")


@dataclass
class Passed:
    """One request: what it asked for, when it came and when its answer had gone (monotonic seconds), and how much."""

    method: str
    target: str
    began: float
    ended: float = 0.0
    bytes_down: int = 0


@dataclass
class Counted:
    """What went through since the last `reset`."""

    bytes_down: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    passed: list[Passed] = field(default_factory=list)

    def reset(self) -> None:
        """Begin again."""
        self.bytes_down = 0
        self.requests.clear()
        self.passed.clear()

    @property
    def rounds(self) -> int:
        """How many requests had to wait for the end of another one's answer, one after another: the longest chain.

        Seen from outside, what begins after an answer has ended may have needed it. With latency injected that is so.
        """
        chain: dict[int, int] = {}
        by_end = sorted(self.passed, key=lambda one: one.ended)
        for one in sorted(self.passed, key=lambda one: one.began):
            before = [chain[id(other)] for other in by_end if other.ended < one.began and id(other) in chain]
            chain[id(one)] = 1 + max(before, default=0)
        return max(chain.values(), default=0)


class Relay:
    """Runs in a thread of its own until `stop`. No answer begins earlier than `request_seconds` after its request, and
    `bytes_per_second` bounds each connection (0: neither). What the server takes by itself is part of these seconds: an
    emulator on the same machine takes long for many requests at once, which S3 does not.
    """

    def __init__(self, port: int, *, request_seconds: float = 0.0, bytes_per_second: float = 0.0) -> None:
        self.counted = Counted()
        self.upstream = port
        self.request_seconds = request_seconds
        self.bytes_per_second = bytes_per_second
        self.loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._stopping = asyncio.Event()
        self.port = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._started.wait()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """Break every connection."""
        self.loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._relay())
        self.loop.close()

    async def _relay(self) -> None:
        open_ones: set[_Client] = set()
        server = await self.loop.create_server(lambda: _Client(self, open_ones), "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stopping.wait()
        server.close()
        for client in list(open_ones):
            client.abort()
        await asyncio.sleep(0)


class _Client(asyncio.Protocol):
    """One connection of a client, and the one beyond it."""

    def __init__(self, relay: Relay, open_ones: set[_Client]) -> None:
        self._relay = relay
        self._open_ones = open_ones
        self._transport: asyncio.Transport | None = None
        self._upstream: asyncio.Transport | None = None
        self._early: list[bytes] = []
        self._answered = True
        self._passing = Passed("?", "?", 0.0)
        self._free_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open_ones.add(self)
        loop = self._relay.loop
        self._connecting = loop.create_task(
            loop.create_connection(lambda: _Upstream(self), "127.0.0.1", self._relay.upstream)
        )
        self._connecting.add_done_callback(self._connected)

    def _connected(self, task: asyncio.Task[tuple[asyncio.Transport, asyncio.BaseProtocol]]) -> None:
        if task.cancelled() or task.exception() is not None:
            self.abort()
            return
        self._upstream = task.result()[0]
        for data in self._early:
            self._upstream.write(data)
        self._early.clear()

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        if self._answered:
            self._answered = False
            self._note(data, now)
            self._free_at = max(self._free_at, now + self._relay.request_seconds)
        self._send(data)

    def _note(self, data: bytes, now: float) -> None:
        line, named, part = _LINE.search(data), _TARGET.search(data), _RANGE.search(data)
        method = (named[1] if named else line[1] if line else b"?").decode()
        target = (line[2] if line else b"?").decode() + (f" {part[1].decode()}" if part else "")
        self._passing = Passed(method, target, now)
        self._relay.counted.requests[method] += 1
        self._relay.counted.passed.append(self._passing)

    def _send(self, data: bytes) -> None:
        if self._upstream is None:
            self._early.append(data)
        else:
            self._upstream.write(data)

    def answer(self, data: bytes) -> None:
        """Some bytes of an answer came."""
        self._answered = True
        now = time.monotonic()
        self._relay.counted.bytes_down += len(data)
        self._passing.bytes_down += len(data)
        self._free_at = max(now, self._free_at)
        if self._relay.bytes_per_second:
            self._free_at += len(data) / self._relay.bytes_per_second
        self._passing.ended = self._free_at
        if self._free_at > now:
            self._relay.loop.call_at(self._free_at, self._write, data)
        else:
            self._write(data)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        del error
        self._open_ones.discard(self)
        self._connecting.cancel()
        if self._upstream is not None:
            self._upstream.close()

    def upstream_ended(self) -> None:
        """Nothing more will come: close once what has come is delivered."""
        self._relay.loop.call_at(max(self._free_at, time.monotonic()), self.abort)

    def abort(self) -> None:
        """Close both sides."""
        if self._transport is not None:
            self._transport.close()


class _Upstream(asyncio.Protocol):
    """The other side's connection."""

    def __init__(self, client: _Client) -> None:
        self._client = client

    def data_received(self, data: bytes) -> None:
        self._client.answer(data)

    def connection_lost(self, error: Exception | None) -> None:
        del error
        self._client.upstream_ended()
