"""What usage costs: one pure function for the receipt's units, the usage page, the cap and the invoice.

A line is units beyond what the plan includes, times a price, rounded once. A receipt is the same product unrounded and
before anything included, so receipts of what is beyond come to the line within a micro-dollar.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from quartzdb.domain.grant import Prices
from quartzdb_platform.domain.calendar import HOUR_MS, month_end_ms, start_ms
from quartzdb_platform.domain.money import divided
from quartzdb_platform.domain.plan import Plan

_MILLION = 1_000_000
_GIGABYTE = 1_000_000_000


class Used(NamedTuple):
    """What was used in a month. `byte_hours`: bytes of live data, times the hours for which they were there."""

    read_units: int = 0
    write_units: int = 0
    byte_hours: int = 0

    def __add__(self, other: object) -> Used:
        """Of two projects together."""
        assert isinstance(other, Used)
        return Used(*(one + more for one, more in zip(self, other, strict=True)))


class BillLine(NamedTuple):
    """`price_micro_dollars` is of so many of the unit as `per` says. `beyond` what is `included` is what is charged."""

    name: str
    unit: str
    used: int
    included: int
    beyond: int
    price_micro_dollars: int
    per: int
    micro_dollars: int


def bill(plan: Plan, prices: Prices, used: Used, month: str) -> Sequence[BillLine]:
    """The lines of a month, at the prices of its version. A plan without overage is never charged more."""
    hours = (month_end_ms(month) - start_ms(month)) // HOUR_MS
    included = plan.included
    return (
        _line(plan, "reads", "read unit", used.read_units, included.read_units, prices.million_read_units, _MILLION),
        _line(
            plan, "writes", "write unit", used.write_units, included.write_units, prices.million_write_units, _MILLION
        ),
        # A GB for a month is so many byte-hours, as long as that month is.
        _line(
            plan,
            "storage",
            "byte-hour",
            used.byte_hours,
            included.storage_bytes * hours,
            prices.gigabyte_month,
            _GIGABYTE * hours,
        ),
    )  # fmt: skip


def total(lines: Sequence[BillLine]) -> int:
    """Of a bill, in micro-dollars: sums of what was rounded, as people add them up."""
    return sum(line.micro_dollars for line in lines)


def _line(plan: Plan, name: str, unit: str, used: int, included: int, price: int, per: int) -> BillLine:
    beyond = max(0, used - included) if plan.overage else 0
    return BillLine(name, unit, used, included, beyond, price, per, divided(beyond * price, per))
