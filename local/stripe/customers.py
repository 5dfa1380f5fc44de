"""Customers: who pays, by which card, with what balance and which tax ids."""

from __future__ import annotations

from stripe.params import (
    CustomerCreateParams,
    CustomerDeleteParams,
    CustomerListParams,
    CustomerRetrieveParams,
    CustomerUpdateParams,
)

from local.stripe import events, metadata, tax_ids
from local.stripe.errors import Refused
from local.stripe.listing import CURSORS, page
from local.stripe.parameters import Given
from local.stripe.payment_methods import NO_ADDRESS, attach, of_customer
from local.stripe.routes import Route
from local.stripe.show import show
from local.stripe.store import Object
from local.stripe.world import World

_TEXTS = ("description", "email", "name", "phone")
_EMAIL_MAX = 512
_SAID = (
    "name email description phone address metadata balance tax_exempt preferred_locales "
    "invoice_settings.default_payment_method"
)


def active(world: World, identity: str, *, param: str = "id", status: int = 404) -> Object:
    """To be read only. Raises Refused where there is none, or it was deleted."""
    return world.store.get("customer", identity, param=param, status=status)


def _create(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    clock = given.get("test_clock")
    if clock is not None:
        world.store.get("test_helpers.test_clock", clock, param="test_clock", status=400)
    customer = world.store.add("customer", new(world, clock))
    _set(world, customer, given)
    if "payment_method" in given:
        method = attach(world, given["payment_method"], customer)
        wanted = customer["invoice_settings"]["default_payment_method"]
        # The ids of the documentation stand for the card that was just made of them.
        if wanted in {given["payment_method"], method["id"]}:
            customer["invoice_settings"]["default_payment_method"] = method["id"]
    _check_default(world, customer)
    events.emit(world, "customer.created", customer)
    for each in given.get("tax_id_data", ()):
        tax_ids.add(world, customer, each["type"], each["value"])
    return show(world, customer)


def new(world: World, clock: str | None = None) -> Object:
    """As yet without anything, and not stored."""
    return {
        "id": world.ids.new("cus"),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": world.now({"test_clock": clock}),
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": world.ids.text(8).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": clock,
    }


def _set(world: World, customer: Object, given: Given) -> None:
    for name in _TEXTS:
        if name in given:
            customer[name] = given[name] or None
    if customer["email"] and ("@" not in customer["email"] or len(customer["email"]) > _EMAIL_MAX):
        raise Refused(f"Invalid email address: {customer['email']}", code="email_invalid", param="email")
    for name in ("balance", "preferred_locales"):
        if name in given:
            customer[name] = given[name]
    if "tax_exempt" in given:
        customer["tax_exempt"] = given["tax_exempt"] or "none"
    if "address" in given:
        customer["address"] = (NO_ADDRESS | given["address"]) if given["address"] else None
    settings = given.get("invoice_settings", {})
    if "default_payment_method" in settings:
        customer["invoice_settings"]["default_payment_method"] = settings["default_payment_method"] or None
    metadata.apply(customer, given)


def _check_default(world: World, customer: Object) -> None:
    wanted = customer["invoice_settings"]["default_payment_method"]
    if wanted is not None:
        of_customer(world, customer["id"], wanted, "invoice_settings[default_payment_method]")


def _update(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    customer = world.store.change("customer", ids[0])
    before = show(world, customer)
    _set(world, customer, given)
    _check_default(world, customer)
    events.emit(world, "customer.updated", customer, before)
    return show(world, customer)


def _retrieve(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    if world.store.find("_deleted_customer", ids[0]) is not None:
        return {"id": ids[0], "object": "customer", "deleted": True}
    return show(world, active(world, ids[0]))


def _delete(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    customer = world.store.change("customer", ids[0])
    # Late, because subscriptions are made of customers.
    from local.stripe.subscriptions import end

    for subscription in list(world.store.all("subscription").values()):
        if subscription["customer"] == customer["id"] and subscription["ended_at"] is None:
            end(world, subscription, world.now(customer), "cancellation_requested")
    events.emit(world, "customer.deleted", customer)
    world.store.remove("customer", customer["id"])
    world.store.add("_deleted_customer", {"id": customer["id"]})
    return {"id": customer["id"], "object": "customer", "deleted": True}


def _list(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    # Customers of test clocks are listed only with their clock.
    rows = [
        show(world, each)
        for each in world.store.all("customer").values()
        if each["test_clock"] == given.get("test_clock")
        and given.get("email", each["email"]) == each["email"]
    ]
    return page(rows, given, "/v1/customers")


ROUTES = (
    Route(
        "POST",
        "/v1/customers",
        CustomerCreateParams,
        f"{_SAID} payment_method test_clock tax_id_data",
        _create,
    ),
    Route("GET", "/v1/customers", CustomerListParams, f"{CURSORS} email test_clock", _list),
    Route("GET", "/v1/customers/{}", CustomerRetrieveParams, "", _retrieve),
    Route("POST", "/v1/customers/{}", CustomerUpdateParams, _SAID, _update),
    Route("DELETE", "/v1/customers/{}", CustomerDeleteParams, "", _delete),
)
