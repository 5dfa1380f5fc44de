"""Has subscriptions be of the prices of their month: a month is billed by the version that it begins with.

The flat price of a month is charged as it begins, so it is another one in the last days before, without proration.
Prices with a meter are exchanged in the new month, before any usage of it is sent: Stripe would price what it has
counted by what was before, or leave it out. So what a month is charged does not depend on when this was done.
HAZARD: where that was not done in a whole month, because nothing of this ran, that month's usage is at earlier prices.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from quartzdb.domain.clock import Clock
from quartzdb_platform.audit.log import Actor, AuditLog
from quartzdb_platform.domain.billing import Subscription
from quartzdb_platform.domain.calendar import DAY_MS, month_of, start_ms
from quartzdb_platform.domain.catalogue import meter_keys, meter_of_key, month_key, since_of_key
from quartzdb_platform.domain.plan import Plans
from quartzdb_platform.payments import Payments
from quartzdb_platform.ports import DocumentTable
from quartzdb_platform.transaction import change

logger = logging.getLogger(__name__)
AHEAD_MS = 3 * DAY_MS
"""How long before a month begins its flat price is put in: long enough for whoever was away, and short, because who
changes the plan in it is asked for the present month's prices again."""
COUNTED_AFTER_MS = 120_000
"""Usage is counted at new prices so long after the exchange: our clock and Stripe's are not one."""
_MOVER = Actor("platform", "")


@dataclass(frozen=True, slots=True)
class FlatMove:
    """`key`: of the price that is to be. `since_ms`: from when on it is owed, where its month has begun with another;
    None: from the next period on.
    """

    key: str
    since_ms: int | None = None


def flat_move(subscription: Subscription | None, plans: Plans, now_ms: int) -> FlatMove | None:
    """What the flat price has to be changed to, if to anything. What is over is read again first, and a plan that is
    sold no more left alone.
    """
    if subscription is None or subscription.cancels_at_ms is not None:
        return None
    month, ends_ms = month_of(now_ms), subscription.period_ends_ms
    if now_ms >= ends_ms or subscription.plan not in plans.at(month).by_name:
        return None
    held = subscription.flat_key
    following = month_key(plans, subscription.plan, month_of(ends_ms))
    if ends_ms - now_ms <= AHEAD_MS or subscription.status == "trialing" or subscription.keeps_at(now_ms):
        return FlatMove(following) if held != following else None
    present = month_key(plans, subscription.plan, month)
    if held == present or since_of_key(held) is None or subscription.period_starts_ms < start_ms(month):
        return None
    return FlatMove(present, subscription.period_starts_ms)


def meter_moves(subscription: Subscription, plans: Plans, month: str) -> Mapping[str, str]:
    """Which prices with a meter have to be which, by their keys."""
    if subscription.plan not in plans.at(month).by_name:
        return {}
    wanted = meter_keys(plans, subscription.plan, month)
    held = {key: meter_of_key(key) for key in subscription.items}
    return {
        key: wanted[meter]
        for key, meter in held.items()
        if meter is not None and since_of_key(key) != since_of_key(wanted[meter])
    }


class PriceMoves:
    """One instance serves everybody. What moves raises Unavailable, and Conflict where Stripe has no such price yet."""

    def __init__(
        self, table: DocumentTable, audit: AuditLog, payments: Payments, plans: Plans, clock: Clock
    ) -> None:
        self._table = table
        self._audit = audit
        self._payments = payments
        self._plans = plans
        self._clock = clock

    def flat_is_due(self, subscription: Subscription | None) -> bool:
        """Whether there is something to do of what is kept."""
        return flat_move(subscription, self._plans, self._clock.unix_ms()) is not None

    def move_flat(self, organization_id: str, subscription: Subscription | None) -> bool:
        """Of a subscription as Stripe says now; whether something was changed."""
        move = flat_move(subscription, self._plans, self._clock.unix_ms())
        if subscription is None or move is None:
            return False
        self._payments.move_flat(subscription, move.key, move.since_ms)
        self._note(organization_id, move.key)
        return True

    def move_meters(self, organization_id: str, subscription: Subscription, month: str) -> bool | None:
        """The same of prices with a meter, of a month of which nothing was sent; None where its period has not begun at
        Stripe, and usage has to wait.
        """
        moves = meter_moves(subscription, self._plans, month)
        if not moves or subscription.status == "trialing":
            return False
        if subscription.period_starts_ms < start_ms(month):
            return None
        self._payments.move_meters(subscription, moves, self._clock.unix_ms() + COUNTED_AFTER_MS)
        self._note(organization_id, *moves.values())
        return True

    def _note(self, organization_id: str, *keys: str) -> None:
        logger.info("%s pays by %s", organization_id, ", ".join(keys))
        events = [("billing.price", key) for key in keys]
        entries = self._audit.entries
        change(self._table, lambda: (None, entries(organization_id, _MOVER, events)))
