"""A Bloom filter over a segment's ids: tells most ids that it never had without reading its records.

Owns the bits. It may take an id for one that is there, but never the other way round.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np
import numpy.typing as npt
import xxhash

from quartzdb.domain.values import dataclass

BITS_PER_ID = 10
PROBES = 5
"""With ten bits and five probes, one strange id in a hundred is taken for one that is there."""
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_BATCH = 65_536


@dataclass(frozen=True, slots=True, eq=False)
class IdFilter:
    """`bits`: bytes, the least significant bit of each first; none at all for a segment without ids."""

    bits: npt.NDArray[np.uint8]

    @classmethod
    def of(cls, ids: Iterable[str], count: int) -> Self:
        """The filter of so many ids."""
        bits = np.zeros(-(-count * BITS_PER_ID // 8), dtype=np.uint8)
        batch: list[str] = []
        for one in ids:
            batch.append(one)
            if len(batch) == _BATCH:
                _set(bits, batch)
                batch.clear()
        _set(bits, batch)
        return cls(bits)

    def may_have(self, ids: Sequence[str]) -> list[str]:
        """Those of the ids that may be there."""
        if not ids or not self.bits.size:
            return []
        places = _places(ids, self.bits.size * 8)
        there = (self.bits[places >> 3] >> (places & 7).astype(np.uint8)) & 1
        return [one for one, found in zip(ids, there.all(axis=1).tolist(), strict=True) if found]


def _set(bits: npt.NDArray[np.uint8], ids: Sequence[str]) -> None:
    if ids:
        places = _places(ids, bits.size * 8).ravel()
        np.bitwise_or.at(bits, places >> 3, np.uint8(1) << (places & 7).astype(np.uint8))


def _places(ids: Sequence[str], size: int) -> npt.NDArray[np.int64]:
    """The bits of each id (m, PROBES): one 64-bit digest gives the first place and the step to the next."""
    digests = np.fromiter(
        (xxhash.xxh3_64_intdigest(one.encode()) for one in ids), dtype=np.uint64, count=len(ids)
    )
    first, step = digests & _LOW, (digests >> _HALF) | np.uint64(1)
    probes = first[:, None] + step[:, None] * np.arange(PROBES, dtype=np.uint64)
    places: npt.NDArray[np.int64] = (probes % np.uint64(size)).astype(np.int64)
    return places
