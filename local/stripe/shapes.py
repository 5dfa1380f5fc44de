"""Holds every answer to what Stripe publishes: the example of each resource, and the types of the official SDK.

An object has every name that the example has, and each value is of a type that the SDK declares for it, a word of its
enumerations included. What is left out on purpose is in LEFT_OUT, with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args, get_origin

import stripe

from local.stripe.sdk_types import fields, options

_EXAMPLES = Path(__file__).with_name("published") / "resources.json"
LEFT_OUT: dict[str, dict[str, str]] = {
    "invoice": {"subscription": "what an older version calls parent.subscription_details.subscription"},
}
RESOURCES: dict[str, type] = {
    "billing.meter": stripe.billing.Meter,
    "billing.meter_event": stripe.billing.MeterEvent,
    "billing.meter_event_summary": stripe.billing.MeterEventSummary,
    "billing_portal.configuration": stripe.billing_portal.Configuration,
    "billing_portal.session": stripe.billing_portal.Session,
    "checkout.session": stripe.checkout.Session,
    "coupon": stripe.Coupon,
    "customer": stripe.Customer,
    "customer_balance_transaction": stripe.CustomerBalanceTransaction,
    "discount": stripe.Discount,
    "event": stripe.Event,
    "invoice": stripe.Invoice,
    "invoice_payment": stripe.InvoicePayment,
    "invoiceitem": stripe.InvoiceItem,
    "item": stripe.LineItem,
    "line_item": stripe.InvoiceLineItem,
    "payment_intent": stripe.PaymentIntent,
    "payment_method": stripe.PaymentMethod,
    "plan": stripe.Plan,
    "price": stripe.Price,
    "product": stripe.Product,
    "promotion_code": stripe.PromotionCode,
    "subscription": stripe.Subscription,
    "subscription_item": stripe.SubscriptionItem,
    "tax_id": stripe.TaxId,
    "test_helpers.test_clock": stripe.test_helpers.TestClock,
    "webhook_endpoint": stripe.WebhookEndpoint,
}


class WrongShape(Exception):
    """An answer of this server that Stripe would not give."""


def check(answer: dict[str, Any]) -> None:
    """Raises WrongShape, with every fault of it."""
    faults = list(_of_object(answer, str(answer.get("object", "answer"))))
    if faults:
        raise WrongShape("; ".join(faults))


@cache
def _examples() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(_EXAMPLES.read_text())["resources"]
    return found


def _of_object(value: dict[str, Any], place: str) -> Iterator[str]:
    kind = value.get("object")
    if value.get("deleted") is True:
        if value.keys() != {"id", "object", "deleted"}:
            yield f"{place}: what is deleted has its id alone"
        return
    if kind == "list":
        if value.keys() != {"object", "data", "has_more", "url"}:
            yield f"{place}: a list has data, has_more and url"
        for index, each in enumerate(value.get("data", ())):
            yield from _of_object(each, f"{place}[{index}]")
        return
    if kind not in RESOURCES:
        yield f"{place}: no resource is called {kind}"
        return
    for name in _examples()[kind].keys() - value.keys() - LEFT_OUT.get(kind, {}).keys():
        # What is only beginning to happen has no id: `invoice.upcoming`.
        if not (kind == "invoice" and name == "id"):
            yield f"{place}.{name} is missing"
    yield from _of_fields(value, RESOURCES[kind], place)


def _of_fields(value: dict[str, Any], owner: type, place: str) -> Iterator[str]:
    known = fields(owner)
    for name, each in value.items():
        if name not in known:
            yield f"{place}.{name} is not Stripe's"
        elif not _fits(each, known[name]):
            yield f"{place}.{name} is {str(each)[:60]!r}, and has to be {known[name]}"
        else:
            yield from _inside(each, known[name], f"{place}.{name}")


def _inside(value: Any, hint: Any, place: str) -> Iterator[str]:
    if isinstance(value, list):
        inner = next((get_args(each)[0] for each in options(hint) if get_origin(each) is list), Any)
        for index, each in enumerate(value):
            if not _fits(each, inner):
                yield f"{place}[{index}] is {str(each)[:60]!r}, and has to be {inner}"
            yield from _inside(each, inner, f"{place}[{index}]")
    elif isinstance(value, dict):
        kind = value.get("object")
        # An event's `data` has an object of that name.
        if isinstance(kind, str) and kind in {*RESOURCES, "list"}:
            yield from _of_object(value, place)
            return
        owner = next((each for each in options(hint) if _is_resource(each)), None)
        # Metadata and the like have whatever names their maker likes.
        if isinstance(owner, type):
            yield from _of_fields(value, owner, place)


def _fits(value: Any, hint: Any) -> bool:
    """Whether it is of one of the types; a word has to be one of an enumeration's."""
    members = options(hint)
    allowed = [word for each in members if get_origin(each) is Literal for word in get_args(each)]
    if allowed and isinstance(value, str | bool):
        # `str` beside an enumeration is for words to come; beside another type it is an id.
        others = [each for each in members if get_origin(each) is not Literal and each is not str]
        return value in allowed or any(_is_one(value, each) for each in others)
    return any(_is_one(value, each) for each in members)


def _is_one(value: Any, member: Any) -> bool:
    if member is Any or get_origin(member) is ClassVar:
        return True
    if value is None:
        return member is type(None)
    if isinstance(value, bool):
        return member is bool
    if isinstance(value, str):
        return member in {str, Decimal}
    if isinstance(value, int | float):
        return member is float or (member is int and isinstance(value, int))
    if isinstance(value, list):
        return get_origin(member) is list
    return isinstance(value, dict) and (_is_resource(member) or get_origin(member) is dict)


def _is_resource(member: Any) -> bool:
    owner = get_origin(member) or member
    return isinstance(owner, type) and issubclass(owner, stripe.StripeObject)
