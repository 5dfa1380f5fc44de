"""Lines of invoices: a flat price for a period, what a meter counted in one, and what a change in between is worth."""

from __future__ import annotations

from decimal import Decimal

from local.stripe import meters
from local.stripe.amounts import dollars, of_units, part, text
from local.stripe.periods import day
from local.stripe.store import Object
from local.stripe.world import World


def flat(world: World, subscription: Object, item: Object, start: int, end: int) -> Object:
    """A licensed price for the period that begins."""
    price = world.store.get("price", item["price"])
    amount = of_units(price, item["quantity"])
    return _line(
        world,
        subscription,
        item,
        price,
        amount,
        (start, end),
        f"{item['quantity']} × {_name(world, price)} (at {_each(price)} / {price['recurring']['interval']})",
        quantity=item["quantity"],
    )


def free(world: World, subscription: Object, item: Object, start: int, end: int) -> Object:
    """A licensed price while it is tried."""
    price = world.store.get("price", item["price"])
    name = f"Trial period for {_name(world, price)}"
    return _line(world, subscription, item, price, 0, (start, end), name, quantity=item["quantity"])


def metered(world: World, subscription: Object, item: Object, start: int, end: int) -> Object:
    """What the meter counted from `start` on and before `end`."""
    price = world.store.get("price", item["price"])
    line = _line(world, subscription, item, price, 0, (start, end), "", quantity=0)
    line["_metered"] = True
    count_again(world, line)
    return line


def count_again(world: World, line: Object) -> None:
    """Usage that came after the line was made: an invoice is open for it while it is a draft."""
    if not line.get("_metered"):
        return
    details = line["pricing"]["price_details"]
    price = world.store.get("price", details["price"])
    meter = world.store.get("billing.meter", price["recurring"]["meter"])
    units = meters.usage(world, meter, line["_customer"], line["period"]["start"], line["period"]["end"])
    units = max(units, 0)
    line["quantity"], line["quantity_decimal"] = units, str(units)
    line["amount"] = line["subtotal"] = of_units(price, units)
    line["description"] = f"{units:,} × {_name(world, price)} (at {_each(price)} / unit)"


def unused(
    world: World, subscription: Object, item: Object, debit: Object, moment: int, quantity: int
) -> Object:
    """The credit for what was paid of a period and is not used: that part of what was really charged,
    discounts included."""
    price = world.store.get("price", debit["price"])
    left, whole = debit["end"] - moment, debit["end"] - debit["start"]
    line = _line(
        world,
        subscription,
        item,
        price,
        -part(debit["amount"], left, whole),
        (moment, debit["end"]),
        f"Unused time on {_many(quantity)}{_name(world, price)} after {day(moment)}",
        quantity=quantity,
    )
    if debit["invoice"] is None:
        # Both wait for the same invoice, and its discounts are of both.
        _prorate(line, None)
        return line
    _prorate(line, {"invoice": debit["invoice"], "invoice_line_items": [debit["line"]]})
    # It is taken from what was left after discounts, so that none applies again.
    line["discountable"] = False
    return line


def debit(line: Object, invoice: str | None = None) -> Object:
    """What was charged for which seconds of an item, discounts taken off: of this a later change gives a part back."""
    return {
        "amount": line["amount"] - sum(each["amount"] for each in line["discount_amounts"]),
        "start": line["period"]["start"],
        "end": line["period"]["end"],
        "price": line["pricing"]["price_details"]["price"],
        "invoice": invoice,
        "line": line["id"],
    }


def remaining(world: World, subscription: Object, item: Object, moment: int, end: int, whole: int) -> Object:
    """The charge for the rest of a period of `whole` seconds."""
    price = world.store.get("price", item["price"])
    line = _line(
        world,
        subscription,
        item,
        price,
        part(of_units(price, item["quantity"]), end - moment, whole),
        (moment, end),
        f"Remaining time on {_many(item['quantity'])}{_name(world, price)} after {day(moment)}",
        quantity=item["quantity"],
    )
    _prorate(line, None)
    return line


def _line(
    world: World,
    subscription: Object,
    item: Object,
    price: Object,
    amount: int,
    period: tuple[int, int],
    description: str,
    *,
    quantity: int,
) -> Object:
    return {
        "id": world.ids.new("il", 24),
        "object": "line_item",
        "amount": amount,
        "currency": price["currency"],
        "description": description,
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": dict(subscription["metadata"]),
        "parent": {
            "type": "subscription_item_details",
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": subscription["id"],
                "subscription_item": item["id"],
            },
        },
        "period": {"start": period[0], "end": period[1]},
        "pretax_credit_amounts": [],
        "pricing": {
            "type": "price_details",
            "price_details": {"price": price["id"], "product": price["product"]},
            "unit_amount_decimal": text(Decimal(price["unit_amount_decimal"])),
        },
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "subscription": subscription["id"],
        "subtotal": amount,
        "taxes": [],
        "_item": item["id"],
        "_customer": subscription["customer"],
    }


def _prorate(line: Object, credited: Object | None) -> None:
    details = line["parent"]["subscription_item_details"]
    details["proration"] = True
    details["proration_details"]["credited_items"] = credited


def _name(world: World, price: Object) -> str:
    product = world.store.find("product", price["product"])
    return str(price["nickname"] or (product or {}).get("name") or price["id"])


def _each(price: Object) -> str:
    if price["unit_amount"] is not None:
        return dollars(price["unit_amount"], price["currency"])
    mark = "$" if price["currency"] == "usd" else f"{price['currency'].upper()} "
    return mark + text(Decimal(price["unit_amount_decimal"]) / 100)


def _many(quantity: int) -> str:
    return "" if quantity == 1 else f"{quantity} × "
