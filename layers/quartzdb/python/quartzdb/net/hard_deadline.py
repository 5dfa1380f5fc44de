"""Sockets whose every step together ends at one moment: an origin that sends a byte a second cannot hold a request.

`socket.settimeout` alone bounds each step, and there may be any number of them.
"""

from __future__ import annotations

import io
import select
import socket
import time
from collections.abc import Callable


class Deadline:
    """A moment. `remaining` raises TimeoutError once it has passed."""

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._ends_at = now() + seconds

    def remaining(self) -> float:
        """Seconds until then."""
        left = self._ends_at - self._now()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left

    @property
    def passed(self) -> bool:
        """Whether it is over."""
        return self._now() >= self._ends_at


class DeadlineSocket:
    """What http.client needs of a socket, held to a deadline. The deadline of a reused one is set anew.

    As with a socket of the standard library, whoever still reads an answer keeps it open: http.client closes its own
    side before it reads the body of an answer after which the connection ends.
    """

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._socket = sock
        self.deadline = deadline
        self._readers = 0
        self._closed = False

    def sendall(self, data: bytes) -> None:
        """Send it, or raise TimeoutError."""
        left = memoryview(data)
        while left:
            self._socket.settimeout(self.deadline.remaining())
            left = left[self._socket.send(left) :]

    def makefile(self, mode: str, *_: object) -> io.BufferedReader:
        """For reading one answer."""
        assert mode == "rb"
        self._readers += 1
        return io.BufferedReader(_Reading(self))

    def recv_into(self, buffer: memoryview) -> int:
        """Read what there is, or raise TimeoutError."""
        self._socket.settimeout(self.deadline.remaining())
        return self._socket.recv_into(buffer)

    def has_ended(self) -> bool:
        """Whether an idle connection was closed by the other side, or holds what nobody asked for."""
        polled = select.poll()  # `select` fails in a process that has a thousand files open
        polled.register(self._socket, select.POLLIN)
        return bool(polled.poll(0))

    def close(self) -> None:
        """Close it, once nobody reads any more."""
        self._closed = True
        if self._readers == 0:
            self._socket.close()

    def read_to_its_end(self) -> None:
        """One reader is through."""
        self._readers -= 1
        if self._closed:
            self.close()


class _Reading(io.RawIOBase):
    def __init__(self, sock: DeadlineSocket) -> None:
        self._sock = sock

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed:
            self._sock.read_to_its_end()
        super().close()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # any buffer; io gives a memoryview
        return self._sock.recv_into(buffer)
