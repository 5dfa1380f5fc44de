"""The endpoints of subscriptions."""

from __future__ import annotations

from stripe.params import (
    SubscriptionCancelParams,
    SubscriptionCreateParams,
    SubscriptionListParams,
    SubscriptionRetrieveParams,
    SubscriptionUpdateParams,
)

from local.stripe import payment_methods, subscriptions
from local.stripe.errors import Refused, not_here
from local.stripe.listing import CURSORS, page
from local.stripe.parameters import Given
from local.stripe.routes import Route
from local.stripe.show import show
from local.stripe.store import Object
from local.stripe.world import World

_ENDED = {"canceled", "incomplete_expired"}
_ITEM = "items.price items.quantity items.metadata"


def _create(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    if "customer" not in given:
        raise Refused("Missing required param: customer.", code="parameter_missing", param="customer")
    customer = world.store.get("customer", given["customer"], param="customer", status=400)
    if "default_payment_method" in given:
        payment_methods.of_customer(
            world, customer["id"], given["default_payment_method"], "default_payment_method"
        )
    if given.get("payment_behavior") == "pending_if_incomplete":
        raise Refused("`pending_if_incomplete` is for updates.", param="payment_behavior")
    if given.get("billing_mode", {}).get("type") == "classic":
        raise not_here("the classic billing mode", "billing_mode[type]")
    return show(world, subscriptions.create(world, customer, given))


def _retrieve(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    return show(world, world.store.get("subscription", ids[0]))


def _update(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    found = world.store.get("subscription", ids[0])
    behaviour = given.get("payment_behavior")
    if behaviour in {"pending_if_incomplete", "default_incomplete"}:
        raise not_here(f"payment_behavior={behaviour} of an update", "payment_behavior")
    # What has ended can still be written on.
    subscription = (
        world.store.change("subscription", ids[0])
        if found["ended_at"] is not None and not given.keys() - {"metadata", "cancellation_details", "expand"}
        else subscriptions.current(world, ids[0])
    )
    subscriptions.update(world, subscription, given)
    return show(world, subscription)


def _cancel(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    subscription = subscriptions.current(world, ids[0])
    now = world.now(world.store.get("customer", subscription["customer"]))
    subscriptions.cancel(world, subscription, given, now)
    return show(world, subscription)


def _list(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    clock = given.get("test_clock")
    rows = [
        show(world, each)
        for each in world.store.all("subscription").values()
        if _is_wanted(each, given.get("status"))
        and given.get("customer", each["customer"]) == each["customer"]
        # Of a test clock, only where that or its customer is asked for.
        and (each["test_clock"] == clock or ("customer" in given and clock is None))
        and ("price" not in given or given["price"] in _prices(world, each))
    ]
    return page(rows, given, "/v1/subscriptions")


def _is_wanted(subscription: Object, status: str | None) -> bool:
    if status == "all":
        return True
    if status == "ended":
        return subscription["status"] in _ENDED
    if status is None:
        return subscription["status"] not in _ENDED
    return bool(subscription["status"] == status)


def _prices(world: World, subscription: Object) -> set[str]:
    return {world.store.get("subscription_item", each)["price"] for each in subscription["_items"]}


ROUTES = (
    Route(
        "POST",
        "/v1/subscriptions",
        SubscriptionCreateParams,
        f"{_ITEM} customer default_payment_method description discounts metadata payment_behavior "
        "billing_cycle_anchor proration_behavior trial_end trial_period_days "
        "trial_settings.end_behavior.missing_payment_method off_session billing_mode.type",
        _create,
    ),
    Route(
        "GET",
        "/v1/subscriptions",
        SubscriptionListParams,
        f"{CURSORS} customer price status test_clock",
        _list,
    ),
    Route("GET", "/v1/subscriptions/{}", SubscriptionRetrieveParams, "", _retrieve),
    Route(
        "POST",
        "/v1/subscriptions/{}",
        SubscriptionUpdateParams,
        f"{_ITEM} items.id items.deleted items.clear_usage default_payment_method description discounts metadata "
        "payment_behavior cancel_at cancel_at_period_end cancellation_details.comment "
        "cancellation_details.feedback proration_behavior proration_date trial_end off_session",
        _update,
    ),
    Route(
        "DELETE",
        "/v1/subscriptions/{}",
        SubscriptionCancelParams,
        "invoice_now prorate cancellation_details.comment cancellation_details.feedback",
        _cancel,
    ),
)
