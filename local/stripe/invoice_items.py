"""What waits for the next invoice: prorations of changes, and what somebody charges or credits beside the prices."""

from __future__ import annotations

import copy
from decimal import Decimal

from stripe.params import (
    InvoiceItemCreateParams,
    InvoiceItemDeleteParams,
    InvoiceItemListParams,
    InvoiceItemRetrieveParams,
)

from local.stripe import events, metadata
from local.stripe.amounts import rounded, text
from local.stripe.errors import Refused
from local.stripe.listing import CURSORS, page
from local.stripe.parameters import Given
from local.stripe.routes import Route
from local.stripe.show import show
from local.stripe.store import Object
from local.stripe.world import World

_KIND = "invoiceitem"
_PAGE = CURSORS.replace(" created", "")


def wait(world: World, subscription: Object, line: Object, now: int) -> None:
    """A proration, or usage of a price that was left, for the next invoice."""
    details = line["parent"]["subscription_item_details"]
    item = world.store.add(
        _KIND,
        _blank(world, world.store.get("customer", subscription["customer"]), now)
        | {
            "amount": line["amount"],
            "currency": line["currency"],
            "description": line["description"],
            "discountable": line["discountable"],
            "net_amount": line["amount"],
            "parent": {
                "type": "subscription_details",
                "subscription_details": {
                    "subscription": subscription["id"],
                    "subscription_item": details["subscription_item"],
                },
            },
            "period": dict(line["period"]),
            "pricing": copy.deepcopy(line["pricing"]),
            "proration": details["proration"],
            "quantity": line["quantity"],
            "quantity_decimal": line["quantity_decimal"],
            "_line": line,
            "_subscription": subscription["id"],
        },
    )
    details["invoice_item"] = item["id"]
    events.emit(world, "invoiceitem.created", item, at=now)


def of_subscription(world: World, subscription: Object) -> list[Object]:
    """The lines that wait for an invoice of exactly this subscription."""
    return [each["_line"] for each in _waiting(world, subscription) if each["_subscription"] is not None]


def waiting(world: World, subscription: Object) -> list[Object]:
    """The lines that the next invoice of this subscription will have: its own, and those of no other that goes on.
    Copies."""
    return [copy.deepcopy(each["_line"]) for each in _waiting(world, subscription)]


def take(world: World, subscription: Object, invoice: str) -> list[Object]:
    """The same, which now are on that invoice and wait no longer."""
    taken = []
    for each in _waiting(world, subscription):
        item = world.store.change(_KIND, each["id"])
        item["invoice"] = invoice
        taken.append(item["_line"])
    return taken


def drop(world: World, subscription: Object) -> None:
    """What waits for an invoice of this subscription will be billed by none."""
    for each in _waiting(world, subscription):
        if each["_subscription"] == subscription["id"]:
            world.store.remove(_KIND, each["id"])


def _waiting(world: World, subscription: Object) -> list[Object]:
    return [
        each
        for each in world.store.all(_KIND).values()
        if each["invoice"] is None
        and each["customer"] == subscription["customer"]
        and (each["_subscription"] in {None, subscription["id"]} or _has_ended(world, each["_subscription"]))
    ]


def _has_ended(world: World, subscription: str) -> bool:
    return bool(world.store.get("subscription", subscription)["ended_at"] is not None)


def _blank(world: World, customer: Object, now: int) -> Object:
    return {
        "id": world.ids.new("ii", 24),
        "object": _KIND,
        "customer": customer["id"],
        "customer_account": None,
        "date": now,
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": {},
        "tax_rates": [],
        "test_clock": customer["test_clock"],
    }


def _create(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    if "customer" not in given:
        raise Refused("Missing required param: customer.", code="parameter_missing", param="customer")
    customer = world.store.get("customer", given["customer"], param="customer", status=400)
    now = world.now(customer)
    subscription = None
    if "subscription" in given:
        found = world.store.get("subscription", given["subscription"], param="subscription", status=400)
        subscription = found["id"]
    amount, quantity, unit = _amount(given)
    said = given.get("period", {"start": now, "end": now})
    item = world.store.add(
        _KIND,
        _blank(world, customer, now)
        | {
            "amount": amount,
            "currency": (given.get("currency") or customer["currency"] or "usd").lower(),
            "description": given.get("description"),
            "discountable": given.get("discountable", amount >= 0),
            "net_amount": amount,
            "parent": None
            if subscription is None
            else {
                "type": "subscription_details",
                "subscription_details": {"subscription": subscription, "subscription_item": None},
            },
            "period": {"start": said["start"], "end": said["end"]},
            "pricing": {"type": "price_details", "price_details": None, "unit_amount_decimal": text(unit)},
            "proration": False,
            "quantity": quantity,
            "quantity_decimal": str(quantity),
            "_subscription": subscription,
        },
    )
    metadata.apply(item, given)
    item["_line"] = _line(world, item)
    events.emit(world, "invoiceitem.created", item, at=now)
    return show(world, item)


def _amount(given: Given) -> tuple[int, int, Decimal]:
    """Cents, how many, and cents of each."""
    if ("amount" in given) == ("unit_amount_decimal" in given):
        raise Refused(
            "You must pass either `amount`, or `unit_amount_decimal` with `quantity`.",
            code="parameter_missing" if "amount" not in given else "parameters_exclusive",
            param="amount",
        )
    if "amount" in given:
        return given["amount"], 1, Decimal(given["amount"])
    quantity = given.get("quantity", 1)
    return rounded(given["unit_amount_decimal"] * quantity), quantity, given["unit_amount_decimal"]


def _line(world: World, item: Object) -> Object:
    return {
        "id": world.ids.new("il", 24),
        "object": "line_item",
        "amount": item["amount"],
        "currency": item["currency"],
        "description": item["description"],
        "discount_amounts": [],
        "discountable": item["discountable"],
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": dict(item["metadata"]),
        "parent": {
            "type": "invoice_item_details",
            "invoice_item_details": {
                "invoice_item": item["id"],
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": item["_subscription"],
            },
            "subscription_item_details": None,
        },
        "period": dict(item["period"]),
        "pretax_credit_amounts": [],
        "pricing": copy.deepcopy(item["pricing"]),
        "quantity": item["quantity"],
        "quantity_decimal": item["quantity_decimal"],
        "subscription": item["_subscription"],
        "subtotal": item["amount"],
        "taxes": [],
        "_item": None,
        "_customer": item["customer"],
    }


def _retrieve(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    return show(world, world.store.get(_KIND, ids[0]))


def _delete(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    item = world.store.get(_KIND, ids[0])
    if item["invoice"] is not None:
        raise Refused("You can't delete an invoice item that is on an invoice.", code="invoice_not_editable")
    events.emit(world, "invoiceitem.deleted", item)
    world.store.remove(_KIND, item["id"])
    return {"id": item["id"], "object": _KIND, "deleted": True}


def _list(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    rows = [
        show(world, each)
        for each in world.store.all(_KIND).values()
        if all(given.get(name, each[name]) == each[name] for name in ("customer", "invoice"))
        and given.get("pending", each["invoice"] is None) == (each["invoice"] is None)
    ]
    return page(rows, given, "/v1/invoiceitems")


_PATH = "/v1/invoiceitems"
ROUTES = (
    Route(
        "POST",
        _PATH,
        InvoiceItemCreateParams,
        "customer subscription amount currency description discountable metadata period quantity unit_amount_decimal",
        _create,
    ),
    Route("GET", _PATH, InvoiceItemListParams, f"{_PAGE} customer invoice pending", _list),
    Route("GET", f"{_PATH}/{{}}", InvoiceItemRetrieveParams, "", _retrieve),
    Route("DELETE", f"{_PATH}/{{}}", InvoiceItemDeleteParams, "", _delete),
)
