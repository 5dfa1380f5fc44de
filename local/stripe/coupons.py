"""Coupons, the codes that people type in for them, and the discounts that subscriptions have by them."""

from __future__ import annotations

from decimal import Decimal

from stripe.params import (
    CouponCreateParams,
    CouponDeleteParams,
    CouponListParams,
    CouponRetrieveParams,
    CouponUpdateParams,
    PromotionCodeCreateParams,
    PromotionCodeListParams,
    PromotionCodeRetrieveParams,
    PromotionCodeUpdateParams,
)

from local.stripe import events, metadata, periods
from local.stripe.errors import Refused, no_such
from local.stripe.listing import CURSORS, page
from local.stripe.parameters import Given
from local.stripe.routes import Route
from local.stripe.show import show
from local.stripe.store import Object
from local.stripe.world import World


def redeem(
    world: World,
    said: Given,
    customer: Object,
    *,
    subscription: str | None = None,
    session: str | None = None,
) -> Object:
    """A discount by a coupon or a promotion code: `{"coupon": …}` or `{"promotion_code": …}`. Raises Refused
    where it is not good any more, or not for this customer."""
    code = None
    now = world.now(customer)
    if "promotion_code" in said:
        code = world.store.change("promotion_code", said["promotion_code"])
        _check_code(code, customer, now)
        code["times_redeemed"] += 1
    name = code["promotion"]["coupon"] if code is not None else said["coupon"]
    coupon = world.store.get("coupon", name, param="discounts[0][coupon]", status=400)
    if not coupon["valid"] or (coupon["redeem_by"] is not None and coupon["redeem_by"] < now):
        raise Refused("Coupon expired: " + name, code="coupon_expired", param="discounts[0][coupon]")
    coupon = world.store.change("coupon", name)
    coupon["times_redeemed"] += 1
    coupon["valid"] = (
        coupon["max_redemptions"] is None or coupon["times_redeemed"] < coupon["max_redemptions"]
    )
    months = coupon["duration_in_months"]
    monthly = {"interval": "month", "interval_count": 1}
    discount = world.store.add(
        "discount",
        {
            "id": world.ids.new("di", 24),
            "object": "discount",
            "checkout_session": session,
            "customer": customer["id"],
            "customer_account": None,
            "end": periods.after(now, monthly, months) if coupon["duration"] == "repeating" else None,
            "invoice": None,
            "invoice_item": None,
            "promotion_code": code["id"] if code is not None else None,
            "source": {"type": "coupon", "coupon": coupon["id"]},
            "start": now,
            "subscription": subscription,
            "subscription_item": None,
            "_used": 0,
        },
    )
    events.emit(world, "customer.discount.created", discount)
    return discount


def off(world: World, discount: Object, amount: int) -> int:
    """How many cents it takes off an amount."""
    coupon = world.store.get("coupon", discount["source"]["coupon"])
    if amount <= 0:
        return 0
    if coupon["percent_off"] is not None:
        from local.stripe.amounts import rounded

        return rounded(Decimal(amount) * Decimal(str(coupon["percent_off"])) / 100)
    return min(amount, int(coupon["amount_off"]))


def is_over(world: World, discount: Object, now: int) -> bool:
    """Whether it takes nothing off any more: once is for one invoice, repeating until its end."""
    coupon = world.store.get("coupon", discount["source"]["coupon"])
    if coupon["duration"] == "once":
        return bool(discount["_used"])
    return discount["end"] is not None and discount["end"] <= now


def active_code(world: World, text: str) -> Object:
    """The promotion code that somebody typed in. Raises Refused."""
    for code in world.store.all("promotion_code").values():
        if code["active"] and code["code"].lower() == text.strip().lower():
            return code
    raise Refused("This code is invalid.", code="promotion_code_invalid", param="promotion_code")


def _check_code(code: Object, customer: Object, now: int) -> None:
    used_up = code["max_redemptions"] is not None and code["times_redeemed"] >= code["max_redemptions"]
    over = code["expires_at"] is not None and code["expires_at"] <= now
    if not code["active"] or used_up or over:
        raise Refused("This promotion code is not active.", code="promotion_code_inactive")
    if code["customer"] not in {None, customer["id"]}:
        raise Refused("This promotion code is for another customer.", code="promotion_code_wrong_customer")


def _create(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    if ("percent_off" in given) == ("amount_off" in given):
        raise Refused("You must pass either percent_off or amount_off, and not both.", param="percent_off")
    if "percent_off" in given and not 0 < given["percent_off"] <= 100:
        raise Refused("Invalid percent_off: must be above 0 and at most 100", param="percent_off")
    if "amount_off" in given and (given["amount_off"] <= 0 or "currency" not in given):
        raise Refused("You must pass currency when passing amount_off, which is above 0", param="currency")
    duration = given.get("duration", "once")
    if (duration == "repeating") != ("duration_in_months" in given):
        raise Refused(
            "You must pass duration_in_months when duration is `repeating`, and only then.",
            param="duration_in_months",
        )
    identity = given.get("id") or world.ids.text(8)
    if world.store.find("coupon", identity) is not None:
        raise Refused("Coupon already exists.", code="resource_already_exists", param="id")
    coupon = world.store.add(
        "coupon",
        {
            "id": identity,
            "object": "coupon",
            "amount_off": given.get("amount_off"),
            "created": world.wall(),
            "currency": given["currency"].lower() if "amount_off" in given else None,
            "duration": duration,
            "duration_in_months": given.get("duration_in_months"),
            "livemode": False,
            "max_redemptions": given.get("max_redemptions"),
            "metadata": {},
            "name": given.get("name"),
            "percent_off": float(given["percent_off"]) if "percent_off" in given else None,
            "redeem_by": given.get("redeem_by"),
            "times_redeemed": 0,
            "valid": True,
        },
    )
    metadata.apply(coupon, given)
    events.emit(world, "coupon.created", coupon)
    return show(world, coupon)


def _retrieve(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    coupon = world.store.get("coupon", ids[0])
    if "_deleted" in coupon:
        raise no_such("coupon", ids[0])
    return show(world, coupon)


def _update(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    coupon = world.store.change("coupon", ids[0])
    before = show(world, coupon)
    if "name" in given:
        coupon["name"] = given["name"] or None
    metadata.apply(coupon, given)
    events.emit(world, "coupon.updated", coupon, before)
    return show(world, coupon)


def _delete(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    coupon = world.store.get("coupon", ids[0])
    events.emit(world, "coupon.deleted", coupon)
    # Discounts that were made by it stay good, and need it.
    world.store.change("coupon", ids[0]).update(valid=False, _deleted=True)
    return {"id": ids[0], "object": "coupon", "deleted": True}


def _list(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    rows = [show(world, each) for each in world.store.all("coupon").values() if "_deleted" not in each]
    return page(rows, given, "/v1/coupons")


def _create_code(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    promotion = given["promotion"]
    coupon = world.store.get("coupon", promotion.get("coupon", ""), param="promotion[coupon]", status=400)
    if not coupon["valid"]:
        raise Refused("Coupon expired: " + coupon["id"], code="coupon_expired", param="promotion[coupon]")
    text = given.get("code") or world.ids.text(8).upper()
    if any(
        each["active"] and each["code"].lower() == text.lower()
        for each in world.store.all("promotion_code").values()
    ):
        raise Refused("An active promotion code with `code: " + text + "` already exists.", param="code")
    if "customer" in given:
        world.store.get("customer", given["customer"], param="customer", status=400)
    stored = world.store.add(
        "promotion_code",
        {
            "id": world.ids.new("promo", 24),
            "object": "promotion_code",
            "active": given.get("active", True),
            "code": text,
            "created": world.wall(),
            "customer": given.get("customer"),
            "customer_account": None,
            "expires_at": given.get("expires_at"),
            "livemode": False,
            "max_redemptions": given.get("max_redemptions"),
            "metadata": {},
            "promotion": {"type": "coupon", "coupon": coupon["id"]},
            "restrictions": {
                "first_time_transaction": False,
                "minimum_amount": None,
                "minimum_amount_currency": None,
            },
            "times_redeemed": 0,
        },
    )
    metadata.apply(stored, given)
    events.emit(world, "promotion_code.created", stored)
    return show(world, stored)


def _retrieve_code(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    return show(world, world.store.get("promotion_code", ids[0]))


def _update_code(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    code = world.store.change("promotion_code", ids[0])
    before = show(world, code)
    code["active"] = given.get("active", code["active"])
    metadata.apply(code, given)
    events.emit(world, "promotion_code.updated", code, before)
    return show(world, code)


def _list_codes(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    rows = [
        show(world, each)
        for each in world.store.all("promotion_code").values()
        if all(given.get(name, each[name]) == each[name] for name in ("active", "code", "customer"))
        and given.get("coupon", each["promotion"]["coupon"]) == each["promotion"]["coupon"]
    ]
    return page(rows, given, "/v1/promotion_codes")


ROUTES = (
    Route(
        "POST",
        "/v1/coupons",
        CouponCreateParams,
        "id name percent_off amount_off currency duration duration_in_months max_redemptions redeem_by metadata",
        _create,
    ),
    Route("GET", "/v1/coupons", CouponListParams, CURSORS, _list),
    Route("GET", "/v1/coupons/{}", CouponRetrieveParams, "", _retrieve),
    Route("POST", "/v1/coupons/{}", CouponUpdateParams, "name metadata", _update),
    Route("DELETE", "/v1/coupons/{}", CouponDeleteParams, "", _delete),
    Route(
        "POST",
        "/v1/promotion_codes",
        PromotionCodeCreateParams,
        "promotion code active customer expires_at max_redemptions metadata",
        _create_code,
    ),
    Route(
        "GET",
        "/v1/promotion_codes",
        PromotionCodeListParams,
        f"{CURSORS} active code coupon customer",
        _list_codes,
    ),
    Route("GET", "/v1/promotion_codes/{}", PromotionCodeRetrieveParams, "", _retrieve_code),
    Route("POST", "/v1/promotion_codes/{}", PromotionCodeUpdateParams, "active metadata", _update_code),
)
