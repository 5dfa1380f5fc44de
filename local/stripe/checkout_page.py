"""The page of a Checkout session. What was chosen by whoever made the session cannot be changed on it, as with
Stripe."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from local.stripe import checkout
from local.stripe.amounts import dollars, text
from local.stripe.page_form import TAX_ID_KINDS, Form, Page
from local.stripe.periods import day
from local.stripe.store import Object
from local.stripe.world import DAY, World


def get(world: World, identity: str, form: Form) -> Page | None:
    """None where there is no such session."""
    session = world.store.find("checkout.session", identity)
    if session is None:
        return None
    if session["status"] != "open":
        done = session["status"] == "complete"
        return Page(
            "message.html",
            {
                "heading": "You have subscribed" if done else "This page is no longer good",
                "text": "This session is complete." if done else "This session has expired: start again.",
                "link": session["cancel_url"],
                "link_text": "Back",
            },
        )
    return Page("checkout.html", _values(world, session, form))


def post(world: World, identity: str, form: Form) -> Page | None:
    """Apply a code, or subscribe and go on to the seller. Raises Refused."""
    if world.store.find("checkout.session", identity) is None:
        return None
    session = world.store.change("checkout.session", identity)
    if session["status"] != "open":
        return get(world, identity, form)
    if form.do == "code":
        checkout.apply_code(world, session, form.promotion_code)
        return Page("checkout.html", {**_values(world, session, form), "notice": "The code is applied."})
    filled: dict[str, Any] = {"email": form.email or None, "name": form.name or None}
    card, tax_id = form.card(), form.tax_id()
    if card is not None:
        filled["card"] = card
    if tax_id is not None:
        filled["tax_id"] = tax_id
    checkout.complete(world, session, filled)
    return Page(location=session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"]))


def _values(world: World, session: Object, form: Form) -> dict[str, Any]:
    customer = world.store.find("customer", session["customer"]) if session["customer"] else None
    codes = [each["promotion_code"] for each in session["discounts"] if each["promotion_code"]]
    return {
        "items": [_item(world, item) for item in session["_line_items"]],
        "discount": dollars(session["total_details"]["amount_discount"], session["currency"])
        if session["discounts"]
        else None,
        "code": world.store.get("promotion_code", codes[0])["code"] if codes else None,
        "total": dollars(session["amount_total"], session["currency"]),
        "trial": _trial(world, session, customer),
        "promotion": bool(session["allow_promotion_codes"]),
        "email": (customer or {}).get("email") or session["customer_email"],
        "tax_id": session["tax_id_collection"]["enabled"],
        "kinds": TAX_ID_KINDS,
        "cancel_url": session["cancel_url"],
        "filled": form,
    }


def _item(world: World, item: Object) -> dict[str, Any]:
    price = world.store.get("price", item["price"])
    recurring = price["recurring"]
    each = text(Decimal(price["unit_amount_decimal"]) / 100)
    if price["unit_amount"] is not None and recurring["usage_type"] == "licensed":
        said = f"{dollars(price['unit_amount'], price['currency'])} a {recurring['interval']}"
    else:
        said = f"${each} a unit, as used"
    return {"name": price["nickname"] or item["description"], "quantity": item["quantity"], "price": said}


def _trial(world: World, session: Object, customer: Object | None) -> str | None:
    said = session["_subscription"]
    if "trial_period_days" in said:
        end = world.now(customer) + said["trial_period_days"] * DAY
    elif "trial_end" in said:
        end = said["trial_end"]
    else:
        return None
    return f"Free until {day(end)}; then the prices above."
