"""Subscriptions: made, changed, ended. What time does to them is in life.py."""

from __future__ import annotations

from local.stripe import coupons, events, invoice_items, invoices, lines, payments, periods, proration
from local.stripe import subscription_items as items
from local.stripe.errors import Refused, not_here
from local.stripe.parameters import Given
from local.stripe.show import show
from local.stripe.store import Object
from local.stripe.world import DAY, World

_TRIAL_DAYS_MAX = 730


def create(
    world: World, customer: Object, said: Given, *, method: str | None = None, session: str | None = None
) -> Object:
    """`said` has the parameters of Stripe's request. Raises Refused; with `error_if_incomplete` also where the card is
    declined."""
    now = world.now(customer)
    if not said.get("items"):
        raise Refused("Missing required param: items.", code="parameter_missing", param="items")
    subscription = world.store.add("subscription", _blank(world, customer, said, now, method))
    for index, each in enumerate(said["items"]):
        # The first price says what a period is; until then there is none.
        items.sellable(world, each.get("price"), subscription, f"items[{index}]")
    _first_period(subscription, said, now)
    for index, each in enumerate(said["items"]):
        items.add(world, subscription, each, now, f"items[{index}]")
    for each in said.get("discounts") or ():
        discount = coupons.redeem(world, each, customer, subscription=subscription["id"], session=session)
        subscription["discounts"].append(discount["id"])
    refusal = _first_invoice(world, subscription, said, now)
    if refusal is not None and said.get("payment_behavior") == "error_if_incomplete":
        raise refusal
    events.emit(world, "customer.subscription.created", subscription, at=now)
    return subscription


def _blank(world: World, customer: Object, said: Given, now: int, method: str | None) -> Object:
    trial_end = _trial_end(said, now)
    behaviour = said.get("trial_settings", {}).get("end_behavior", {})
    missing = behaviour.get("missing_payment_method", "create_invoice")
    if missing == "pause":
        raise not_here(
            "pausing at the end of a trial", "trial_settings[end_behavior][missing_payment_method]"
        )
    empty = (
        "application application_fee_percent billing_cycle_anchor_config billing_thresholds cancel_at canceled_at "
        "customer_account days_until_due default_source description ended_at latest_invoice managed_payments "
        "next_pending_invoice_item_invoice on_behalf_of pause_collection pending_invoice_item_interval "
        "pending_setup_intent pending_update schedule transfer_data"
    )
    return dict.fromkeys(empty.split()) | {
        "id": world.ids.new("sub", 24),
        "object": "subscription",
        "automatic_tax": {"enabled": False, "disabled_reason": None, "liability": None},
        "billing_cycle_anchor": now,
        "billing_mode": {"type": "flexible", "flexible": None},
        "billing_schedules": [],
        "cancel_at_period_end": False,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": now,
        "currency": None,
        "customer": customer["id"],
        "default_payment_method": said.get("default_payment_method") or method,
        "default_tax_rates": [],
        "description": said.get("description"),
        "discounts": [],
        "invoice_settings": {
            "account_tax_ids": None,
            "custom_fields": None,
            "description": None,
            "footer": None,
            "issuer": {"type": "self"},
        },
        "livemode": False,
        "metadata": dict(said.get("metadata") or {}),
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "start_date": now,
        "status": "trialing" if trial_end is not None else "active",
        "test_clock": customer["test_clock"],
        "trial_end": trial_end,
        "trial_settings": {"end_behavior": {"missing_payment_method": missing}},
        "trial_start": now if trial_end is not None else None,
        "_items": [],
        "_recurring": None,
        "_start": now,
        "_end": now,
        "_whole_start": now,
        "_told": {},
    }


def _trial_end(said: Given, now: int) -> int | None:
    if "trial_period_days" in said and "trial_end" in said:
        raise Refused(
            "You may only specify one of these parameters: trial_period_days, trial_end.",
            code="parameters_exclusive",
            param="trial_end",
        )
    if "trial_period_days" in said:
        days = said["trial_period_days"]
        if not 1 <= days <= _TRIAL_DAYS_MAX:
            raise Refused(
                f"Invalid trial_period_days: must be between 1 and {_TRIAL_DAYS_MAX}",
                param="trial_period_days",
            )
        return int(now + days * DAY)
    end = said.get("trial_end")
    if end is None or end == "now":
        return None
    if end <= now:
        raise Refused(
            "Invalid timestamp: must be an integer Unix timestamp in the future.", param="trial_end"
        )
    return int(end)


def _first_period(subscription: Object, said: Given, now: int) -> None:
    recurring = subscription["_recurring"]
    anchor = said.get("billing_cycle_anchor")
    if subscription["trial_end"] is not None:
        start, end, whole = now, subscription["trial_end"], now
        anchor = anchor or end
    elif anchor is not None:
        if not now < anchor <= periods.after(now, recurring, 1):
            raise Refused(
                "billing_cycle_anchor must be in the future, and not later than the next natural billing date",
                param="billing_cycle_anchor",
            )
        start, end, whole = now, anchor, periods.after(anchor, recurring, -1)
    else:
        anchor, start, whole = now, now, now
        end = periods.after(now, recurring, 1)
    subscription.update(billing_cycle_anchor=anchor, _start=start, _end=end, _whole_start=whole)


def _first_invoice(world: World, subscription: Object, said: Given, now: int) -> Refused | None:
    start, end = subscription["_start"], subscription["_end"]
    whole = end - subscription["_whole_start"]
    rows = []
    for item in items.of(world, subscription):
        if items.is_metered(world, item):
            continue
        if subscription["trial_end"] is not None:
            rows.append(lines.free(world, subscription, item, start, end))
        elif subscription["_whole_start"] == start:
            rows.append(lines.flat(world, subscription, item, start, end))
        elif said.get("proration_behavior") != "none":
            rows.append(lines.remaining(world, subscription, item, start, end, whole))
    if not rows:
        return None
    invoice = invoices.draft(world, subscription, now, "subscription_create", rows, (now, now))
    subscription["latest_invoice"] = invoice["id"]
    invoices.finalize(world, invoice, now)
    if invoice["amount_due"] and said.get("payment_behavior") == "default_incomplete":
        payments.ask(world, invoice, now)
        subscription["status"] = "incomplete"
        return None
    refusal = payments.collect(world, invoice, now)
    if refusal is not None:
        subscription["status"] = "incomplete"
    return refusal


def current(world: World, identity: str) -> Object:
    """One that has not ended, to be changed. Raises Refused."""
    subscription = world.store.change("subscription", identity)
    if subscription["ended_at"] is not None:
        raise Refused(
            f"No such subscription: '{identity}'. It has been canceled and can only have its metadata changed.",
            status=404,
            code="resource_missing",
            param="id",
        )
    return subscription


def update(world: World, subscription: Object, said: Given) -> None:
    """All of it, or nothing: raises Refused."""
    customer = world.store.get("customer", subscription["customer"])
    now = world.now(customer)
    before = show(world, subscription)
    _simple(world, subscription, said)
    if "trial_end" in said:
        _end_trial(world, subscription, said["trial_end"], now)
    if "discounts" in said:
        _discount(world, subscription, said["discounts"] or (), customer)
    if said.get("items"):
        change_items(world, subscription, said, now)
    _stop(subscription, said, now)
    events.emit(world, "customer.subscription.updated", subscription, before, at=now)
    if said.get("items"):
        _bill_change(world, subscription, said, now)


def _simple(world: World, subscription: Object, said: Given) -> None:
    from local.stripe import metadata, payment_methods

    metadata.apply(subscription, said)
    if "description" in said:
        subscription["description"] = said["description"] or None
    if "default_payment_method" in said:
        method = said["default_payment_method"] or None
        if method is not None:
            payment_methods.of_customer(world, subscription["customer"], method, "default_payment_method")
        subscription["default_payment_method"] = method
    details = said.get("cancellation_details", {})
    for name in ("comment", "feedback"):
        if name in details:
            subscription["cancellation_details"][name] = details[name] or None


def _end_trial(world: World, subscription: Object, end: int | str, now: int) -> None:
    if subscription["status"] != "trialing":
        raise not_here("a trial in the middle of a subscription", "trial_end")
    moment = now if end == "now" else int(end)
    if moment < now:
        raise Refused("Invalid timestamp: must be in the future, or `now`.", param="trial_end")
    subscription.update(trial_end=moment, billing_cycle_anchor=moment, _end=moment)
    for item in items.of(world, subscription):
        item["current_period_end"] = moment
    if moment == now:
        # Late, because time works on subscriptions.
        from local.stripe.life import end_trial

        end_trial(world, subscription, now, at_once=True)


def _discount(world: World, subscription: Object, said: object, customer: Object) -> None:
    kept = []
    for each in said if isinstance(said, list | tuple) else ():
        if "discount" in each:
            if each["discount"] not in subscription["discounts"]:
                raise Refused(
                    f"No such discount: '{each['discount']}'", code="resource_missing", param="discounts"
                )
            kept.append(each["discount"])
        else:
            kept.append(coupons.redeem(world, each, customer, subscription=subscription["id"])["id"])
    subscription["discounts"] = kept


def change_items(world: World, subscription: Object, said: Given, now: int) -> None:
    """Quantities, prices, new items and those that go. What it is worth waits for an invoice."""
    moment = said.get("proration_date", now)
    if not subscription["_start"] <= moment <= subscription["_end"]:
        raise Refused(
            "Cannot specify a proration date outside of the current billing period.", param="proration_date"
        )
    prorate = said.get("proration_behavior", "create_prorations") != "none"
    own = {item["id"]: item for item in items.of(world, subscription)}
    for index, each in enumerate(said["items"]):
        param = f"items[{index}]"
        if "id" not in each:
            item = items.add(world, subscription, each, now, param)
            proration.enter(world, subscription, item, moment, prorate=prorate)
            continue
        if each["id"] not in own:
            raise Refused(
                f"No such subscription item: '{each['id']}'", code="resource_missing", param=f"{param}[id]"
            )
        _change_item(world, subscription, own[each["id"]], each, moment, prorate, param)
    if not subscription["_items"]:
        raise Refused("A subscription must have at least one item.", param="items")


def _change_item(
    world: World, subscription: Object, item: Object, said: Given, moment: int, prorate: bool, param: str
) -> None:
    if "metadata" in said:
        item["metadata"] = {**item["metadata"], **(said["metadata"] or {})}
    if said.get("deleted"):
        proration.leave(world, subscription, item, moment, prorate=prorate)
        subscription["_items"].remove(item["id"])
        world.store.remove("subscription_item", item["id"])
        return
    price, quantity = said.get("price", item["price"]), said.get("quantity", item["quantity"])
    if price == item["price"] and quantity == item["quantity"]:
        return
    proration.leave(world, subscription, item, moment, prorate=prorate)
    if price != item["price"]:
        item["price"] = items.sellable(world, price, subscription, param)["id"]
    items.set_quantity(world, item, said.get("quantity"), param)
    proration.enter(world, subscription, item, moment, prorate=prorate)


def _bill_change(world: World, subscription: Object, said: Given, now: int) -> None:
    if said.get("proration_behavior") != "always_invoice":
        return
    if not invoice_items.of_subscription(world, subscription):
        return
    invoice = invoices.draft(world, subscription, now, "subscription_update", [], (now, now))
    before = show(world, subscription)
    subscription["latest_invoice"] = invoice["id"]
    events.emit(world, "customer.subscription.updated", subscription, before, at=now)
    invoices.finalize(world, invoice, now)
    refusal = payments.collect(world, invoice, now)
    if refusal is not None and said.get("payment_behavior") == "error_if_incomplete":
        raise refusal


def _stop(subscription: Object, said: Given, now: int) -> None:
    """At the end of the period, at some time, or not after all."""
    if "cancel_at" in said:
        at = said["cancel_at"] or None
        if isinstance(at, str):
            raise not_here(f"cancel_at={at}", "cancel_at")
        if at is not None and at <= now:
            raise Refused("Invalid timestamp: must be in the future.", param="cancel_at")
        subscription.update(cancel_at=at, cancel_at_period_end=False)
    elif "cancel_at_period_end" in said:
        stop = said["cancel_at_period_end"]
        subscription.update(cancel_at=subscription["_end"] if stop else None, cancel_at_period_end=stop)
    else:
        return
    stops = subscription["cancel_at"] is not None
    subscription["canceled_at"] = now if stops else None
    subscription["cancellation_details"]["reason"] = "cancellation_requested" if stops else None


def end(world: World, subscription: Object, now: int, reason: str) -> None:
    """It is over, and nothing more is collected by itself. What waits for an invoice waits for the customer's next."""
    subscription = world.store.change("subscription", subscription["id"])
    subscription.update(status="canceled", ended_at=now, canceled_at=subscription["canceled_at"] or now)
    subscription["cancellation_details"]["reason"] = reason
    for each in invoices.of_subscription(world, subscription["id"]):
        if each["status"] == "open" and each["next_payment_attempt"] is not None:
            invoice = world.store.change("invoice", each["id"])
            before = show(world, invoice)
            invoice.update(auto_advance=False, next_payment_attempt=None)
            events.emit(world, "invoice.updated", invoice, before, at=now)
    events.emit(world, "customer.subscription.deleted", subscription, at=now)


def cancel(world: World, subscription: Object, said: Given, now: int) -> None:
    """At once, by request."""
    details = said.get("cancellation_details", {})
    for name in ("comment", "feedback"):
        if name in details:
            subscription["cancellation_details"][name] = details[name] or None
    if said.get("invoice_now"):
        for item in items.of(world, subscription):
            if items.is_metered(world, item) or said.get("prorate"):
                proration.leave(world, subscription, item, now, prorate=bool(said.get("prorate")))
        if invoice_items.waiting(world, subscription):
            invoice = invoices.draft(world, subscription, now, "subscription_update", [], (now, now))
            subscription["latest_invoice"] = invoice["id"]
            invoices.finalize(world, invoice, now)
            payments.collect(world, invoice, now)
    elif said.get("prorate"):
        # The credit waits for the customer's next invoice, of whatever subscription. Usage is on none.
        for item in items.of(world, subscription):
            if not items.is_metered(world, item):
                proration.leave(world, subscription, item, now, prorate=True)
    else:
        invoice_items.drop(world, subscription)
    end(world, subscription, now, "cancellation_requested")
