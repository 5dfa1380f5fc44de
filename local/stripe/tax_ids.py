"""Tax ids of customers. They are looked at, not verified: Stripe's three test values have the states that they
have there."""

from __future__ import annotations

import re

from stripe.params import (
    CustomerTaxIdCreateParams,
    CustomerTaxIdDeleteParams,
    CustomerTaxIdListParams,
    CustomerTaxIdRetrieveParams,
)

from local.stripe import events
from local.stripe.errors import Refused, no_such
from local.stripe.listing import CURSORS, page
from local.stripe.parameters import Given
from local.stripe.routes import Route
from local.stripe.show import show
from local.stripe.store import Object
from local.stripe.world import World

_PAGE = CURSORS.replace(" created", "")
_TEST_VALUES = {"000000000": "verified", "111111111": "unverified", "222222222": "pending"}
# Of these Stripe asks the authorities.
_VERIFIED = {"au_abn", "eu_vat", "gb_vat"}
_SHAPES = {
    "eu_vat": re.compile(r"[A-Z]{2}[0-9A-Z+*]{8,12}"),
    "gb_vat": re.compile(r"GB([0-9]{9}|[0-9]{12})"),
    "us_ein": re.compile(r"[0-9]{2}-?[0-9]{7}"),
    "ch_vat": re.compile(r"CHE-?[0-9.]{9,11} ?(MWST|TVA|IVA)"),
}
"""Others are taken as they come."""


def add(world: World, customer: Object, kind: str, value: str) -> Object:
    """Raises Refused for a value that none of that kind has."""
    value = value.strip()
    test = _TEST_VALUES.get(value)
    shape = _SHAPES.get(kind)
    if not value or (test is None and shape is not None and not shape.fullmatch(value)):
        raise Refused(f"Invalid value for {kind}.", code="tax_id_invalid", param="value")
    status = test or ("pending" if kind in _VERIFIED else "unavailable")
    stored = world.store.add(
        "tax_id",
        {
            "id": world.ids.new("txi", 24),
            "object": "tax_id",
            "country": value[:2] if kind == "eu_vat" else kind[:2].upper(),
            "created": world.now(customer),
            "customer": customer["id"],
            "customer_account": None,
            "livemode": False,
            "owner": {"type": "customer", "customer": customer["id"], "customer_account": None},
            "type": kind,
            "value": value,
            "verification": {"status": status, "verified_address": None, "verified_name": None},
        },
    )
    events.emit(world, "customer.tax_id.created", stored)
    return stored


def of_customer(world: World, customer: str) -> list[Object]:
    """As invoices and Checkout have them: type and value."""
    return [
        {"type": each["type"], "value": each["value"]}
        for each in world.store.all("tax_id").values()
        if each["customer"] == customer
    ]


def _one(world: World, ids: tuple[str, ...]) -> Object:
    found = world.store.get("tax_id", ids[1])
    if found["customer"] != ids[0]:
        raise no_such("tax_id", ids[1])
    return found


def _create(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    customer = world.store.get("customer", ids[0])
    return show(world, add(world, customer, given["type"], given["value"]))


def _retrieve(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    return show(world, _one(world, ids))


def _delete(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    found = _one(world, ids)
    events.emit(world, "customer.tax_id.deleted", found)
    world.store.remove("tax_id", found["id"])
    return {"id": found["id"], "object": "tax_id", "deleted": True}


def _list(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    world.store.get("customer", ids[0])
    rows = [show(world, each) for each in world.store.all("tax_id").values() if each["customer"] == ids[0]]
    return page(rows, given, f"/v1/customers/{ids[0]}/tax_ids")


ROUTES = (
    Route("POST", "/v1/customers/{}/tax_ids", CustomerTaxIdCreateParams, "type value", _create),
    Route("GET", "/v1/customers/{}/tax_ids", CustomerTaxIdListParams, _PAGE, _list),
    Route("GET", "/v1/customers/{}/tax_ids/{}", CustomerTaxIdRetrieveParams, "", _retrieve),
    Route("DELETE", "/v1/customers/{}/tax_ids/{}", CustomerTaxIdDeleteParams, "", _delete),
)
