"""Cards that customers pay with. No number is kept: the last four digits, and which test card it is."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from stripe.params import (
    CustomerPaymentMethodListParams,
    PaymentMethodAttachParams,
    PaymentMethodCreateParams,
    PaymentMethodDetachParams,
    PaymentMethodListParams,
    PaymentMethodRetrieveParams,
    PaymentMethodUpdateParams,
)

from local.stripe import events, metadata
from local.stripe.errors import Refused, card_declined, not_here
from local.stripe.listing import CURSORS, page
from local.stripe.parameters import Given
from local.stripe.routes import Route
from local.stripe.show import show
from local.stripe.store import Object
from local.stripe.test_cards import BY_NAME, BY_NUMBER, TestCard, by_number
from local.stripe.world import World

_CVC_DIGITS = {3, 4}
_PAGE = CURSORS.replace(" created", "")
NO_ADDRESS = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))


def make(world: World, card: TestCard, month: int, year: int, billing: Object | None = None) -> Object:
    """A card of nobody yet. Raises Refused where it has expired."""
    today = datetime.fromtimestamp(world.wall(), UTC)
    if not 1 <= month <= 12:
        raise card_declined("Your card's expiration month is invalid.", "invalid_expiry_month", None)
    if year < 1970 or (year, month) < (today.year, today.month):
        raise card_declined("Your card's expiration year is invalid.", "invalid_expiry_year", None)
    said = billing or {}
    return world.store.add(
        "payment_method",
        {
            "id": world.ids.new("pm", 24),
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": {
                "address": NO_ADDRESS | (said.get("address") or {}),
                "email": said.get("email"),
                "name": said.get("name"),
                "phone": said.get("phone"),
                "tax_id": None,
            },
            "card": {
                "brand": card.brand,
                "checks": {
                    "address_line1_check": None,
                    "address_postal_code_check": None,
                    "cvc_check": "pass",
                },
                "country": "US",
                "display_brand": card.brand,
                "exp_month": month,
                "exp_year": year,
                "fingerprint": hashlib.sha256(card.number.encode()).hexdigest()[:16],
                "funding": "debit" if card.name.endswith("debit") else "credit",
                "generated_from": None,
                "last4": card.number[-4:],
                "networks": {"available": [card.brand], "preferred": None},
                "regulated_status": "unregulated",
                "three_d_secure_usage": {"supported": True},
                "wallet": None,
            },
            "created": world.wall(),
            "customer": None,
            "customer_account": None,
            "livemode": False,
            "metadata": {},
            "type": "card",
            "_number": card.number,
        },
    )


def attach(world: World, identity: str, customer: Object) -> Object:
    """To the customer. The ids of Stripe's documentation (`pm_card_visa`) make a card of their own each time.

    Raises Refused where the bank refuses the card already now.
    """
    if identity in BY_NAME:
        identity = make(world, BY_NAME[identity], 12, _year(world) + 3)["id"]
    method = world.store.change("payment_method", identity)
    if method["customer"] not in {None, customer["id"]}:
        raise Refused(
            "The payment method you provided has already been attached to a customer.",
            code="payment_method_unexpected_state",
        )
    card = BY_NUMBER[method["_number"]]
    refusal = card.refusal()
    if refusal is not None and not card.attached:
        raise refusal
    if method["customer"] is None:
        method["customer"] = customer["id"]
        events.emit(world, "payment_method.attached", method)
    return method


def charge(world: World, method: Object, now: int) -> Refused | None:
    """What the bank says: None when it pays. A card is good until its month is over."""
    today = datetime.fromtimestamp(now, UTC)
    card = method["card"]
    if (card["exp_year"], card["exp_month"]) < (today.year, today.month):
        return card_declined("Your card has expired.", "expired_card", "expired_card")
    return BY_NUMBER[method["_number"]].refusal()


def of_customer(world: World, customer: str, identity: str, param: str) -> Object:
    """One of the customer's. Raises Refused for another's."""
    method = world.store.get("payment_method", identity, param=param, status=400)
    if method["customer"] != customer:
        raise Refused(
            f"The customer does not have a payment method with the ID {identity}. The payment method must be "
            "attached to the customer.",
            code="resource_missing",
            param=param,
        )
    return method


def typed_in(world: World, number: str, month: int, year: int, cvc: str, billing: Object) -> Object:
    """What somebody wrote into a page. Raises Refused."""
    if not cvc.isdecimal() or len(cvc) not in _CVC_DIGITS:
        raise card_declined("Your card's security code is invalid.", "invalid_cvc", None)
    return make(world, by_number(number), month, year if year > 99 else 2000 + year, billing)


def _year(world: World) -> int:
    return datetime.fromtimestamp(world.wall(), UTC).year


def _create(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    if given.get("type") != "card" or "card" not in given:
        raise not_here("payment methods other than cards", "type")
    said = given["card"]
    if "token" in said:
        if said["token"] not in BY_NAME:
            raise Refused(f"No such token: '{said['token']}'", code="resource_missing", param="card[token]")
        method = make(world, BY_NAME[said["token"]], 12, _year(world) + 3, given.get("billing_details"))
    else:
        for name in ("number", "exp_month", "exp_year"):
            if name not in said:
                raise Refused(
                    f"Missing required param: card[{name}].", code="parameter_missing", param=f"card[{name}]"
                )
        method = typed_in(
            world,
            said["number"],
            said["exp_month"],
            said["exp_year"],
            said.get("cvc", "123"),
            given.get("billing_details") or {},
        )
    metadata.apply(method, given)
    return show(world, method)


def _attach(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    customer = world.store.get("customer", given.get("customer", ""), param="customer", status=400)
    return show(world, attach(world, ids[0], customer))


def _detach(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    method = world.store.change("payment_method", ids[0])
    if method["customer"] is None:
        raise Refused(
            "The payment method you provided is not attached to a customer so detachment is impossible.",
            code="payment_method_not_attached",
        )
    before = show(world, method)
    customer = world.store.change("customer", method["customer"])
    if customer["invoice_settings"]["default_payment_method"] == method["id"]:
        shown = show(world, customer)
        customer["invoice_settings"]["default_payment_method"] = None
        events.emit(world, "customer.updated", customer, shown)
    method["customer"] = None
    events.emit(world, "payment_method.detached", method, before)
    return show(world, method)


def _update(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    method = world.store.change("payment_method", ids[0])
    before = show(world, method)
    method["card"].update(given.get("card", {}))
    metadata.apply(method, given)
    events.emit(world, "payment_method.updated", method, before)
    return show(world, method)


def _retrieve(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    return show(world, world.store.get("payment_method", ids[0]))


def _list(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    customer, url = given.get("customer"), "/v1/payment_methods"
    if ids:
        customer, url = ids[0], f"/v1/customers/{ids[0]}/payment_methods"
    world.store.get("customer", customer or "", param="customer", status=404 if ids else 400)
    rows = [
        show(world, each)
        for each in world.store.all("payment_method").values()
        if each["customer"] == customer and given.get("type", "card") == "card"
    ]
    return page(rows, given, url)


ROUTES = (
    Route(
        "POST",
        "/v1/payment_methods",
        PaymentMethodCreateParams,
        "type card.token card.number card.exp_month card.exp_year card.cvc billing_details metadata",
        _create,
    ),
    Route("GET", "/v1/payment_methods", PaymentMethodListParams, f"{_PAGE} customer type", _list),
    Route("GET", "/v1/payment_methods/{}", PaymentMethodRetrieveParams, "", _retrieve),
    Route(
        "POST",
        "/v1/payment_methods/{}",
        PaymentMethodUpdateParams,
        "card.exp_month card.exp_year metadata",
        _update,
    ),
    Route("POST", "/v1/payment_methods/{}/attach", PaymentMethodAttachParams, "customer", _attach),
    Route("POST", "/v1/payment_methods/{}/detach", PaymentMethodDetachParams, "", _detach),
    Route("GET", "/v1/customers/{}/payment_methods", CustomerPaymentMethodListParams, f"{_PAGE} type", _list),
)
