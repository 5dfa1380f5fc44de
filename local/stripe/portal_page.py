"""The portal's page. As with Stripe, a plan can be changed on it only where the subscription is of one flat
price; one of several, or of a metered one, can only be cancelled there."""

from __future__ import annotations

from typing import Any

from local.stripe import events, payment_methods, subscriptions, tax_ids
from local.stripe import subscription_items as items
from local.stripe.amounts import dollars
from local.stripe.errors import Refused
from local.stripe.page_form import TAX_ID_KINDS, Form, Page
from local.stripe.periods import day
from local.stripe.show import show
from local.stripe.store import Object
from local.stripe.world import World

_DONE = {
    "card": "The card is changed.",
    "cancel": "The subscription ends with its period.",
    "resume": "The subscription goes on.",
    "change": "The plan is changed.",
    "details": "Saved.",
}


def get(world: World, secret: str, form: Form) -> Page | None:
    """None where there is no such session."""
    session = _session(world, secret)
    return None if session is None else Page("portal.html", _values(world, session, form))


def post(world: World, secret: str, form: Form) -> Page | None:
    """Raises Refused, also for what the configuration does not allow."""
    session = _session(world, secret)
    if session is None:
        return None
    features = world.store.get("billing_portal.configuration", session["configuration"])["features"]
    customer = world.store.change("customer", session["customer"])
    does = {"card": _card, "cancel": _cancel, "resume": _resume, "change": _change, "details": _details}
    if form.do not in does:
        raise Refused("There is nothing of that kind to do here.")
    does[form.do](world, customer, features, form)
    shown = _values(world, session, Form({}))
    return Page("portal.html", {**shown, "notice": _DONE[form.do]})


def _session(world: World, secret: str) -> Object | None:
    for each in world.store.all("billing_portal.session").values():
        if each["_secret"] == secret and world.store.find("customer", each["customer"]) is not None:
            return each
    return None


def _allow(allowed: bool) -> None:
    if not allowed:
        raise Refused("That cannot be done on this page.", status=403)


def _card(world: World, customer: Object, features: Object, form: Form) -> None:
    _allow(features["payment_method_update"]["enabled"])
    card = form.needed_card()
    made = payment_methods.typed_in(
        world, card["number"], card["month"], card["year"], card["cvc"], {"email": customer["email"]}
    )
    method = payment_methods.attach(world, made["id"], customer)
    before = show(world, customer)
    customer["invoice_settings"]["default_payment_method"] = method["id"]
    events.emit(world, "customer.updated", customer, before)
    for each in _current(world, customer):
        if each["default_payment_method"] is not None:
            subscriptions.update(
                world,
                world.store.change("subscription", each["id"]),
                {"default_payment_method": method["id"]},
            )


def _own(world: World, customer: Object, form: Form) -> Object:
    for each in _current(world, customer):
        if each["id"] == form.subscription:
            return world.store.change("subscription", each["id"])
    raise Refused("There is no such subscription.", status=404)


def _cancel(world: World, customer: Object, features: Object, form: Form) -> None:
    feature = features["subscription_cancel"]
    _allow(feature["enabled"])
    subscription = _own(world, customer, form)
    details = (
        {"feedback": form.feedback} if form.feedback in feature["cancellation_reason"]["options"] else {}
    )
    if feature["mode"] == "immediately":
        said = {"invoice_now": True, "prorate": feature["proration_behavior"] != "none"}
        subscriptions.cancel(
            world, subscription, {**said, "cancellation_details": details}, world.now(customer)
        )
        return
    subscriptions.update(world, subscription, {"cancel_at_period_end": True, "cancellation_details": details})


def _resume(world: World, customer: Object, features: Object, form: Form) -> None:
    _allow(features["subscription_cancel"]["enabled"])
    subscriptions.update(world, _own(world, customer, form), {"cancel_at_period_end": False})


def _change(world: World, customer: Object, features: Object, form: Form) -> None:
    feature = features["subscription_update"]
    subscription = _own(world, customer, form)
    _allow(feature["enabled"] and _is_simple(world, subscription))
    _allow(form.price in {price for each in feature["products"] for price in each["prices"]})
    item = subscription["_items"][0]
    subscriptions.update(
        world,
        subscription,
        {
            "items": [{"id": item, "price": form.price}],
            "proration_behavior": feature["proration_behavior"],
            "payment_behavior": "error_if_incomplete",
        },
    )


def _details(world: World, customer: Object, features: Object, form: Form) -> None:
    feature = features["customer_update"]
    _allow(feature["enabled"])
    before = show(world, customer)
    for name in ("name", "email"):
        if name in feature["allowed_updates"] and name in form.fields:
            customer[name] = form.fields[name].strip() or None
    if customer["email"] is not None and "@" not in customer["email"]:
        raise Refused("Your email is incomplete.", code="email_invalid")
    events.emit(world, "customer.updated", customer, before)
    tax_id = form.tax_id() if "tax_id" in feature["allowed_updates"] else None
    if tax_id is not None:
        tax_ids.add(world, customer, tax_id["type"], tax_id["value"])


def _current(world: World, customer: Object) -> list[Object]:
    return [
        each
        for each in world.store.all("subscription").values()
        if each["customer"] == customer["id"] and each["ended_at"] is None
    ]


def _is_simple(world: World, subscription: Object) -> bool:
    own = [world.store.get("subscription_item", each) for each in subscription["_items"]]
    return len(own) == 1 and not items.is_metered(world, own[0])


def _values(world: World, session: Object, form: Form) -> dict[str, Any]:
    configuration = world.store.get("billing_portal.configuration", session["configuration"])
    features = configuration["features"]
    customer = world.store.get("customer", session["customer"])
    current = _current(world, customer)
    chosen = [each["default_payment_method"] for each in current if each["default_payment_method"]]
    method = customer["invoice_settings"]["default_payment_method"] or (chosen[0] if chosen else None)
    update = features["customer_update"]
    return {
        "customer": customer,
        "return_url": session["return_url"],
        "subscriptions": [_subscription(world, each, features) for each in current],
        "card_form": features["payment_method_update"]["enabled"],
        "card": world.store.get("payment_method", method)["card"] if method else None,
        "updates": update["allowed_updates"] if update["enabled"] else [],
        "tax_ids": tax_ids.of_customer(world, customer["id"]),
        "kinds": TAX_ID_KINDS,
        "history": features["invoice_history"]["enabled"],
        "invoices": [
            {
                "number": each["number"],
                "url": f"/i/{each['id']}",
                "day": day(each["created"]),
                "status": each["status"],
                "total": dollars(each["total"], each["currency"]),
            }
            for each in list(world.store.all("invoice").values())[::-1]
            if each["customer"] == customer["id"] and each["number"] is not None
        ],
        "filled": form,
    }


def _subscription(world: World, subscription: Object, features: Object) -> dict[str, Any]:
    own = [world.store.get("subscription_item", each) for each in subscription["_items"]]
    flat = [item for item in own if not items.is_metered(world, item)] or own
    update, cancel = features["subscription_update"], features["subscription_cancel"]
    stops = subscription["cancel_at"]
    simple = _is_simple(world, subscription)
    return {
        "id": subscription["id"],
        "title": _title(world, world.store.get("price", flat[0]["price"])),
        "status": subscription["status"].replace("_", " "),
        "period": f"Ends on {day(stops)}." if stops else f"The period ends on {day(subscription['_end'])}.",
        "choices": [
            {
                "id": price,
                "title": _title(world, world.store.get("price", price)),
                "now": price == flat[0]["price"],
            }
            for each in update["products"]
            for price in each["prices"]
        ]
        if update["enabled"] and simple
        else [],
        "fixed": "This plan is of several prices or by use: it can be changed with the seller, and cancelled here."
        if update["enabled"] and not simple
        else None,
        "can_cancel": cancel["enabled"] and stops is None,
        "can_resume": cancel["enabled"] and stops is not None,
        "reasons": cancel["cancellation_reason"]["options"]
        if cancel["cancellation_reason"]["enabled"]
        else [],
    }


def _title(world: World, price: Object) -> str:
    name = price["nickname"] or world.store.get("product", price["product"])["name"]
    if price["unit_amount"] is None:
        return str(name)
    each = dollars(price["unit_amount"], price["currency"])
    return f"{name}, {each} a {price['recurring']['interval']}"
