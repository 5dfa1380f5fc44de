"""What the payment of an invoice, or its failure, does to the subscription and the customer."""

from __future__ import annotations

from local.stripe import events
from local.stripe.show import show
from local.stripe.store import Object
from local.stripe.world import World


def paid(world: World, invoice: Object, now: int) -> None:
    """The latest invoice is paid: all is well again."""
    subscription = world.store.change("subscription", invoice["_subscription"])
    if subscription["latest_invoice"] == invoice["id"]:
        set_delinquent(world, invoice["customer"], False, now)
        if subscription["status"] in {"incomplete", "past_due", "unpaid"}:
            set_status(world, subscription, _good(subscription, now), now)


def failed(world: World, invoice: Object, now: int) -> None:
    """A renewal or a change was not paid. A first invoice is its maker's."""
    subscription = world.store.change("subscription", invoice["_subscription"])
    if invoice["billing_reason"] == "subscription_create":
        return
    if subscription["status"] in {"active", "trialing"}:
        set_status(world, subscription, "past_due", now)
    set_delinquent(world, invoice["customer"], True, now)


def set_status(world: World, subscription: Object, status: str, now: int) -> None:
    """And tell of it."""
    before = show(world, subscription)
    subscription["status"] = status
    events.emit(world, "customer.subscription.updated", subscription, before, at=now)


def set_delinquent(world: World, customer: str, delinquent: bool, now: int) -> None:
    """Whether the latest invoice is owed."""
    stored = world.store.change("customer", customer)
    before = show(world, stored)
    stored["delinquent"] = delinquent
    events.emit(world, "customer.updated", stored, before, at=now)


def _good(subscription: Object, now: int) -> str:
    trial_end = subscription["trial_end"]
    return "trialing" if trial_end is not None and trial_end > now else "active"
