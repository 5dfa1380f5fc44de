"""A loopback relay that counts what passes, and can make requests and connections as slow as those to S3 are.

A request is noticed by its first bytes after an answer: clients here never send two before the first is answered.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

_CHUNK = 256 * 1024
_TARGET = re.compile(rb"(?i)x-amz-target: \w+\.(\w+)")
_METHOD = re.compile(rb"^([A-Z]+) ")


@dataclass
class Counted:
    """What went through since the last `reset`."""

    bytes_down: int = 0
    requests: Counter[str] = field(default_factory=Counter)

    def reset(self) -> None:
        """Begin again."""
        self.bytes_down = 0
        self.requests.clear()


class Relay:
    """Runs in a thread of its own until `stop`. `request_seconds` is added to each request; `bytes_per_second` bounds
    each connection (0: neither).
    """

    def __init__(self, port: int, *, request_seconds: float = 0.0, bytes_per_second: float = 0.0) -> None:
        self.counted = Counted()
        self._upstream = port
        self._request_seconds = request_seconds
        self._bytes_per_second = bytes_per_second
        self._loop = asyncio.new_event_loop()
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
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._relay())
        self._loop.close()

    async def _relay(self) -> None:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stopping.wait()
        server.close()
        connections = asyncio.all_tasks() - {asyncio.current_task()}
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        except OSError:
            writer.close()
            return
        answered = [True]
        with suppress(asyncio.CancelledError):  # the relay ends
            await asyncio.gather(
                self._requests(reader, up_writer, answered), self._answers(up_reader, writer, answered)
            )

    async def _requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answered: list[bool]
    ) -> None:
        while data := await _read(reader):
            if answered[0]:
                answered[0] = False
                found = _TARGET.search(data) or _METHOD.search(data)
                self.counted.requests[found[1].decode() if found else "?"] += 1
                if self._request_seconds:
                    await asyncio.sleep(self._request_seconds)
            writer.write(data)
            await writer.drain()
        writer.close()

    async def _answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answered: list[bool]
    ) -> None:
        while data := await _read(reader):
            answered[0] = True
            self.counted.bytes_down += len(data)
            if self._bytes_per_second:
                await asyncio.sleep(len(data) / self._bytes_per_second)
            writer.write(data)
            await writer.drain()
        writer.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(_CHUNK)
    except OSError:
        return b""
