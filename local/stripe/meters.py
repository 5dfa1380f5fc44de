"""Meters count what customers used; meter events say how much, each once by its identifier.

Stripe takes an event first and looks at it later, and says of a wrong customer or value in a report. Here such an event
is refused at once.
"""

from __future__ import annotations

from collections.abc import Iterator

from stripe.params.billing import (
    MeterCreateParams,
    MeterDeactivateParams,
    MeterEventCreateParams,
    MeterEventSummaryListParams,
    MeterListParams,
    MeterReactivateParams,
    MeterRetrieveParams,
    MeterUpdateParams,
)

from local.stripe.errors import Refused, not_here
from local.stripe.listing import CURSORS, page
from local.stripe.parameters import Given
from local.stripe.routes import Route
from local.stripe.show import show
from local.stripe.store import Object
from local.stripe.world import DAY, World

_PAGE = CURSORS.replace(" created", "")
_REMEMBERED_SECONDS = DAY
"""For how long an identifier is known. Stripe promises no more, so a sender must not rely on more."""
_PAST_MAX, _FUTURE_MAX = 35 * DAY, 300
_WINDOWS = {"hour": 3600, "day": DAY}
_VALUE_DIGITS_MAX = 15


def usage(world: World, meter: Object, customer: str, start: int, end: int) -> int:
    """What the meter has counted of the customer, from `start` on and before `end`."""
    formula = meter["default_aggregation"]["formula"]
    found = [
        each
        for each in world.store.all("_meter_event").values()
        if each["meter"] == meter["id"] and each["customer"] == customer and start <= each["timestamp"] < end
    ]
    if formula == "count":
        return len(found)
    if formula == "last":
        return int(max(found, key=lambda each: each["timestamp"])["value"]) if found else 0
    return sum(each["value"] for each in found)


def _create(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    if any(
        each["event_name"] == given["event_name"] and each["status"] == "active"
        for each in world.store.all("billing.meter").values()
    ):
        raise Refused(
            f"An active meter already uses the event name {given['event_name']}.", param="event_name"
        )
    mapping, value = given.get("customer_mapping", {}), given.get("value_settings", {})
    meter = world.store.add(
        "billing.meter",
        {
            "id": world.ids.new("mtr_test", 32),
            "object": "billing.meter",
            "created": world.wall(),
            "customer_mapping": {
                "event_payload_key": mapping.get("event_payload_key", "stripe_customer_id"),
                "type": "by_id",
            },
            "default_aggregation": {"formula": given["default_aggregation"]["formula"]},
            "display_name": given["display_name"],
            "event_name": given["event_name"],
            "event_time_window": None,
            "livemode": False,
            "status": "active",
            "status_transitions": {"deactivated_at": None},
            "updated": world.wall(),
            "value_settings": {"event_payload_key": value.get("event_payload_key", "value")},
        },
    )
    return show(world, meter)


def _retrieve(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    return show(world, world.store.get("billing.meter", ids[0]))


def _update(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    meter = world.store.change("billing.meter", ids[0])
    meter["display_name"] = given.get("display_name", meter["display_name"])
    meter["updated"] = world.wall()
    return show(world, meter)


def _deactivate(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    meter = world.store.change("billing.meter", ids[0])
    meter.update(status="inactive", status_transitions={"deactivated_at": world.wall()}, updated=world.wall())
    return show(world, meter)


def _reactivate(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    meter = world.store.change("billing.meter", ids[0])
    meter.update(status="active", status_transitions={"deactivated_at": None}, updated=world.wall())
    return show(world, meter)


def _list(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    rows = [
        show(world, each)
        for each in world.store.all("billing.meter").values()
        if given.get("status", each["status"]) == each["status"]
    ]
    return page(rows, given, "/v1/billing/meters")


def _take(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    meter = _meter_of(world, given["event_name"])
    payload = given["payload"]
    customer_key = meter["customer_mapping"]["event_payload_key"]
    value_key = meter["value_settings"]["event_payload_key"]
    for key in (customer_key, value_key):
        if key not in payload and not (
            key == value_key and meter["default_aggregation"]["formula"] == "count"
        ):
            raise Refused(f"The payload of this event needs `{key}`.", param=f"payload[{key}]")
    customer = world.store.get(
        "customer", payload[customer_key], param=f"payload[{customer_key}]", status=400
    )
    now = world.now(customer)
    timestamp = given.get("timestamp", now)
    if not now - _PAST_MAX <= timestamp <= now + _FUTURE_MAX:
        raise Refused(
            "The timestamp has to be within the past 35 calendar days or up to 5 minutes in the future.",
            code="timestamp_too_far_in_past" if timestamp < now else "timestamp_in_future",
            param="timestamp",
        )
    identifier = given.get("identifier") or world.ids.new("mevt", 32)
    _check_new(world, identifier)
    world.store.add(
        "_meter_event",
        {
            "id": world.ids.new("_mev", 24),
            "meter": meter["id"],
            "customer": customer["id"],
            "identifier": identifier,
            "received": world.wall(),
            "timestamp": timestamp,
            "value": _whole(payload.get(value_key, "1"), value_key),
        },
    )
    return {
        "object": "billing.meter_event",
        "created": world.wall(),
        "event_name": meter["event_name"],
        "identifier": identifier,
        "livemode": False,
        "payload": payload,
        "timestamp": timestamp,
    }


def _meter_of(world: World, name: str) -> Object:
    for meter in world.store.all("billing.meter").values():
        if meter["event_name"] == name and meter["status"] == "active":
            return meter
    raise Refused(f"No active meter found for event name {name}.", code="no_meter", param="event_name")


def _check_new(world: World, identifier: str) -> None:
    oldest = world.wall() - _REMEMBERED_SECONDS
    for each in world.store.all("_meter_event").values():
        if each["identifier"] == identifier and each["received"] > oldest:
            raise Refused(
                f"An event already exists with identifier {identifier}.",
                code="duplicate_meter_event",
                param="identifier",
            )


def _whole(value: str, key: str) -> int:
    digits = value.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= _VALUE_DIGITS_MAX):
        raise Refused(f"Invalid value: {value} is not a whole number.", param=f"payload[{key}]")
    return int(value)


def _summaries(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    meter = world.store.get("billing.meter", ids[0])
    world.store.get("customer", given["customer"], param="customer", status=400)
    start, end, window = given["start_time"], given["end_time"], given.get("value_grouping_window")
    if window is not None and window not in _WINDOWS:
        raise not_here(f"the window {window}", "value_grouping_window")
    step = 60 if window is None else _WINDOWS[window]
    for name, moment in (("start_time", start), ("end_time", end)):
        if moment % step:
            raise Refused(f"Invalid {name}: must be aligned with the window's bounds", param=name)
    if end <= start:
        raise Refused("Invalid end_time: must be after start_time", param="end_time")
    rows = [
        _summary(meter, given["customer"], left, right, value)
        for left, right in _windows(start, end, window)
        if (value := usage(world, meter, given["customer"], left, right)) or window is None
    ]
    return page(rows, given, f"/v1/billing/meters/{meter['id']}/event_summaries")


def _windows(start: int, end: int, window: str | None) -> Iterator[tuple[int, int]]:
    step = end - start if window is None else _WINDOWS[window]
    for left in range(start, end, step):
        yield left, left + step


def _summary(meter: Object, customer: str, start: int, end: int, value: int) -> Object:
    return {
        "id": f"mtrusg_test_{customer.removeprefix('cus_')}{start}{end}",
        "object": "billing.meter_event_summary",
        "aggregated_value": value,
        "end_time": end,
        "livemode": False,
        "meter": meter["id"],
        "start_time": start,
    }


_PATH = "/v1/billing/meters"
ROUTES = (
    Route(
        "POST",
        _PATH,
        MeterCreateParams,
        "display_name event_name default_aggregation.formula customer_mapping value_settings",
        _create,
    ),
    Route("GET", _PATH, MeterListParams, f"{_PAGE} status", _list),
    Route("GET", f"{_PATH}/{{}}", MeterRetrieveParams, "", _retrieve),
    Route("POST", f"{_PATH}/{{}}", MeterUpdateParams, "display_name", _update),
    Route("POST", f"{_PATH}/{{}}/deactivate", MeterDeactivateParams, "", _deactivate),
    Route("POST", f"{_PATH}/{{}}/reactivate", MeterReactivateParams, "", _reactivate),
    Route(
        "POST",
        "/v1/billing/meter_events",
        MeterEventCreateParams,
        "event_name identifier payload timestamp",
        _take,
    ),
    Route(
        "GET",
        f"{_PATH}/{{}}/event_summaries",
        MeterEventSummaryListParams,
        f"{_PAGE} customer start_time end_time value_grouping_window",
        _summaries,
    ),
)
