"""Test clocks: time that stands still for the customers that are on one, until it is told to go on."""

from __future__ import annotations

from stripe.params.test_helpers import (
    TestClockAdvanceParams,
    TestClockCreateParams,
    TestClockDeleteParams,
    TestClockListParams,
    TestClockRetrieveParams,
)

from local.stripe import events, life, periods
from local.stripe.errors import Refused
from local.stripe.listing import CURSORS, page
from local.stripe.parameters import Given
from local.stripe.routes import Route
from local.stripe.show import show
from local.stripe.store import Object
from local.stripe.world import DAY, World

_KIND = "test_helpers.test_clock"
_KEPT_SECONDS = 30 * DAY
_INTERVALS_MAX = 2


def _create(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    clock = world.store.add(
        _KIND,
        {
            "id": world.ids.new("clock", 24),
            "object": _KIND,
            "created": world.wall(),
            "deletes_after": world.wall() + _KEPT_SECONDS,
            "frozen_time": given["frozen_time"],
            "livemode": False,
            "name": given.get("name"),
            "status": "ready",
            "status_details": {},
        },
    )
    events.emit(world, "test_helpers.test_clock.created", clock)
    return show(world, clock)


def _retrieve(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    return show(world, world.store.get(_KIND, ids[0]))


def _advance(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    """As Stripe it answers that time is going on; here all is done already when the answer is read."""
    clock = world.store.change(_KIND, ids[0])
    until, before = given["frozen_time"], show(world, clock)
    if until <= clock["frozen_time"]:
        raise Refused("Test clocks can only be advanced to a later time.", param="frozen_time")
    furthest = _furthest(world, clock)
    if furthest is not None and until > furthest:
        raise Refused(
            f"You can only advance a test clock by {_INTERVALS_MAX} intervals of its shortest subscription "
            f"at a time: up to {furthest}.",
            param="frozen_time",
        )
    clock["status"] = "advancing"
    events.emit(world, "test_helpers.test_clock.advancing", clock)
    answered = show(world, clock)
    life.advance(world, until, clock["id"])
    clock["status"] = "ready"
    events.emit(world, "test_helpers.test_clock.ready", clock, before | {"status": "advancing"})
    return answered


def _furthest(world: World, clock: Object) -> int | None:
    ends = [
        periods.after(clock["frozen_time"], each["_recurring"], _INTERVALS_MAX)
        for each in world.store.all("subscription").values()
        if each["test_clock"] == clock["id"] and each["ended_at"] is None
    ]
    return min(ends, default=None)


def _delete(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    """And all that is on it."""
    clock = world.store.get(_KIND, ids[0])
    gone = [each["id"] for each in world.store.all("customer").values() if each["test_clock"] == clock["id"]]
    for kind in ("subscription", "invoice", "payment_method", "checkout.session"):
        for each in list(world.store.all(kind).values()):
            if each["customer"] in gone:
                world.store.remove(kind, each["id"])
    for customer in gone:
        world.store.remove("customer", customer)
        world.store.add("_deleted_customer", {"id": customer})
    events.emit(world, "test_helpers.test_clock.deleted", clock)
    world.store.remove(_KIND, clock["id"])
    return {"id": clock["id"], "object": _KIND, "deleted": True}


def _list(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    rows = [show(world, each) for each in world.store.all(_KIND).values()]
    return page(rows, given, "/v1/test_helpers/test_clocks")


_PATH = "/v1/test_helpers/test_clocks"
ROUTES = (
    Route("POST", _PATH, TestClockCreateParams, "frozen_time name", _create),
    Route("GET", _PATH, TestClockListParams, CURSORS.replace(" created", ""), _list),
    Route("GET", f"{_PATH}/{{}}", TestClockRetrieveParams, "", _retrieve),
    Route("DELETE", f"{_PATH}/{{}}", TestClockDeleteParams, "", _delete),
    Route("POST", f"{_PATH}/{{}}/advance", TestClockAdvanceParams, "frozen_time", _advance),
)
