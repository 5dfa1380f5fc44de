"""What a subscription is of: prices, each with a quantity or a meter."""

from __future__ import annotations

from stripe.params import SubscriptionItemListParams, SubscriptionItemRetrieveParams

from local.stripe.errors import Refused, not_here
from local.stripe.listing import CURSORS, page
from local.stripe.parameters import Given
from local.stripe.routes import Route
from local.stripe.show import show
from local.stripe.store import Object
from local.stripe.world import World

_ITEMS_MAX = 20


def add(world: World, subscription: Object, said: Given, now: int, param: str) -> Object:
    """A new item, whose period is the subscription's. Raises Refused for a price that it cannot have."""
    price = sellable(world, said.get("price"), subscription, param)
    if len(subscription["_items"]) >= _ITEMS_MAX:
        raise Refused(f"A subscription can have at most {_ITEMS_MAX} items", param="items")
    if any(
        world.store.get("subscription_item", each)["price"] == price["id"] for each in subscription["_items"]
    ):
        raise Refused(
            f"Cannot add multiple subscription items with the same price: {price['id']}", param=param
        )
    item = world.store.add(
        "subscription_item",
        {
            "id": world.ids.new("si"),
            "object": "subscription_item",
            "billing_thresholds": None,
            "created": now,
            "current_period_start": subscription["_start"],
            "current_period_end": subscription["_end"],
            "discounts": [],
            "metadata": dict(said.get("metadata") or {}),
            "price": price["id"],
            "quantity": None,
            "subscription": subscription["id"],
            "tax_rates": [],
            "_debits": [],
            "_metered_from": now,
        },
    )
    set_quantity(world, item, said.get("quantity"), param)
    subscription["_items"].append(item["id"])
    return item


def sellable(world: World, price: str | None, subscription: Object, param: str) -> Object:
    """A price that a subscription in this currency, of this interval, can be of. Raises Refused."""
    if price is None:
        raise Refused(
            f"Missing required param: {param}[price].", code="parameter_missing", param=f"{param}[price]"
        )
    found = world.store.get("price", price, param=f"{param}[price]", status=400)
    if not found["active"]:
        raise Refused(
            f"The price specified is inactive. This field only accepts active prices: {price}",
            param=f"{param}[price]",
        )
    recurring = found["recurring"]
    if recurring is None:
        raise Refused(
            f"The price specified is set to `type=one_time` but this field only accepts prices with "
            f"`type=recurring`: {price}",
            param=f"{param}[price]",
        )
    if subscription["currency"] is None:
        subscription["currency"] = found["currency"]
    if found["currency"] != subscription["currency"]:
        raise Refused(
            "The price specified only supports `" + found["currency"] + "`. This doesn't match the expected "
            "currency: `" + subscription["currency"] + "`.",
            param=f"{param}[price]",
        )
    interval = {"interval": recurring["interval"], "interval_count": recurring["interval_count"]}
    if subscription["_recurring"] is None:
        subscription["_recurring"] = interval
    if subscription["_recurring"] != interval:
        raise not_here("prices of several intervals in one subscription", f"{param}[price]")
    return found


def set_quantity(world: World, item: Object, quantity: int | None, param: str) -> None:
    """One unless it is said; a metered price has none. Raises Refused."""
    if is_metered(world, item):
        if quantity is not None:
            raise Refused("You cannot set the quantity for metered plans.", param=f"{param}[quantity]")
        item["quantity"] = None
        return
    if quantity is not None and quantity < 0:
        raise Refused("This value must be greater than or equal to 0.", param=f"{param}[quantity]")
    item["quantity"] = quantity if quantity is not None else (item["quantity"] or 1)


def is_metered(world: World, item: Object) -> bool:
    """Whether a meter counts its units."""
    return bool(world.store.get("price", item["price"])["recurring"]["usage_type"] == "metered")


def of(world: World, subscription: Object) -> list[Object]:
    """To be changed, in the order in which they were added."""
    return [world.store.change("subscription_item", each) for each in subscription["_items"]]


def _retrieve(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    return show(world, world.store.get("subscription_item", ids[0]))


def _list(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    subscription = world.store.get("subscription", given["subscription"], param="subscription")
    rows = [show(world, world.store.get("subscription_item", each)) for each in subscription["_items"]]
    return page(rows[::-1], given, "/v1/subscription_items")


ROUTES = (
    Route(
        "GET",
        "/v1/subscription_items",
        SubscriptionItemListParams,
        f"{CURSORS.replace(' created', '')} subscription",
        _list,
    ),
    Route("GET", "/v1/subscription_items/{}", SubscriptionItemRetrieveParams, "", _retrieve),
)
