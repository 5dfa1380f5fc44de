"""What time does: renewals, ends of trials and of subscriptions, invoices that are finalized, payments that
are tried again.

Everything happens at the moment at which it is due, in the order of these moments, however far time jumps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from local.stripe import (
    events,
    invoice_items,
    invoices,
    lines,
    payments,
    periods,
    proration,
    standing,
    subscriptions,
)
from local.stripe import subscription_items as items
from local.stripe.show import show
from local.stripe.store import Object
from local.stripe.world import DAY, World

_INCOMPLETE_SECONDS = 23 * 3600
_TRIAL_NOTICE_SECONDS = 3 * DAY
_STEPS_MAX = 10_000

Due = tuple[int, int, str, Callable[[int], None]]
"""When, what goes first at the same second, of what, and what is done then."""


def advance(world: World, until: int, clock: str | None = None) -> None:
    """All that is due up to and with `until`, of what is on that test clock; None is of what is on none."""
    for _ in range(_STEPS_MAX):
        due = min(_due(world, clock), key=lambda each: each[:3], default=None)
        if due is None or due[0] > until:
            break
        if clock is not None:
            frozen = world.store.change("test_helpers.test_clock", clock)
            frozen["frozen_time"] = max(frozen["frozen_time"], due[0])
        due[3](due[0])
    else:
        raise AssertionError(f"time does not come to {until}: something is due again and again")
    if clock is not None:
        world.store.change("test_helpers.test_clock", clock)["frozen_time"] = until


def _due(world: World, clock: str | None) -> Iterator[Due]:
    for invoice in world.store.all("invoice").values():
        if invoice["test_clock"] == clock:
            yield from _of_invoice(world, invoice)
    for subscription in world.store.all("subscription").values():
        if subscription["test_clock"] == clock and subscription["ended_at"] is None:
            yield from _of_subscription(world, subscription)
    for session in world.store.all("checkout.session").values():
        if session["_clock"] == clock and session["status"] == "open":
            yield session["expires_at"], 9, session["id"], partial(_expire_session, world, session["id"])


def _of_invoice(world: World, invoice: Object) -> Iterator[Due]:
    if not invoice["auto_advance"]:
        return
    if invoice["status"] == "draft" and invoice["automatically_finalizes_at"] is not None:
        yield (
            invoice["automatically_finalizes_at"],
            1,
            invoice["id"],
            partial(_finalize, world, invoice["id"]),
        )
    if invoice["status"] == "open" and invoice["next_payment_attempt"] is not None:
        yield invoice["next_payment_attempt"], 2, invoice["id"], partial(_retry, world, invoice["id"])


def _of_subscription(world: World, subscription: Object) -> Iterator[Due]:
    identity, told, end = subscription["id"], subscription["_told"], subscription["_end"]
    if subscription["status"] == "incomplete":
        yield subscription["created"] + _INCOMPLETE_SECONDS, 3, identity, partial(_give_up, world, identity)
        return
    notice = end - _TRIAL_NOTICE_SECONDS
    if subscription["status"] == "trialing" and told.get("trial") != end and notice > subscription["_start"]:
        yield notice, 4, identity, partial(_tell_trial, world, identity)
    upcoming = end - world.settings.upcoming_days * DAY
    if (
        told.get("upcoming") != end
        and upcoming > subscription["_start"]
        and subscription["cancel_at"] is None
        and subscription["status"] != "unpaid"
    ):
        yield upcoming, 5, identity, partial(_tell_upcoming, world, identity)
    stop = subscription["cancel_at"]
    if stop is not None and stop <= end:
        yield stop, 6, identity, partial(_stop, world, identity)
    elif subscription["status"] == "trialing":
        yield end, 7, identity, partial(_trial_is_over, world, identity)
    else:
        yield end, 7, identity, partial(_renew, world, identity)


def _finalize(world: World, identity: str, now: int) -> None:
    invoice = world.store.change("invoice", identity)
    invoices.finalize(world, invoice, now)
    _collect(world, invoice, now)


def _retry(world: World, identity: str, now: int) -> None:
    _collect(world, world.store.change("invoice", identity), now)


def _collect(world: World, invoice: Object, now: int) -> None:
    refusal = payments.collect(world, invoice, now)
    if refusal is None or invoice["next_payment_attempt"] is not None:
        return
    subscription = world.store.change("subscription", invoice["_subscription"])
    if subscription["ended_at"] is not None:
        return
    if world.settings.after_retries == "cancel":
        subscriptions.end(world, subscription, now, "payment_failed")
    elif world.settings.after_retries == "unpaid":
        standing.set_status(world, subscription, "unpaid", now)


def _give_up(world: World, identity: str, now: int) -> None:
    subscription = world.store.change("subscription", identity)
    before = show(world, subscription)
    subscription.update(status="incomplete_expired", ended_at=now)
    if subscription["latest_invoice"] is not None:
        invoices.void(world, world.store.change("invoice", subscription["latest_invoice"]), now)
    events.emit(world, "customer.subscription.updated", subscription, before, at=now)


def _tell_trial(world: World, identity: str, now: int) -> None:
    subscription = world.store.change("subscription", identity)
    subscription["_told"]["trial"] = subscription["_end"]
    events.emit(world, "customer.subscription.trial_will_end", subscription, at=now)


def _tell_upcoming(world: World, identity: str, now: int) -> None:
    subscription = world.store.change("subscription", identity)
    subscription["_told"]["upcoming"] = subscription["_end"]
    invoice = upcoming(world, subscription, now)
    del invoice["id"]
    events.emit(world, "invoice.upcoming", invoice, at=now)


def upcoming(world: World, subscription: Object, now: int) -> Object:
    """The invoice that the end of the period would bring as things are; stored nowhere."""
    start, end = subscription["_start"], subscription["_end"]
    stops = subscription["cancel_at"] is not None and subscription["cancel_at"] <= end
    rows = _rows(world, subscription, start, end, None if stops else end)
    return invoices.imagined(world, subscription, end, "upcoming", rows, (start, end))


def _rows(world: World, subscription: Object, start: int, end: int, following: int | None) -> list[Object]:
    """What the end of a period brings: usage of it, and flat prices of the one that follows, if one does."""
    rows = []
    for identity in subscription["_items"]:
        item = world.store.get("subscription_item", identity)
        if items.is_metered(world, item):
            if subscription["trial_end"] is None or start >= subscription["trial_end"]:
                rows.append(lines.metered(world, subscription, item, max(start, item["_metered_from"]), end))
        elif following is not None:
            recurring = subscription["_recurring"]
            _, until = periods.around(subscription["billing_cycle_anchor"], recurring, following)
            rows.append(lines.flat(world, subscription, item, following, until))
    return rows


def _stop(world: World, identity: str, now: int) -> None:
    """Cancelled, at the end of the period or at a time of one's own. Usage is still billed."""
    subscription = world.store.change("subscription", identity)
    if subscription["status"] != "trialing":
        early = now < subscription["_end"]
        if early:
            for item in items.of(world, subscription):
                proration.leave(world, subscription, item, now, prorate=True)
            rows = []
        else:
            rows = _rows(world, subscription, subscription["_start"], now, None)
        rows = [row for row in rows if row["quantity"]]
        if rows or invoice_items.waiting(world, subscription):
            period = (subscription["_start"], now)
            invoice = invoices.draft(world, subscription, now, "subscription_cycle", rows, period)
            subscription["latest_invoice"] = invoice["id"]
    subscriptions.end(
        world, subscription, now, subscription["cancellation_details"]["reason"] or "cancellation_requested"
    )


def _renew(world: World, identity: str, now: int) -> None:
    subscription = world.store.change("subscription", identity)
    start, end = subscription["_start"], subscription["_end"]
    before = show(world, subscription)
    rows = _rows(world, subscription, start, end, end)
    _begin(world, subscription, end)
    _invoice(world, subscription, rows, now, "subscription_cycle", (start, end))
    events.emit(world, "customer.subscription.updated", subscription, before, at=now)


def _trial_is_over(world: World, identity: str, now: int) -> None:
    end_trial(world, world.store.change("subscription", identity), now, at_once=False)


def end_trial(world: World, subscription: Object, now: int, *, at_once: bool) -> None:
    """From now on it is paid for. `at_once`: because somebody said so, so that the invoice is no draft."""
    before = show(world, subscription)
    missing = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    customer = world.store.get("customer", subscription["customer"])
    method = subscription["default_payment_method"] or customer["invoice_settings"]["default_payment_method"]
    if method is None and missing == "cancel":
        subscriptions.end(world, subscription, now, "cancellation_requested")
        return
    start = subscription["_start"]
    rows = _rows(world, subscription, start, now, now)
    subscription["status"] = "active"
    _begin(world, subscription, now)
    reason = "subscription_update" if at_once else "subscription_cycle"
    invoice = _invoice(world, subscription, rows, now, reason, (start, now))
    events.emit(world, "customer.subscription.updated", subscription, before, at=now)
    if at_once and invoice is not None:
        invoices.finalize(world, invoice, now)
        payments.collect(world, invoice, now)


def _begin(world: World, subscription: Object, start: int) -> None:
    _, end = periods.around(subscription["billing_cycle_anchor"], subscription["_recurring"], start)
    subscription.update(_start=start, _end=end, _whole_start=start)
    for item in items.of(world, subscription):
        item.update(current_period_start=start, current_period_end=end)
        item["_debits"] = [debit for debit in item["_debits"] if debit["end"] > start]
        if items.is_metered(world, item):
            item["_metered_from"] = start


def _invoice(
    world: World, subscription: Object, rows: list[Object], now: int, reason: str, period: tuple[int, int]
) -> Object | None:
    """None where there is nothing to bill: no line at all."""
    if not rows and not invoice_items.waiting(world, subscription):
        return None
    invoice = invoices.draft(world, subscription, now, reason, rows, period)
    subscription["latest_invoice"] = invoice["id"]
    if subscription["status"] == "unpaid":
        # Stripe leaves them drafts until somebody pays what is owed.
        invoice.update(auto_advance=False, automatically_finalizes_at=None, next_payment_attempt=None)
    return invoice


def _expire_session(world: World, identity: str, now: int) -> None:
    session = world.store.change("checkout.session", identity)
    session.update(status="expired", url=None)
    events.emit(world, "checkout.session.expired", session, at=now)
