"""What Stripe's objects say, as values of ours. Nothing is asked for here.

Prices of other products are nobody's plan: one account may sell other things, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from quartzdb_platform.adapters.stripe_catalogue import KEY, metadata
from quartzdb_platform.domain.billing import LIVE, Card, Debt, Subscription
from quartzdb_platform.domain.catalogue import plan_of_key
from quartzdb_platform.payments import Invoice, InvoiceLine

KEEPS_PLAN, KEEPS_UNTIL = "quartzdb_keeps_plan", "quartzdb_keeps_until"
METERED_FROM, PLAN_SINCE = "quartzdb_metered_from", "quartzdb_plan_since"


def subscription_of(one: Any) -> Subscription | None:
    """None where it is of no plan of ours."""
    items: dict[str, str] = {}
    plan = None
    period = (0, 0)
    for item in one["items"].data:
        key = metadata(item.price).get(KEY) or item.price.lookup_key or ""
        items[key] = item.id
        if plan_of_key(key) is not None:
            plan = plan_of_key(key)
            period = (item.current_period_start, item.current_period_end)
    if plan is None:
        return None
    noted = metadata(one)
    cancels_at = one.cancel_at or (period[1] if one.cancel_at_period_end else None)
    return Subscription(
        one.id,
        plan,
        one.status,
        one.start_date * 1_000,
        period[0] * 1_000,
        period[1] * 1_000,
        items,
        trial_ends_ms=_ms(one.trial_end),
        cancels_at_ms=_ms(cancels_at),
        keeps_plan=noted.get(KEEPS_PLAN) or None,
        keeps_until_ms=_ms(int(noted[KEEPS_UNTIL])) if noted.get(KEEPS_UNTIL) else None,
        metered_from_ms=_ms(int(noted[METERED_FROM])) if noted.get(METERED_FROM) else None,
        plan_since_ms=_ms(int(noted[PLAN_SINCE])) if noted.get(PLAN_SINCE) else None,
    )


def live(subscriptions: Iterable[Any]) -> list[Subscription]:
    """Those that are ones, the first that was begun first."""
    found = [subscription_of(one) for one in subscriptions if one.status in LIVE]
    return sorted((one for one in found if one is not None), key=lambda one: (one.started_at_ms, one.id))


def ended_at_ms(subscriptions: Iterable[Any]) -> int | None:
    """When the last one ended that is no more."""
    found = [one.ended_at for one in subscriptions if one.ended_at and subscription_of(one) is not None]
    return _ms(max(found, default=None))


def debts_of(open_invoices: Iterable[Any]) -> tuple[Debt, ...]:
    """Those that a payment was tried of. The first of a subscription is no debt: without it there is none."""
    found = []
    for one in open_invoices:
        if not one.attempt_count or not one.amount_remaining or one.billing_reason == "subscription_create":
            continue
        since = one.status_transitions.finalized_at or one.created
        found.append(Debt(one.id, since * 1_000, one.amount_remaining, one.hosted_invoice_url))
    return tuple(sorted(found, key=lambda debt: (debt.since_ms, debt.invoice_id)))


def card_of(method: Any) -> Card | None:
    """None for another kind of payment method: it has no end of its own."""
    if method is None or method.type != "card":
        return None
    card = method.card
    return Card(method.id, card.brand, card.last4, card.exp_year, card.exp_month)


def invoice_of(one: Any) -> Invoice:
    """A preview has no number and no address."""
    return Invoice(
        getattr(one, "id", None) or "",
        one.number,
        one.status or "draft",
        one.billing_reason or "",
        one.created * 1_000,
        one.period_start * 1_000,
        one.period_end * 1_000,
        one.total,
        one.amount_due,
        one.amount_paid,
        one.hosted_invoice_url,
        one.invoice_pdf,
        tuple(_line(line) for line in one.lines.data),
    )


def _line(one: Any) -> InvoiceLine:
    amount = one.pricing.unit_amount_decimal if one.pricing else None
    parent = one.parent
    details = (parent.subscription_item_details or parent.invoice_item_details) if parent else None
    prorated = bool(details.proration) if details else False
    unit = None if amount is None or prorated else Decimal(str(amount))
    return InvoiceLine(one.description or "", None if prorated else one.quantity, unit, one.amount)


def _ms(seconds: int | None) -> int | None:
    return None if seconds is None else seconds * 1_000
