"""What is sold, as Stripe is to have it: made from the plans alone, and found again by lookup keys.

A flat price for each plan's month, and metered prices for what is beyond what it includes. A GB of storage for a month
is metered by the kB-month: a month's hours differ, and a price does not. A price that another version changes is
another price with a key of its own, named after the month that it begins with; one that it leaves is the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from quartzdb.domain.grant import Prices
from quartzdb_platform.domain.plan import Plans, PlanVersion

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
_SINCE = r"(?:_(20[0-9]{2}-[0-9]{2}))?"
"""Prices that were made before keys had months have none."""
_MONTH_KEY = re.compile(rf"quartzdb_(.+)_month{_SINCE}")
_METER_KEY = re.compile(rf"quartzdb_.+_({'|'.join(METERS)}){_SINCE}")


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


def month_key(plans: Plans, plan: str, month: str) -> str:
    """The lookup key of a plan's flat price in a month. Raises InvalidArgument for what is no plan."""
    plans.of(plan, month)
    return f"quartzdb_{plan}_month_{_since(plans, month, partial(_month_cents, plan))}"


def meter_keys(plans: Plans, plan: str, month: str) -> Mapping[str, str]:
    """The lookup keys of what is beyond, by meter, in a month."""
    return {
        meter: f"quartzdb_{plan}_{meter}_{_since(plans, month, partial(_unit_cents, plan, meter))}"
        for meter in METERS
    }


def plan_of_key(lookup_key: str) -> str | None:
    """The plan that a flat price is of; None for another key."""
    found = _MONTH_KEY.fullmatch(lookup_key)
    return found[1] if found else None


def meter_of_key(lookup_key: str) -> str | None:
    """The meter that a price is of; None for another key."""
    found = _METER_KEY.fullmatch(lookup_key)
    return found[1] if found else None


def unit_cents(prices: Prices) -> Mapping[str, Decimal]:
    """What one unit of each meter costs, exactly."""
    return {
        "read_units": Decimal(prices.million_read_units) / _MILLION / _MICRO_DOLLARS_OF_CENT,
        "write_units": Decimal(prices.million_write_units) / _MILLION / _MICRO_DOLLARS_OF_CENT,
        "storage": Decimal(prices.gigabyte_month) / _MILLION / _MICRO_DOLLARS_OF_CENT,
    }


def catalogue_of(plans: Plans, month: str) -> Catalogue:
    """Of the plans that cost something, in that month and in all versions that are to come."""
    present = plans.at(month)
    versions = plans.versions[plans.versions.index(present) :]
    products: dict[str, str] = {}
    prices: dict[str, Price] = {}
    for version in versions:
        at = month if version is present else version.from_month
        units = unit_cents(version.prices)
        for plan in version.by_name.values():
            if not plan.month_micro_dollars:
                continue
            products.setdefault(plan.name, f"QuartzDB {plan.title}")
            key, cents = month_key(plans, plan.name, at), _month_cents(plan.name, version)
            prices[key] = Price(key, plan.name, cents, f"QuartzDB {plan.title}, a month")
            if plan.overage:
                for meter, key in meter_keys(plans, plan.name, at).items():
                    title = f"Each {UNITS[meter]} beyond"
                    prices[key] = Price(key, plan.name, units[meter], title, meter)
    meters = tuple(Meter(event_name(meter), f"QuartzDB: {UNITS[meter]}s beyond") for meter in METERS)
    return Catalogue(products, meters, tuple(prices.values()))


def since_of_key(lookup_key: str) -> str | None:
    """The month that a price begins with; None for one that was made before keys had months, or another key."""
    found = _MONTH_KEY.fullmatch(lookup_key) or _METER_KEY.fullmatch(lookup_key)
    return found[2] if found else None


def _since(plans: Plans, month: str, cents_of: Callable[[PlanVersion], Decimal | None]) -> str:
    """The month from which on a price is what it is in that month."""
    number = plans.versions.index(plans.at(month))
    while number and cents_of(plans.versions[number - 1]) == cents_of(plans.versions[number]):
        number -= 1
    return plans.versions[number].from_month


def _month_cents(plan: str, version: PlanVersion) -> Decimal:
    return Decimal(version.of(plan).month_micro_dollars) / _MICRO_DOLLARS_OF_CENT


def _unit_cents(plan: str, meter: str, version: PlanVersion) -> Decimal | None:
    return unit_cents(version.prices)[meter] if version.of(plan).overage else None
