"""Money: whole micro-dollars, and the two roundings there are: of what is only told, and of what Stripe charges."""

from __future__ import annotations

import re
from decimal import Decimal

MICRO = 1_000_000
CENT = 10_000
_PLAIN = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")


def divided(numerator: int, denominator: int) -> int:
    """The quotient as a whole number, half to even."""
    whole, rest = divmod(numerator, denominator)
    up = 2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1)
    return whole + up


def charged(numerator: int, denominator: int) -> int:
    """The quotient, which is not below zero, as whole cents in micro-dollars, half up: as Stripe rounds a line."""
    return (2 * numerator + denominator * CENT) // (2 * denominator * CENT) * CENT


def dollars(micro_dollars: int) -> str:
    """As an exact decimal."""
    return f"{(Decimal(micro_dollars) / MICRO).normalize() + 0:f}"


def micro_dollars(text: str) -> int:
    """Of an exact decimal of dollars. Raises ValueError for what is none, or finer than a micro-dollar."""
    value = Decimal(text) * MICRO if _PLAIN.fullmatch(text) else None
    if value is None or value != value.to_integral_value():
        raise ValueError(text)
    return int(value)
