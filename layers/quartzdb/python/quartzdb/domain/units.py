"""Units: what a request is measured in. Quote, receipt, usage line and bill all come from here.

A read unit is one query, fetch, list, count or key-value read, per 64 KB of answer begun. A write unit is one KB that
is written, begun, per record or value, twice for a value whose history is kept; a deletion of one thing is one.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Protocol

from quartzdb.domain.values import dataclass

READ_UNIT_BYTES = 64 * 1024
WRITE_UNIT_BYTES = 1024
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Units:
    """What was used."""

    read: int = 0
    write: int = 0


NOTHING = Units()


class UnitPrices(Protocol):
    """What a million of each costs, in whole micro-dollars."""

    @property
    def million_read_units(self) -> int: ...

    @property
    def million_write_units(self) -> int: ...


def units_read(reads: int, answer_bytes: int) -> Units:
    """So many reads whose answer has so many bytes, its receipt apart."""
    return Units(read=max(reads, -(-answer_bytes // READ_UNIT_BYTES)))


def units_written(sizes: Iterable[int]) -> Units:
    """Records or values of so many bytes each: vectors as they are stored, metadata as JSON, values as they are."""
    return Units(write=sum(max(1, -(-size // WRITE_UNIT_BYTES)) for size in sizes))


def units_put(sizes: Iterable[int], *, key_history: bool) -> Units:
    """Values of so many bytes each; where their history is kept, each is written twice."""
    units = units_written(sizes)
    return Units(write=2 * units.write) if key_history else units


def units_deleted(things: int) -> Units:
    """Records or keys that a deletion names, or that its filter matches; at least one."""
    return Units(write=max(1, things))


def cost_usd(units: Units, prices: UnitPrices) -> str:
    """Dollars as an exact decimal, before anything that a plan includes: nothing is rounded here."""
    millionths = units.read * prices.million_read_units + units.write * prices.million_write_units
    return f"{(Decimal(millionths) / (_MILLION * _MILLION)).normalize() + 0:f}"
