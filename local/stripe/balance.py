"""A customer's balance: what is below zero is credit, and is taken off the next invoice."""

from __future__ import annotations

from stripe.params import (
    CustomerBalanceTransactionCreateParams,
    CustomerBalanceTransactionListParams,
    CustomerBalanceTransactionRetrieveParams,
)

from local.stripe import events, metadata
from local.stripe.errors import Refused, no_such
from local.stripe.listing import CURSORS, page
from local.stripe.parameters import Given
from local.stripe.routes import Route
from local.stripe.show import show
from local.stripe.store import Object
from local.stripe.world import World

_KIND = "customer_balance_transaction"


def add(
    world: World,
    customer: Object,
    amount: int,
    currency: str,
    *,
    kind: str = "adjustment",
    invoice: str | None = None,
    description: str | None = None,
    moment: int | None = None,
) -> Object:
    """Changes the balance by `amount` cents. `customer` has to be one that may be changed."""
    customer = world.store.change("customer", customer["id"])
    if customer["currency"] not in {None, currency}:
        raise Refused(
            f"The customer's currency is {customer['currency']}; this is in {currency}.", param="currency"
        )
    before = show(world, customer)
    customer["currency"] = currency
    customer["balance"] += amount
    stored = world.store.add(
        _KIND,
        {
            "id": world.ids.new("cbtxn", 24),
            "object": _KIND,
            "amount": amount,
            "checkout_session": None,
            "created": moment if moment is not None else world.now(customer),
            "credit_note": None,
            "currency": currency,
            "customer": customer["id"],
            "customer_account": None,
            "description": description,
            "ending_balance": customer["balance"],
            "invoice": invoice,
            "livemode": False,
            "metadata": {},
            "type": kind,
        },
    )
    events.emit(world, "customer.updated", customer, before, at=stored["created"])
    return stored


def _create(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    if given["amount"] == 0:
        raise Refused("Invalid amount: must not be 0", param="amount")
    customer = world.store.get("customer", ids[0])
    stored = add(
        world,
        customer,
        given["amount"],
        given["currency"].lower(),
        description=given.get("description") or None,
    )
    metadata.apply(stored, given)
    return show(world, stored)


def _retrieve(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    found = world.store.get(_KIND, ids[1])
    if found["customer"] != ids[0]:
        raise no_such("customer balance transaction", ids[1])
    return show(world, found)


def _list(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    world.store.get("customer", ids[0])
    rows = [
        show(world, each)
        for each in world.store.all(_KIND).values()
        if each["customer"] == ids[0] and given.get("invoice", each["invoice"]) == each["invoice"]
    ]
    return page(rows, given, f"/v1/customers/{ids[0]}/balance_transactions")


_PATH = "/v1/customers/{}/balance_transactions"
ROUTES = (
    Route(
        "POST",
        _PATH,
        CustomerBalanceTransactionCreateParams,
        "amount currency description metadata",
        _create,
    ),
    Route("GET", _PATH, CustomerBalanceTransactionListParams, f"{CURSORS} invoice", _list),
    Route("GET", f"{_PATH}/{{}}", CustomerBalanceTransactionRetrieveParams, "", _retrieve),
)
