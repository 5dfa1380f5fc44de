"""Names to addresses, with a deadline: the system's look-up has none, and a request must not wait for it forever."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from quartzdb.net.hard_deadline import Deadline

FRESH_SECONDS = 30.0

AddressInfo = tuple[Any, ...]


class NameNotFound(OSError):
    """A name leads nowhere, or nobody said where in time."""


class Resolver:
    """Remembers what it found for some seconds, and falls back on it while names cannot be looked up."""

    def __init__(
        self,
        look_up: Callable[..., list[AddressInfo]] = socket.getaddrinfo,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look_up = look_up
        self._now = now
        self._found: dict[tuple[str, int], tuple[float, list[AddressInfo]]] = {}

    def addresses(self, host: str, port: int, deadline: Deadline) -> list[AddressInfo]:
        """As getaddrinfo gives them. Raises NameNotFound."""
        at, found = self._found.get((host, port), (float("-inf"), []))
        if self._now() - at < FRESH_SECONDS:
            return found
        fresh: list[AddressInfo] = []
        failure: list[OSError] = []

        def work() -> None:
            try:
                fresh.extend(self._look_up(host, port, type=socket.SOCK_STREAM))
            except OSError as error:
                failure.append(error)

        thread = threading.Thread(target=work, name="names", daemon=True)
        thread.start()
        # Half of what is left, so that an address known from before still has time to answer.
        thread.join(deadline.remaining() / 2)
        if fresh:
            self._found[host, port] = (self._now(), list(fresh))
            return list(fresh)
        if found:
            return found
        raise NameNotFound(f"{host} was not found: {failure[0] if failure else 'no answer in time'}")
