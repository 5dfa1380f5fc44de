"""Shares: what each key has of this process, in requests under way and in bytes that are held for them.

Nobody's share is all of it, so one key that sends without end, or never reads, leaves room for the others.
"""

from __future__ import annotations

import threading

from quartzdb.api.refusals import Overloaded, TooManyUnderWay


class Shares:
    """Of one process. Thread-safe: bodies are held on the event loop, and what they inflate to in threads.

    `bytes_max`: of all requests together, of which one key has at most half; `requests_max`: of one key.
    """

    def __init__(self, *, bytes_max: int, requests_max: int) -> None:
        self.bytes_max = bytes_max
        self.requests_max = requests_max
        self.held = 0
        self.of_key: dict[str, _OfKey] = {}
        self.lock = threading.Lock()

    def begin(self, key_id: str) -> Share:
        """A request of a key. Whoever begins it ends it. Raises TooManyUnderWay."""
        with self.lock:
            of_key = self.of_key.get(key_id)
            if of_key is None:
                of_key = self.of_key[key_id] = _OfKey()
            elif of_key.requests >= self.requests_max:
                raise TooManyUnderWay(self.requests_max)
            of_key.requests += 1
        return Share(self, key_id, of_key)


class _OfKey:
    __slots__ = ("held", "requests")

    def __init__(self) -> None:
        self.requests = 0
        self.held = 0


class Share:
    """One request's part."""

    __slots__ = ("_held", "_key_id", "_of_key", "_shares")

    def __init__(self, shares: Shares, key_id: str, of_key: _OfKey) -> None:
        self._shares = shares
        self._key_id = key_id
        self._of_key = of_key
        self._held = 0

    def hold(self, size: int) -> None:
        """So many bytes more, until the end. Raises Overloaded."""
        shares, of_key = self._shares, self._of_key
        with shares.lock:
            if shares.held + size > shares.bytes_max or of_key.held + size > shares.bytes_max // 2:
                raise Overloaded("Too many large requests are under way.", hint="Try again in a moment.")
            shares.held += size
            of_key.held += size
            self._held += size

    def end(self) -> None:
        """Nothing of it is needed any more."""
        shares, of_key = self._shares, self._of_key
        with shares.lock:
            shares.held -= self._held
            of_key.held -= self._held
            self._held = 0
            of_key.requests -= 1
            if not of_key.requests:
                del shares.of_key[self._key_id]
