"""Names to addresses, with a deadline: the system's look-up has none, and a request must not wait for it forever."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple

from quartzdb.net.hard_deadline import Deadline

FRESH_SECONDS = 30.0
GIVEN_UP_SECONDS = 10.0
"""After so long, another look-up is begun beside one that hangs: its thread may never have woken from a freeze."""

AddressInfo = tuple[Any, ...]


class NameNotFound(OSError):
    """A name leads nowhere, or nobody said where in time."""


class _LookUp(NamedTuple):
    begun: float
    found: Future[list[AddressInfo]]


class Resolver:
    """Remembers what it found for some seconds, and falls back on it while names cannot be looked up. Thread-safe.

    Those who ask for one name at once share one look-up, so one that hangs holds one thread, not one for each request.
    """

    def __init__(
        self,
        look_up: Callable[..., list[AddressInfo]] = socket.getaddrinfo,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look_up = look_up
        self._now = now
        self._found: dict[tuple[str, int], tuple[float, list[AddressInfo]]] = {}
        self._under_way: dict[tuple[str, int], _LookUp] = {}
        self._lock = threading.Lock()

    def addresses(self, host: str, port: int, deadline: Deadline) -> list[AddressInfo]:
        """As getaddrinfo gives them. Raises NameNotFound."""
        with self._lock:
            at, found = self._found.get((host, port), (float("-inf"), []))
            if self._now() - at < FRESH_SECONDS:
                return list(found)
            look_up = self._look_up_of(host, port)
        try:
            # Half of what is left, so that an address known from before still has time to answer.
            return list(look_up.result(deadline.remaining() / 2))
        except (OSError, UnicodeError) as error:  # UnicodeError: what cannot be a name
            if found:
                return list(found)
            why = "no answer in time" if isinstance(error, TimeoutError) else error
            raise NameNotFound(f"{host} was not found: {why}") from error

    def _look_up_of(self, host: str, port: int) -> Future[list[AddressInfo]]:
        """The one under way, or a new one. The lock is held."""
        known = self._under_way.get((host, port))
        if known is not None and self._now() - known.begun < GIVEN_UP_SECONDS:
            return known.found
        begun = _LookUp(self._now(), Future())
        threading.Thread(target=self._work, args=(host, port, begun), name="names", daemon=True).start()
        self._under_way[host, port] = begun
        return begun.found

    def _work(self, host: str, port: int, mine: _LookUp) -> None:
        addresses: list[AddressInfo] = []
        failure: Exception | None = None
        try:
            addresses = self._look_up(host, port, type=socket.SOCK_STREAM)
            if not addresses:
                failure = OSError("it has no address")
        except Exception as error:  # noqa: BLE001 - raised again where it was asked for
            failure = error
        with self._lock:
            if self._under_way.get((host, port)) is mine:
                del self._under_way[host, port]
            if failure is None:
                self._found[host, port] = (self._now(), addresses)
        if failure is None:
            mine.found.set_result(addresses)
        else:
            mine.found.set_exception(failure)
