"""What is sold, as Stripe is to have it: made from the plans alone, and found again by lookup keys.

A flat price for each plan's month, and metered prices for what is beyond what it includes. A GB of storage for a month
is metered by the kB-month: a month's hours differ, and a price does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from quartzdb.domain.grant import Prices
from quartzdb_platform.domain.plan import Plan

METERS = ("read_units", "write_units", "storage")
"""In the order of a bill's lines."""
UNITS: Mapping[str, str] = {
    "read_units": "read unit",
    "write_units": "write unit",
    "storage": "kB of storage for a month",
}
BYTES_OF_UNIT = 1_000
"""A kB-month is so many bytes, for all hours of a month."""
_MICRO_DOLLARS_OF_CENT = 10_000
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Meter:
    """`event_name` is what usage is sent under."""

    event_name: str
    title: str


@dataclass(frozen=True, slots=True)
class Price:
    """`cents` are exact, of one unit or one month. `meter` None: a flat price."""

    lookup_key: str
    plan: str
    cents: Decimal
    title: str
    meter: str | None = None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """`products`: the title of each plan that is sold, by its name."""

    products: Mapping[str, str]
    meters: tuple[Meter, ...]
    prices: tuple[Price, ...]


def event_name(meter: str) -> str:
    """The name of a meter's events."""
    return f"quartzdb_{meter}"


def month_key(plan: str) -> str:
    """The lookup key of a plan's flat price."""
    return f"quartzdb_{plan}_month"


def meter_key(plan: str, meter: str) -> str:
    """The lookup key of what is beyond."""
    return f"quartzdb_{plan}_{meter}"


def plan_of_key(lookup_key: str) -> str | None:
    """The plan that a flat price is of; None for another key."""
    if not lookup_key.startswith("quartzdb_") or not lookup_key.endswith("_month"):
        return None
    return lookup_key.removeprefix("quartzdb_").removesuffix("_month")


def unit_cents(prices: Prices) -> Mapping[str, Decimal]:
    """What one unit of each meter costs, exactly."""
    return {
        "read_units": Decimal(prices.million_read_units) / _MILLION / _MICRO_DOLLARS_OF_CENT,
        "write_units": Decimal(prices.million_write_units) / _MILLION / _MICRO_DOLLARS_OF_CENT,
        "storage": Decimal(prices.gigabyte_month) / _MILLION / _MICRO_DOLLARS_OF_CENT,
    }


def catalogue_of(plans: Sequence[Plan], prices: Prices) -> Catalogue:
    """Of the plans that cost something."""
    sold = [plan for plan in plans if plan.month_micro_dollars]
    units = unit_cents(prices)
    found = []
    for plan in sold:
        month = Decimal(plan.month_micro_dollars) / _MICRO_DOLLARS_OF_CENT
        found.append(Price(month_key(plan.name), plan.name, month, f"QuartzDB {plan.title}, a month"))
        if plan.overage:
            found += [
                Price(
                    meter_key(plan.name, meter), plan.name, units[meter], f"Each {UNITS[meter]} beyond", meter
                )
                for meter in METERS
            ]
    return Catalogue(
        {plan.name: f"QuartzDB {plan.title}" for plan in sold},
        tuple(Meter(event_name(meter), f"QuartzDB: {UNITS[meter]}s beyond") for meter in METERS),
        tuple(found),
    )
