"""What happened: an event for every change that Stripe would tell of, kept as it was then, and to be delivered to each
webhook endpoint that asks for its type."""

from __future__ import annotations

from typing import Any

import stripe
from stripe.params import EventListParams, EventRetrieveParams

from local.stripe import shapes, show
from local.stripe.errors import Refused
from local.stripe.listing import CURSORS, page
from local.stripe.parameters import Given
from local.stripe.routes import Route
from local.stripe.store import Object
from local.stripe.world import World


def emit(
    world: World, kind: str, stored: Object, before: Object | None = None, *, at: int | None = None
) -> None:
    """`before` is how the object was shown before an update: what differs goes into `previous_attributes`. An
    update that changed nothing tells of nothing."""
    shown = show.show(world, stored)
    data: dict[str, Any] = {"object": shown}
    if before is not None:
        differing = changed(before, shown)
        if not differing:
            return
        data["previous_attributes"] = differing
    waiting = 0
    event: Object = {
        "id": world.ids.new("evt", 24),
        "object": "event",
        "api_version": stripe.api_version,
        "created": at if at is not None else world.now(_owner(world, stored)),
        "data": data,
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": world.asked.request, "idempotency_key": world.asked.idempotency_key},
        "type": kind,
    }
    for endpoint in world.store.all("webhook_endpoint").values():
        if endpoint["status"] == "enabled" and {"*", kind} & set(endpoint["enabled_events"]):
            waiting += 1
            delivery = f"{len(world.store.all('_delivery')):09d}"
            world.store.add(
                "_delivery",
                {
                    "id": delivery,
                    "event": event["id"],
                    "endpoint": endpoint["id"],
                    "state": "waiting",
                    "tries": [],
                },
            )
    event["pending_webhooks"] = waiting
    shapes.check(event)
    world.store.add("event", event)


def changed(before: Object, after: Object) -> Object:
    """What was other before, as `previous_attributes` has it: inside of an object only what differs, a list whole."""
    differing: Object = {}
    for name in before.keys() | after.keys():
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict) and old.get("object") != "list":
            differing[name] = changed(old, new)
        else:
            differing[name] = old
    return differing


def _owner(world: World, stored: Object) -> Object | None:
    if stored["object"] == "customer":
        return stored
    if stored["object"] == "test_helpers.test_clock":
        return {"test_clock": stored["id"]}
    customer = stored.get("customer")
    return world.store.find("customer", customer) if isinstance(customer, str) else None


def _list(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    if "type" in given and "types" in given:
        raise Refused(
            "You may only specify one of these parameters: type, types.",
            code="parameters_exclusive",
            param="type",
        )
    wanted = given.get("types", [given["type"]] if "type" in given else None)
    rows = [
        each for each in world.store.all("event").values() if wanted is None or _matches(each["type"], wanted)
    ]
    return page(rows, given, "/v1/events")


def _matches(kind: str, wanted: list[str]) -> bool:
    return any(kind == each or (each.endswith("*") and kind.startswith(each[:-1])) for each in wanted)


def _retrieve(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    return show.show(world, world.store.get("event", ids[0]))


ROUTES = (
    Route("GET", "/v1/events", EventListParams, f"{CURSORS} type types", _list),
    Route("GET", "/v1/events/{}", EventRetrieveParams, "", _retrieve),
)
