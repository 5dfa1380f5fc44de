"""What an organization pays: plan, subscription, invoices. Whatever moves money needs a sign-in of the last minutes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from quartzdb.domain.errors import NotFound
from quartzdb_platform.accounts.organizations import Access
from quartzdb_platform.api.auth import PlatformNow, may
from quartzdb_platform.api.billing_models import (
    BillingAnswer,
    CheckoutBody,
    InvoiceAnswer,
    PlanBody,
    QuoteAnswer,
    UrlAnswer,
)
from quartzdb_platform.billing.desk import BillingDesk
from quartzdb_platform.billing.subscriptions import INVOICES_MAX
from quartzdb_platform.domain.permissions import Permission

router = APIRouter(tags=["Billing"])
_BILLING = "/organizations/{organization_id}/billing"
Reads = Annotated[Access, Depends(may(Permission.BILLING_READ))]
Manages = Annotated[Access, Depends(may(Permission.BILLING_MANAGE))]


def desk(platform: PlatformNow) -> BillingDesk:
    """Raises NotFound where this deployment bills nobody."""
    if platform.billing is None:
        raise NotFound(
            "This deployment has no billing.",
            hint="Plans are changed by whoever operates it; GET …/usage has the bill.",
        )
    return platform.billing


DeskNow = Annotated[BillingDesk, Depends(desk)]


@router.get(_BILLING)
def show_billing(access: Reads, desk: DeskNow) -> BillingAnswer:
    """Plan, subscription and what is owed, as Stripe said it last."""
    return BillingAnswer.of(desk.subscriptions.overview(access))


@router.post(f"{_BILLING}/checkout")
def begin_checkout(body: CheckoutBody, access: Manages, desk: DeskNow) -> UrlAnswer:
    """The address of Stripe's page on which to subscribe; nothing is charged before that is done. The rest of the
    month is prorated, and whole months are those of the calendar. A trial lasts until the first end of a month that
    is at least 14 days away, once for each organization.
    """
    return UrlAnswer(url=desk.subscriptions.checkout(access, body.plan, trial=body.trial))


@router.post(f"{_BILLING}/portal")
def open_portal(access: Manages, desk: DeskNow) -> UrlAnswer:
    """The address of Stripe's pages for cards, addresses, tax ids and invoices, good for some minutes."""
    return UrlAnswer(url=desk.subscriptions.portal(access))


@router.get(f"{_BILLING}/quote")
def quote_plan(access: Reads, desk: DeskNow, plan: Annotated[str, Query(max_length=40)]) -> QuoteAnswer:
    """What changing to that plan would cost now, by line; nulls without a subscription."""
    return QuoteAnswer.of(desk.subscriptions.quote(access, plan))


@router.put(f"{_BILLING}/plan")
def change_plan(body: PlanBody, access: Manages, desk: DeskNow) -> BillingAnswer:
    """A dearer plan holds at once, and its part of the month is charged now: where that fails (402) nothing is
    changed. A smaller one follows with the next month, or with `when: now` at once, the rest credited. `free` ends
    the subscription with its month.
    """
    return BillingAnswer.of(desk.subscriptions.change_plan(access, body.plan, body.when))


@router.post(f"{_BILLING}/cancel")
def cancel_subscription(access: Manages, desk: DeskNow) -> BillingAnswer:
    """End the subscription with its month. What the plan Free does not allow stays then, and nothing is added to it."""
    return BillingAnswer.of(desk.subscriptions.cancel(access))


@router.post(f"{_BILLING}/resume")
def resume_subscription(access: Manages, desk: DeskNow) -> BillingAnswer:
    """Have the subscription go on after all."""
    return BillingAnswer.of(desk.subscriptions.resume(access))


@router.get(f"{_BILLING}/invoices")
def list_invoices(
    access: Reads,
    desk: DeskNow,
    limit: Annotated[int, Query(ge=1, le=INVOICES_MAX)] = 24,
    after: Annotated[str | None, Query(max_length=255)] = None,
) -> list[InvoiceAnswer]:
    """The newest first, beyond that one. `url` shows an invoice, pays it where it is open, and has its receipt."""
    return [InvoiceAnswer.of(one) for one in desk.subscriptions.invoices(access, limit, after)]
