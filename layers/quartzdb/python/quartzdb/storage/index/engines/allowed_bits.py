"""Masks of allowed rows as bits, as the kernel reads them, remembered for the masks that come again and again.

A mask that cannot be written to is taken to stay as it is, and is known by itself, as long as somebody holds it.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from threading import Lock
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quartzdb.domain.vector import Mask

Bits = npt.NDArray[np.uint8]
_MASKS_MAX = 64


class PackedMask(NamedTuple):
    """A bit a row, lowest first, and how many there are."""

    bits: Bits
    matches: int


class AllowedBits:
    """Of the masks that came last and are still held. Thread-safe: what two threads derive of a mask is the same."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, tuple[weakref.ref[Mask], PackedMask]] = OrderedDict()
        self._lock = Lock()

    def of(self, mask: Mask) -> PackedMask:
        """Those of a mask (n,)."""
        if mask.flags.writeable:
            return _derived(mask)
        known = self._known.get(id(mask))
        if known is not None and known[0]() is mask:
            return known[1]
        allowed = _derived(mask)
        with self._lock:
            for gone in [name for name, (held, _) in self._known.items() if held() is None]:
                del self._known[gone]
            self._known[id(mask)] = weakref.ref(mask), allowed
            if len(self._known) > _MASKS_MAX:
                self._known.popitem(last=False)
        return allowed

    @property
    def resident_bytes(self) -> int:
        """What they take in memory."""
        with self._lock:
            return sum(allowed.bits.nbytes for _, allowed in self._known.values())


def _derived(mask: Mask) -> PackedMask:
    return PackedMask(np.packbits(mask, bitorder="little"), int(np.count_nonzero(mask)))
