"""The plan and its bill: what the month costs by line, what is paid for and how, invoices, and what to do where
something is owed. What moves money leads to Stripe's pages, or asks for a sign-in of the last minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from quartzdb.domain.errors import NotFound, QuartzError
from quartzdb_platform.api.auth import PlatformNow
from quartzdb_platform.billing.account import Account
from quartzdb_platform.billing.desk import BillingDesk
from quartzdb_platform.billing.subscriptions import When
from quartzdb_platform.console import page
from quartzdb_platform.console.visitor import Form, Place, Posted, in_organization
from quartzdb_platform.console.words import english
from quartzdb_platform.domain.billing import BillingState, deadlines
from quartzdb_platform.domain.calendar import month_of
from quartzdb_platform.domain.errors import StepUpRequired
from quartzdb_platform.domain.money import MICRO, divided
from quartzdb_platform.domain.permissions import Permission
from quartzdb_platform.domain.plan import Plan
from quartzdb_platform.metering.bill import BillLine
from quartzdb_platform.payments import Invoice
from quartzdb_platform.plans.table import dollars
from quartzdb_platform.wiring import Platform

router = APIRouter()
_BILLING = "/organizations/{organization_id}/billing"
_INVOICES_SHOWN = 12
Sees = Annotated[Place, Depends(in_organization(Permission.BILLING_READ))]
Manages = Annotated[Place, Depends(in_organization(Permission.BILLING_MANAGE))]


class Line(NamedTuple):
    """Of the month's bill, in people's words."""

    name: str
    used: str
    included: str
    beyond: str
    price: str
    amount: str


class Choice(NamedTuple):
    """A plan that can be had instead, and how: `begin`, `up` or `down`."""

    name: str
    title: str
    price: str
    how: str


@router.get(_BILLING)
def show_billing(request: Request, place: Sees, platform: PlatformNow) -> Response:
    """What it costs and how it is paid."""
    return _show(request, place, platform)


@router.post(f"{_BILLING}/checkout")
def begin_checkout(request: Request, place: Manages, form: Posted, platform: PlatformNow) -> Response:
    """To Stripe's page, on which one subscribes."""

    def url(desk: BillingDesk) -> str:
        return desk.subscriptions.checkout(place.access, form.text("plan"), trial=form.text("trial") == "1")

    return _lead(request, place, platform, url)


@router.post(f"{_BILLING}/portal")
def open_portal(request: Request, place: Manages, form: Posted, platform: PlatformNow) -> Response:
    """To Stripe's pages for cards, addresses, tax ids and receipts."""
    del form
    return _lead(request, place, platform, lambda desk: desk.subscriptions.portal(place.access))


@router.post(f"{_BILLING}/plan")
def change_plan(request: Request, place: Manages, form: Posted, platform: PlatformNow) -> Response:
    """To a dearer plan at once, to a smaller one when the month ends."""
    return _do(
        request,
        place,
        platform,
        lambda desk: desk.subscriptions.change_plan(place.access, form.text("plan"), _when(form)),
    )


@router.post(f"{_BILLING}/cancel")
def cancel(request: Request, place: Manages, form: Posted, platform: PlatformNow) -> Response:
    """With the month."""
    del form
    return _do(request, place, platform, lambda desk: desk.subscriptions.cancel(place.access))


@router.post(f"{_BILLING}/resume")
def resume(request: Request, place: Manages, form: Posted, platform: PlatformNow) -> Response:
    """After all."""
    del form
    return _do(request, place, platform, lambda desk: desk.subscriptions.resume(place.access))


def _when(form: Form) -> When:
    return When.NOW if form.text("when") == When.NOW.value else When.PERIOD_END


def _do(request: Request, place: Place, platform: Platform, act: Callable[[BillingDesk], object]) -> Response:
    try:
        act(_desk(platform))
    except StepUpRequired:
        raise
    except QuartzError as error:
        return _show(request, place, platform, error)
    return page.go_to(_BILLING.format(organization_id=place.organization.id))


def _lead(request: Request, place: Place, platform: Platform, url: Callable[[BillingDesk], str]) -> Response:
    try:
        there = url(_desk(platform))
    except StepUpRequired:
        raise
    except QuartzError as error:
        return _show(request, place, platform, error)
    # A form may only lead to this host, so that no page can be made to send one elsewhere.
    return page.render(request, "away.html", {"visitor": place.visitor, "place": place, "there": there})


def _desk(platform: Platform) -> BillingDesk:
    if platform.billing is None:
        raise NotFound(english()("billing.not_here"), hint=english()("billing.not_here_hint"))
    return platform.billing


def _show(request: Request, place: Place, platform: Platform, error: QuartzError | None = None) -> Response:
    now_ms = platform.clock.unix_ms()
    version = platform.plans.at(month_of(now_ms))
    plan = version.of(place.organization.plan)
    everything = [one.id for one in platform.projects.list(place.access)]
    month = platform.usage.month(
        everything, platform.statements.billed_plan(place.organization), place.organization
    )
    present = platform.statements.present(place.organization)
    forecast = platform.statements.present(place.organization, month.forecast_used)
    desk = platform.billing
    overview = desk.subscriptions.overview(place.access) if desk else None
    account = overview.account if overview else None
    facts = account.facts if account else None
    invoices, missing = _invoices(place, desk)
    cap = place.organization.cap_micro_dollars
    debt = facts.debts[0] if facts and facts.debts else None
    values = {
        "visitor": place.visitor,
        "place": place,
        "here": f"{page.ROOT}{_BILLING.format(organization_id=place.organization.id)}",
        "plan": plan,
        "price": dollars(plan.month_micro_dollars),
        "month": month.month,
        "lines": [_line(line) for line in present.lines],
        "plan_part": _shown(present.plan_micro_dollars),
        "credit": _shown(present.credit_micro_dollars) if present.credit_micro_dollars else "",
        "due": _shown(present.due_micro_dollars),
        "forecast": _shown(forecast.due_micro_dollars),
        "cap": "" if cap is None else dollars(cap),
        "has_billing": desk is not None,
        "state": BillingState(place.organization.billing_state),
        "overview": overview,
        "subscription": facts.subscription if facts else None,
        "follows": _follows(account, version.of),
        "card": facts.card if facts else None,
        "tax_ids": facts.tax_ids if facts else (),
        "balance": _cents(facts.balance_cents) if facts and facts.balance_cents > 0 else "",
        "debt": debt,
        "owed": _cents(sum(one.cents for one in facts.debts)) if facts else "",
        "dates": {state.value: at for state, at in deadlines(debt).items()} if debt else {},
        "choices": list(
            _choices(list(version.by_name.values()), plan, subscribed=bool(facts and facts.subscription))
        ),
        "invoices": [(one, _cents(one.total_cents)) for one in invoices],
        "missing": missing,
        "came_back": request.query_params.get("done") == "1",
    }
    return page.render(request, "billing.html", values, error=error)


def _follows(account: Account | None, of: Callable[[str], Plan]) -> str:
    """The title of the plan that the next month has, where it is another."""
    subscription = account.facts.subscription if account else None
    if account is None or subscription is None or subscription.plan == account.plan:
        return ""
    return of(subscription.plan).title


def _invoices(place: Place, desk: BillingDesk | None) -> tuple[Sequence[Invoice], QuartzError | None]:
    """What Stripe has; where it cannot be asked the rest of the page is there all the same."""
    if desk is None:
        return (), None
    try:
        return desk.subscriptions.invoices(place.access, _INVOICES_SHOWN), None
    except QuartzError as error:
        return (), error


def _choices(plans: Sequence[Plan], mine: Plan, *, subscribed: bool) -> Iterator[Choice]:
    for plan in plans:
        if plan.name == mine.name or not plan.month_micro_dollars:
            continue
        dearer = plan.month_micro_dollars > mine.month_micro_dollars
        how = ("up" if dearer else "down") if subscribed else "begin"
        yield Choice(plan.name, plan.title, dollars(plan.month_micro_dollars), how)


def _line(line: BillLine) -> Line:
    """Storage in what is there all month, because its own unit is one of machines."""
    if line.name == "storage":
        used, included, beyond = (
            f"{value / line.per:,.3f}" for value in (line.used, line.included, line.beyond)
        )
    else:
        used, included, beyond = (f"{value:,}" for value in (line.used, line.included, line.beyond))
    price = dollars(line.price_micro_dollars)
    return Line(line.name, used, included, beyond, price, _shown(line.micro_dollars))


def _shown(micro_dollars: int) -> str:
    """To the cent, as an invoice has it."""
    return _cents(divided(micro_dollars, MICRO // 100))


def _cents(cents: int) -> str:
    return f"${Decimal(cents) / 100:,.2f}"
