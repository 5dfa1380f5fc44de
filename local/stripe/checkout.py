"""Checkout: a page on which somebody subscribes. Sessions here; the page itself is checkout_page.py."""

from __future__ import annotations

from stripe.params.checkout import (
    SessionCreateParams,
    SessionExpireParams,
    SessionLineItemListParams,
    SessionListParams,
    SessionRetrieveParams,
)

from local.stripe import coupons, customers, events, metadata, payment_methods, subscriptions, tax_ids
from local.stripe.amounts import of_units
from local.stripe.errors import Refused, not_here
from local.stripe.listing import CURSORS, page
from local.stripe.parameters import Given
from local.stripe.routes import Route
from local.stripe.show import show
from local.stripe.store import Object
from local.stripe.world import DAY, World

_KIND = "checkout.session"
_OPEN_SECONDS = DAY
_OPEN_SECONDS_MIN = 1800
_SUBSCRIPTION = (
    "description metadata trial_end trial_period_days billing_cycle_anchor proration_behavior trial_settings"
)


def _create(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    if given.get("mode") != "subscription":
        raise not_here("Checkout in another mode than `subscription`", "mode")
    if given.get("ui_mode", "hosted_page") != "hosted_page":
        raise not_here("Checkout on another page than its own", "ui_mode")
    if given.get("tax_id_collection", {}).get("required", "never") != "never":
        raise not_here("tax ids that are required", "tax_id_collection[required]")
    if given.get("billing_address_collection") == "required":
        raise not_here("collecting addresses", "billing_address_collection")
    if "success_url" not in given:
        raise Refused("Missing required param: success_url.", code="parameter_missing", param="success_url")
    if "customer" in given and "customer_email" in given:
        raise Refused(
            "You may only specify one of these parameters: customer, customer_email.",
            code="parameters_exclusive",
            param="customer",
        )
    if given.get("discounts") and given.get("allow_promotion_codes"):
        raise Refused(
            "You may only specify one of these parameters: allow_promotion_codes, discounts.",
            code="parameters_exclusive",
            param="discounts",
        )
    customer = None
    if "customer" in given:
        customer = world.store.get("customer", given["customer"], param="customer", status=400)
        if given.get("tax_id_collection", {}).get("enabled") and (
            given.get("customer_update", {}).get("name") != "auto"
        ):
            raise Refused(
                "Tax ID collection requires updating business name on the customer. To enable tax ID collection "
                "for an existing customer, please set `customer_update[name]` to `auto`.",
                param="customer_update[name]",
            )
    items = _line_items(world, given)
    now = world.now(customer)
    expires_at = given.get("expires_at", now + _OPEN_SECONDS)
    if not now + _OPEN_SECONDS_MIN <= expires_at <= now + _OPEN_SECONDS:
        raise Refused(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.",
            param="expires_at",
        )
    session = world.store.add(_KIND, _blank(world, given, customer, items, now, expires_at))
    metadata.apply(session, given)
    _add_up(world, session)
    return show(world, session)


def _line_items(world: World, given: Given) -> list[Object]:
    if not given.get("line_items"):
        raise Refused("Missing required param: line_items.", code="parameter_missing", param="line_items")
    items = []
    for index, each in enumerate(given["line_items"]):
        param = f"line_items[{index}]"
        if "price" not in each:
            raise Refused(
                f"Missing required param: {param}[price].", code="parameter_missing", param=f"{param}[price]"
            )
        price = world.store.get("price", each["price"], param=f"{param}[price]", status=400)
        if price["recurring"] is None:
            raise not_here("prices that are paid once, in a subscription", f"{param}[price]")
        metered = price["recurring"]["usage_type"] == "metered"
        if metered == ("quantity" in each):
            raise Refused(
                "You cannot set the quantity for metered plans."
                if metered
                else f"Quantity is required. Add `quantity` to `{param}`",
                param=f"{param}[quantity]",
            )
        items.append(
            {
                "id": world.ids.new("li", 24),
                "object": "item",
                "adjustable_quantity": None,
                "amount_discount": 0,
                "amount_subtotal": 0 if metered else of_units(price, each["quantity"]),
                "amount_tax": 0,
                "amount_total": 0 if metered else of_units(price, each["quantity"]),
                "currency": price["currency"],
                "description": world.store.get("product", price["product"])["name"],
                "metadata": {},
                "price": price["id"],
                "quantity": each.get("quantity"),
            }
        )
    if len({item["currency"] for item in items}) > 1:
        raise Refused("All prices must be in the same currency.", param="line_items")
    return items


def _blank(
    world: World, given: Given, customer: Object | None, items: list[Object], now: int, expires_at: int
) -> Object:
    identity = world.ids.new("cs_test", 58)
    empty = (
        "after_expiration client_reference_id client_secret consent consent_collection currency_conversion "
        "customer_account integration_identifier invoice invoice_creation locale managed_payments origin_context "
        "payment_intent payment_link payment_method_configuration_details permissions recovered_from "
        "setup_intent shipping_address_collection shipping_cost submit_type subscription wallet_options "
        "collected_information"
    )
    return dict.fromkeys(empty.split()) | {
        "id": identity,
        "object": _KIND,
        "adaptive_pricing": {"enabled": False},
        "allow_promotion_codes": given.get("allow_promotion_codes"),
        "amount_subtotal": 0,
        "amount_total": 0,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": given.get("billing_address_collection"),
        "cancel_url": given.get("cancel_url"),
        "client_reference_id": given.get("client_reference_id"),
        "created": now,
        "currency": items[0]["currency"],
        "custom_fields": [],
        "custom_text": dict.fromkeys(
            ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
        ),
        "customer": customer["id"] if customer else None,
        "customer_creation": None if customer else "always",
        "customer_details": None,
        "customer_email": given.get("customer_email"),
        "discounts": [
            {"coupon": each.get("coupon"), "promotion_code": each.get("promotion_code")}
            for each in given.get("discounts", ())
        ],
        "expires_at": expires_at,
        "livemode": False,
        "metadata": {},
        "mode": "subscription",
        "payment_method_collection": given.get("payment_method_collection", "always"),
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "phone_number_collection": {"enabled": False},
        "saved_payment_method_options": {
            "allow_redisplay_filters": ["always"],
            "payment_method_remove": "disabled",
            "payment_method_save": None,
        },
        "shipping_options": [],
        "status": "open",
        "success_url": given["success_url"],
        "tax_id_collection": {
            "enabled": bool(given.get("tax_id_collection", {}).get("enabled")),
            "required": given.get("tax_id_collection", {}).get("required", "never"),
        },
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": f"{world.url}/c/pay/{identity}",
        "_line_items": items,
        "_subscription": given.get("subscription_data", {}),
        "_customer_update": given.get("customer_update", {}),
        "_clock": customer["test_clock"] if customer else None,
    }


def _add_up(world: World, session: Object) -> None:
    """What is due today: nothing during a trial."""
    trial = {"trial_end", "trial_period_days"} & session["_subscription"].keys()
    subtotal = 0 if trial else sum(item["amount_subtotal"] for item in session["_line_items"])
    off = 0
    for each in session["discounts"]:
        code = world.store.get("promotion_code", each["promotion_code"]) if each["promotion_code"] else None
        name = code["promotion"]["coupon"] if code else each["coupon"]
        world.store.get("coupon", name, param="discounts[0][coupon]", status=400)
        off += coupons.off(world, {"source": {"coupon": name}}, subtotal - off)
    session.update(amount_subtotal=subtotal, amount_total=subtotal - off)
    session["total_details"]["amount_discount"] = off


def apply_code(world: World, session: Object, text: str) -> None:
    """Somebody typed a code in. Raises Refused where it is not good."""
    if not session["allow_promotion_codes"]:
        raise Refused("This code is invalid.", code="promotion_code_invalid")
    code = coupons.active_code(world, text)
    session["discounts"] = [{"coupon": None, "promotion_code": code["id"]}]
    _add_up(world, session)


def complete(world: World, session: Object, filled: Given) -> None:
    """Somebody filled the page in: `email`, `name`, `card` (number, month, year, cvc) and `tax_id` (type,
    value), each or not.

    Raises Refused, also where the card is declined: then the session stays open.
    """
    customer = _customer(world, session, filled)
    now = world.now(customer)
    method = None
    if "card" in filled:
        card = filled["card"]
        made = payment_methods.typed_in(
            world,
            card["number"],
            card["month"],
            card["year"],
            card["cvc"],
            {"email": customer["email"], "name": filled.get("name")},
        )
        method = payment_methods.attach(world, made["id"], customer)["id"]
    elif session["payment_method_collection"] == "always" or session["amount_total"]:
        raise Refused("Your card number is incomplete.", code="incomplete_number", param="card")
    if "tax_id" in filled:
        tax_ids.add(world, customer, filled["tax_id"]["type"], filled["tax_id"]["value"])
    said = {
        **session["_subscription"],
        "items": [_item(item) for item in session["_line_items"]],
        "discounts": [
            {name: value for name, value in each.items() if value is not None}
            for each in session["discounts"]
        ],
        "payment_behavior": "error_if_incomplete",
    }
    subscription = subscriptions.create(world, customer, said, method=method, session=session["id"])
    session.update(
        customer=customer["id"],
        customer_details={
            "address": customer["address"] or payment_methods.NO_ADDRESS,
            "business_name": None,
            "email": customer["email"],
            "individual_name": None,
            "name": customer["name"],
            "phone": None,
            "tax_exempt": customer["tax_exempt"],
            "tax_ids": tax_ids.of_customer(world, customer["id"]),
        },
        invoice=subscription["latest_invoice"],
        payment_status="paid" if session["amount_total"] else "no_payment_required",
        status="complete",
        subscription=subscription["id"],
        url=None,
    )
    events.emit(world, "checkout.session.completed", session, at=now)


def _item(item: Object) -> Given:
    metered = item["quantity"] is None
    return {"price": item["price"]} if metered else {"price": item["price"], "quantity": item["quantity"]}


def _customer(world: World, session: Object, filled: Given) -> Object:
    if session["customer"] is None:
        customer = world.store.add("customer", customers.new(world))
        customer.update(email=session["customer_email"] or filled.get("email"), name=filled.get("name"))
        if not customer["email"] or "@" not in customer["email"]:
            raise Refused("Your email is incomplete.", code="email_invalid", param="email")
        events.emit(world, "customer.created", customer)
        return customer
    customer = world.store.change("customer", session["customer"])
    before = show(world, customer)
    if session["_customer_update"].get("name") == "auto" and filled.get("name"):
        customer["name"] = filled["name"]
    customer["email"] = customer["email"] or filled.get("email")
    events.emit(world, "customer.updated", customer, before)
    return customer


def _retrieve(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    return show(world, world.store.get(_KIND, ids[0]))


def _expire(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    session = world.store.change(_KIND, ids[0])
    if session["status"] != "open":
        raise Refused(
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a '
            f"status of {session['status']}."
        )
    session.update(status="expired", url=None)
    events.emit(world, "checkout.session.expired", session)
    return show(world, session)


def _list(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    rows = [
        show(world, each)
        for each in world.store.all(_KIND).values()
        if all(given.get(name, each[name]) == each[name] for name in ("customer", "status", "subscription"))
    ]
    return page(rows, given, "/v1/checkout/sessions")


def _list_items(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    session = world.store.get(_KIND, ids[0])
    rows = [
        {**item, "price": show(world, world.store.get("price", item["price"]))}
        for item in session["_line_items"]
    ]
    return page(rows[::-1], given, f"/v1/checkout/sessions/{ids[0]}/line_items")


_PATH = "/v1/checkout/sessions"
ROUTES = (
    Route(
        "POST",
        _PATH,
        SessionCreateParams,
        "mode ui_mode success_url cancel_url client_reference_id customer customer_email customer_update.name "
        "customer_update.address allow_promotion_codes discounts.coupon discounts.promotion_code expires_at "
        "line_items.price line_items.quantity metadata payment_method_collection tax_id_collection "
        "billing_address_collection locale "
        + " ".join(f"subscription_data.{name}" for name in _SUBSCRIPTION.split()),
        _create,
    ),
    Route("GET", _PATH, SessionListParams, f"{CURSORS} customer status subscription", _list),
    Route("GET", f"{_PATH}/{{}}", SessionRetrieveParams, "", _retrieve),
    Route("POST", f"{_PATH}/{{}}/expire", SessionExpireParams, "", _expire),
    Route(
        "GET",
        f"{_PATH}/{{}}/line_items",
        SessionLineItemListParams,
        CURSORS.replace(" created", ""),
        _list_items,
    ),
)
