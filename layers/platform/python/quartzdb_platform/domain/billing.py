"""How an organization stands with its bills: a pure function of what Stripe says and of the time.

Nothing of it is remembered: whoever loses what is kept reads Stripe again, and is where they were. All times of dunning
are in here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from quartzdb.domain.grant import TenantStatus
from quartzdb_platform.domain.calendar import DAY_MS, month_end_ms, month_of
from quartzdb_platform.domain.catalogue import plan_of_key

FREE_PLAN = "free"
TRIAL_DAYS_MIN = 14
"""A trial ends with a month, the first that is so far away: bills are of calendar months."""
GRACE_AFTER_MS = 3 * DAY_MS
READ_ONLY_AFTER_MS = 10 * DAY_MS
SUSPENDED_AFTER_MS = 24 * DAY_MS
"""Since the first invoice that is still open could not be paid."""
CARD_WARNING_MS = 30 * DAY_MS
TRIAL_WARNING_MS = 3 * DAY_MS
LIVE = frozenset({"trialing", "active", "past_due", "unpaid"})
"""Statuses of a subscription that is one; `incomplete` has not begun, the others have ended."""


class BillingState(StrEnum):
    """In the order of a life, and of its end."""

    NONE = "none"
    TRIALING = "trialing"
    ACTIVE = "active"
    CANCELLING = "cancelling"
    PAST_DUE = "past_due"
    GRACE = "grace"
    READ_ONLY = "read_only"
    SUSPENDED = "suspended"


IN_DEBT = frozenset(
    {BillingState.PAST_DUE, BillingState.GRACE, BillingState.READ_ONLY, BillingState.SUSPENDED}
)


@dataclass(frozen=True, slots=True)
class Subscription:
    """What is paid for each month. `keeps_plan`: the dearer plan that was paid for and holds until `keeps_until_ms`,
    where a smaller one follows it. `cancels_at_ms`: when it ends, where that was asked for. `items`: the id of each of
    its items by the lookup key of its price. `metered_from_ms`: from when on its prices with a meter count, where they
    are others than before. `plan_since_ms`: since when its plan is prorated, where it was another.
    """

    id: str
    plan: str
    status: str
    started_at_ms: int
    period_starts_ms: int
    period_ends_ms: int
    items: Mapping[str, str]
    trial_ends_ms: int | None = None
    cancels_at_ms: int | None = None
    keeps_plan: str | None = None
    keeps_until_ms: int | None = None
    metered_from_ms: int | None = None
    plan_since_ms: int | None = None

    @property
    def flat_key(self) -> str:
        """The key of the plan's own price."""
        return next(key for key in self.items if plan_of_key(key) is not None)

    def keeps_at(self, now_ms: int) -> bool:
        """Whether a dearer plan holds, and the smaller one follows."""
        return self.keeps_plan is not None and now_ms < (self.keeps_until_ms or 0)

    def plan_at(self, now_ms: int) -> str:
        """The plan that holds at that time."""
        return self.keeps_plan if self.keeps_plan and self.keeps_at(now_ms) else self.plan


@dataclass(frozen=True, slots=True)
class Debt:
    """An invoice that is open after a payment of it failed. `since_ms`: when it was to be paid."""

    invoice_id: str
    since_ms: int
    cents: int
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """What is charged."""

    id: str
    brand: str
    last4: str
    expires_year: int
    expires_month: int

    @property
    def ends_ms(self) -> int:
        """When it is no longer good: with its month."""
        return month_end_ms(f"{self.expires_year:04d}-{self.expires_month:02d}")


@dataclass(frozen=True, slots=True)
class CustomerFacts:
    """Everything that Stripe says of a customer. `debts`: the oldest first. `subscribed_before`: whether there ever was
    a subscription, this one included; `superfluous`: further live ones, which are a mistake. `balance_cents`: what is
    taken off the next invoices. `ended_at_ms`: when the last subscription ended, if one did.
    """

    customer_id: str
    organization_id: str | None
    subscription: Subscription | None = None
    subscribed_before: bool = False
    superfluous: tuple[str, ...] = ()
    debts: tuple[Debt, ...] = ()
    card: Card | None = None
    balance_cents: int = 0
    email: str | None = None
    tax_ids: tuple[str, ...] = ()
    ended_at_ms: int | None = None


def state_at(facts: CustomerFacts, now_ms: int) -> BillingState:
    """How a customer stands. An unpaid invoice outlives the subscription that it was for."""
    if facts.debts:
        return _of_debt(now_ms - facts.debts[0].since_ms)
    subscription = facts.subscription
    if subscription is None:
        return BillingState.NONE
    if subscription.cancels_at_ms is not None:
        return BillingState.CANCELLING
    return BillingState.TRIALING if subscription.status == "trialing" else BillingState.ACTIVE


def plan_at(facts: CustomerFacts, now_ms: int) -> str:
    """The plan that a customer has by what Stripe says."""
    return FREE_PLAN if facts.subscription is None else facts.subscription.plan_at(now_ms)


def changed_at_ms(facts: CustomerFacts, now_ms: int) -> int:
    """When what holds now began, by what Stripe charges: a plan, or what follows a trial."""
    subscription = facts.subscription
    if subscription is None:
        return now_ms if facts.ended_at_ms is None else facts.ended_at_ms
    moments = (
        subscription.started_at_ms,
        subscription.plan_since_ms,
        subscription.keeps_until_ms,
        subscription.trial_ends_ms,
    )
    return max((at for at in moments if at is not None and at <= now_ms), default=now_ms)


def status_in(state: BillingState) -> TenantStatus:
    """What the databases do in that state."""
    if state is BillingState.SUSPENDED:
        return TenantStatus.SUSPENDED
    return TenantStatus.READ_ONLY if state is BillingState.READ_ONLY else TenantStatus.ACTIVE


def deadlines(debt: Debt) -> Mapping[BillingState, int]:
    """When each state begins for who does not pay."""
    return {
        BillingState.PAST_DUE: debt.since_ms,
        BillingState.GRACE: debt.since_ms + GRACE_AFTER_MS,
        BillingState.READ_ONLY: debt.since_ms + READ_ONLY_AFTER_MS,
        BillingState.SUSPENDED: debt.since_ms + SUSPENDED_AFTER_MS,
    }


def month_anchor_ms(now_ms: int) -> int:
    """Where a subscription's first whole month begins: the next of the calendar."""
    return month_end_ms(month_of(now_ms))


def trial_end_ms(now_ms: int) -> int:
    """When a trial that begins now ends: with a month, and no sooner than it is worth anything."""
    ends = month_anchor_ms(now_ms)
    return ends if ends - now_ms >= TRIAL_DAYS_MIN * DAY_MS else month_anchor_ms(ends)


def _of_debt(age_ms: int) -> BillingState:
    if age_ms < GRACE_AFTER_MS:
        return BillingState.PAST_DUE
    if age_ms < READ_ONLY_AFTER_MS:
        return BillingState.GRACE
    return BillingState.READ_ONLY if age_ms < SUSPENDED_AFTER_MS else BillingState.SUSPENDED
