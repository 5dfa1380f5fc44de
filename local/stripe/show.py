"""How an object is shown: without what is this server's own, with what is kept beside it, and with what was
asked to expand."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from local.stripe.errors import Refused
from local.stripe.listing import whole
from local.stripe.sdk_types import fields, options
from local.stripe.shapes import RESOURCES
from local.stripe.store import Object
from local.stripe.world import World

_LINES_SHOWN = 10
_DEPTH_MAX = 4
# By the beginning of its id; a coupon's id is what its maker likes, and goes by the name of the field.
_KINDS = {
    "bpc": "billing_portal.configuration",
    "clock": "test_helpers.test_clock",
    "cs": "checkout.session",
    "cus": "customer",
    "in": "invoice",
    "mtr": "billing.meter",
    "pi": "payment_intent",
    "pm": "payment_method",
    "price": "price",
    "prod": "product",
    "promo": "promotion_code",
    "seti": "setup_intent",
    "sub": "subscription",
    "txi": "tax_id",
    "di": "discount",
}


def show(world: World, stored: Object) -> Object:
    """As an answer has it, nothing expanded."""
    shown = {name: copy.deepcopy(value) for name, value in stored.items() if not name.startswith("_")}
    rest = _REST.get(stored["object"])
    if rest is not None:
        shown.update(rest(world, stored))
    return shown


def plan(price: Object) -> Object:
    """The older name of a recurring price, which subscription items still have beside it."""
    recurring = price["recurring"]
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": price["billing_scheme"],
        "created": price["created"],
        "currency": price["currency"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "livemode": False,
        "metadata": copy.deepcopy(price["metadata"]),
        "meter": recurring["meter"],
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": None,
        "transform_usage": copy.deepcopy(price["transform_quantity"]),
        "trial_period_days": None,
        "usage_type": recurring["usage_type"],
    }


def expanded(world: World, shown: Object, paths: Sequence[str]) -> Object:
    """With the objects instead of their ids. Raises Refused for what cannot be."""
    for path in paths:
        steps = path.split(".")
        if len(steps) > _DEPTH_MAX + ("data" in steps):
            raise Refused(f"You cannot expand more than {_DEPTH_MAX} levels of a property", param="expand")
        _expand(world, shown, steps, path)
    return shown


def _expand(world: World, place: Any, steps: Sequence[str], path: str) -> None:
    if isinstance(place, list):
        for each in place:
            _expand(world, each, steps, path)
        return
    if not isinstance(place, dict):
        return
    name = steps[0]
    beside = _ON_DEMAND.get((place.get("object", ""), name))
    if beside is not None:
        place[name] = beside(world, place)
    elif name not in place:
        raise Refused(f"This property cannot be expanded ({path}).", param="expand")
    elif isinstance(place[name], str):
        place[name] = _by_id(world, name, place[name], path)
    elif isinstance(place[name], list):
        place[name] = [
            _by_id(world, name, each, path) if isinstance(each, str) else each for each in place[name]
        ]
    elif len(steps) == 1 and not _is_object(place[name]) and not _may_be(place, name):
        raise Refused(f"This property cannot be expanded ({path}).", param="expand")
    if len(steps) > 1:
        _expand(world, place[name], steps[1:], path)


def _may_be(place: Object, name: str) -> bool:
    """Whether it could have been an object, though it is null now."""
    owner = RESOURCES.get(str(place.get("object")))
    return owner is None or any(hasattr(each, "OBJECT_NAME") for each in options(fields(owner)[name]))


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and "object" in value


def _by_id(world: World, name: str, identity: str, path: str) -> Object:
    kind = "coupon" if name == "coupon" else _KINDS.get(identity.partition("_")[0])
    found = world.store.find(kind, identity) if kind else None
    if found is None:
        raise Refused(f"This property cannot be expanded ({path}).", param="expand")
    return show(world, found)


def _of_subscription(world: World, stored: Object) -> Object:
    rows = [show(world, world.store.get("subscription_item", each)) for each in stored["_items"]]
    return {"items": whole(rows, f"/v1/subscription_items?subscription={stored['id']}")}


def _of_item(world: World, stored: Object) -> Object:
    price = world.store.get("price", stored["price"])
    return {"price": show(world, price), "plan": plan(price)}


def _of_invoice(world: World, stored: Object) -> Object:
    rows = [copy.deepcopy(line) for line in stored["_lines"]]
    rows = [{name: value for name, value in row.items() if not name.startswith("_")} for row in rows]
    url = f"/v1/invoices/{stored.get('id', 'upcoming')}/lines"
    lines = whole(rows[:_LINES_SHOWN], url) | {"has_more": len(rows) > _LINES_SHOWN}
    # The server may be at another address than when the invoice was finalized.
    there = stored["number"] is not None
    return {"lines": lines, "hosted_invoice_url": f"{world.url}/i/{stored['id']}" if there else None}


def _payments(world: World, shown: Object) -> Object:
    rows = [
        show(world, each)
        for each in world.store.all("invoice_payment").values()
        if each["invoice"] == shown["id"]
    ]
    return whole(rows, f"/v1/invoice_payments?invoice={shown['id']}")


def _line_items(world: World, shown: Object) -> Object:
    stored = world.store.get("checkout.session", shown["id"])
    rows = [
        {**copy.deepcopy(item), "price": show(world, world.store.get("price", item["price"]))}
        for item in stored["_line_items"]
    ]
    return whole(rows, f"/v1/checkout/sessions/{shown['id']}/line_items")


def _subscriptions(world: World, shown: Object) -> Object:
    rows = [
        show(world, each)
        for each in world.store.all("subscription").values()
        if each["customer"] == shown["id"] and each["status"] not in {"canceled", "incomplete_expired"}
    ]
    return whole(rows[::-1], f"/v1/customers/{shown['id']}/subscriptions")


def _tax_ids(world: World, shown: Object) -> Object:
    rows = [
        show(world, each) for each in world.store.all("tax_id").values() if each["customer"] == shown["id"]
    ]
    return whole(rows[::-1], f"/v1/customers/{shown['id']}/tax_ids")


def _of_price_tiers(world: World, shown: Object) -> Object:
    raise Refused("This price has no tiers; local/stripe makes none.", param="expand")


_REST: dict[str, Callable[[World, Object], Object]] = {
    "subscription": _of_subscription,
    "subscription_item": _of_item,
    "invoice": _of_invoice,
}
# Left out of an object unless they are asked for.
_ON_DEMAND: dict[tuple[str, str], Callable[[World, Object], Object]] = {
    ("invoice", "payments"): _payments,
    ("checkout.session", "line_items"): _line_items,
    ("customer", "subscriptions"): _subscriptions,
    ("customer", "tax_ids"): _tax_ids,
    ("price", "tiers"): _of_price_tiers,
}
