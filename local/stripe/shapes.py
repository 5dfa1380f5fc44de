"""Holds every answer to what Stripe publishes: the example of each resource, and the types of the official SDK.

An object has every name that the example has, and each value is of a type that the SDK declares for it, a word of its
enumerations included. What is left out on purpose is in LEFT_OUT, with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
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
    known = _rules(owner)
    for name, each in value.items():
        rule = known.get(name)
        if rule is None:
            yield f"{place}.{name} is not Stripe's"
        else:
            yield from _of_value(each, rule, f"{place}.{name}")


def _of_value(value: Any, rule: _Rule, place: str) -> Iterator[str]:
    if not rule.fits(value):
        yield f"{place} is {str(value)[:60]!r}, and has to be {rule.hint}"
    elif isinstance(value, list) and rule.each is not None:
        for index, each in enumerate(value):
            yield from _of_value(each, rule.each, f"{place}[{index}]")
    elif isinstance(value, dict):
        kind = value.get("object")
        # An event's `data` has an object of that name.
        if isinstance(kind, str) and (kind in RESOURCES or kind == "list"):
            yield from _of_object(value, place)
        elif rule.owner is not None:
            yield from _of_fields(value, rule.owner, place)


@dataclass(frozen=True, slots=True)
class _Rule:
    """One of the SDK's types, taken apart once. `words` are all texts that it may be; None where any will do."""

    hint: Any
    words: frozenset[Any] | None
    kinds: frozenset[type]
    anything: bool
    each: _Rule | None  # of a list
    owner: type | None  # whose names an object has; None where they are its maker's, as in metadata

    def fits(self, value: Any) -> bool:
        """Whether it is of one of the types, and a word of the enumeration where there is one."""
        if self.anything:
            return True
        if self.words is not None and isinstance(value, str | bool) and value in self.words:
            return True
        return type(value) in self.kinds


@cache
def _rules(owner: type) -> dict[str, _Rule]:
    return {name: _rule(hint) for name, hint in fields(owner).items()}


def _rule(hint: Any) -> _Rule:
    members = options(hint)
    allowed = [word for each in members if get_origin(each) is Literal for word in get_args(each)]
    kinds: set[type] = set()
    for member in members:
        # `str` beside an enumeration is for words to come.
        if not (allowed and member is str):
            kinds |= _kinds(member)
    resources = [each for each in members if _is_resource(each)]
    inner = [get_args(each)[0] for each in members if get_origin(each) is list]
    owner = resources[0] if resources and isinstance(resources[0], type) else None
    return _Rule(
        hint=hint,
        words=frozenset(allowed) if allowed else None,
        kinds=frozenset(kinds),
        anything=any(each is Any or get_origin(each) is ClassVar for each in members),
        each=_rule(inner[0]) if inner else None,
        owner=owner,
    )


def _kinds(member: Any) -> set[type]:
    """Which of JSON's types it may be."""
    if member in {str, Decimal}:
        return {str}
    if member is float:
        return {int, float}
    if member in {int, bool, type(None)}:
        return {member}
    if get_origin(member) is list:
        return {list}
    return {dict} if _is_resource(member) or get_origin(member) is dict else set()


def _is_resource(member: Any) -> bool:
    owner = get_origin(member) or member
    return isinstance(owner, type) and issubclass(owner, stripe.StripeObject)
