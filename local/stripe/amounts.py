"""Money: whole cents, with prices as exact decimals of cents, and halves rounded away from zero as Stripe does."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal

from local.stripe.store import Object

AMOUNT_MAX = 99_999_999
CHARGE_MIN = 50
"""Stripe charges no card less than half a dollar: what is less is carried over in the customer's balance."""


def rounded(cents: Decimal) -> int:
    """The nearest whole cent."""
    return int(cents.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def text(cents: Decimal) -> str:
    """As Stripe writes `unit_amount_decimal`: no exponent, no zeros at the end."""
    written = format(cents, "f")
    return written.rstrip("0").rstrip(".") if "." in written else written


def of_units(price: Object, quantity: int | Decimal) -> int:
    """What so many cost, in cents."""
    divided = price.get("transform_quantity")
    units = Decimal(quantity)
    if divided is not None:
        way = ROUND_CEILING if divided["round"] == "up" else ROUND_FLOOR
        units = (units / divided["divide_by"]).to_integral_value(rounding=way)
    return rounded(Decimal(price["unit_amount_decimal"]) * units)


def part(amount: int, seconds: int, of_seconds: int) -> int:
    """That part of an amount, in cents: what prorations are made of."""
    return rounded(Decimal(amount) * seconds / of_seconds) if of_seconds else 0


def shared_out(total: int, weights: list[int]) -> list[int]:
    """`total` in parts by weight, which add up to it to the cent: what is left goes to the largest remainders.

    Weights may be below zero; where their sum is, there is nothing to share out.
    """
    whole = sum(weights)
    if whole <= 0:
        return [0] * len(weights)
    exact = [Decimal(total) * weight / whole for weight in weights]
    parts = [int(each.to_integral_value(rounding=ROUND_FLOOR)) for each in exact]
    order = sorted(range(len(parts)), key=lambda index: (parts[index] - exact[index], index))
    for index in order[: total - sum(parts)]:
        parts[index] += 1
    return parts


def dollars(amount: int, currency: str = "usd") -> str:
    """For people: `$1,234.50`."""
    sign = "-" if amount < 0 else ""
    mark = "$" if currency == "usd" else f"{currency.upper()} "
    return f"{sign}{mark}{abs(amount) // 100:,}.{abs(amount) % 100:02d}"
