"""Sends what is charged beyond a plan: each hour the ledgers of organizations with a subscription are settled, and
what was not sent yet is put into the outbox, by project and meter.

What is counted late is in the next hour's event. Of a month that is over it goes to that month's invoice while that
is a draft, and is a line of its own on the next one after that.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import NotFound, QuartzError
from quartzdb_platform.accounts import store
from quartzdb_platform.billing.account import (
    account_document,
    account_of,
    organizations_with_accounts,
)
from quartzdb_platform.billing.applying import Applying
from quartzdb_platform.billing.price_moves import PriceMoves, meter_moves
from quartzdb_platform.billing.usage_outbox import MINUTE_MS, UsageOutbox, Waiting, put_waiting
from quartzdb_platform.domain.calendar import (
    DAY_MS,
    HOUR_MS,
    day_of,
    hour_of,
    month_end_ms,
    month_of,
    start_ms,
)
from quartzdb_platform.domain.catalogue import METERS, unit_cents
from quartzdb_platform.domain.plan import Plans
from quartzdb_platform.metering.bill import Used
from quartzdb_platform.metering.ledger import sendable
from quartzdb_platform.metering.settlements import Settlements, ledger_of, put_ledger
from quartzdb_platform.ports import Change, DocumentTable, Put
from quartzdb_platform.transaction import change

logger = logging.getLogger(__name__)
LATE_DAYS = 14
"""For how long what is counted late of a month is still charged."""
_EVENTS_AT_ONCE = 20
"""Of one transaction."""


class UsageSending:
    """A step of upkeep, safe to repeat and to be cut off anywhere."""

    def __init__(
        self,
        table: DocumentTable,
        settlements: Settlements,
        outbox: UsageOutbox,
        plans: Plans,
        clock: Clock,
        applying: Applying,
        moves: PriceMoves,
    ) -> None:
        self._table = table
        self._settlements = settlements
        self._outbox = outbox
        self._plans = plans
        self._clock = clock
        self._applying = applying
        self._moves = moves

    def run(self, _now_ms: int = 0) -> int:
        """Settle what is due, and send what waits; how many events were sent. Raises Unavailable where Stripe is."""
        for organization_id in organizations_with_accounts(self._table):
            try:
                for month in self._months():
                    self.settle(organization_id, month)
            except NotFound:
                continue  # it was deleted meanwhile
            except QuartzError as error:
                logger.warning("The usage of %s is settled later: %s", organization_id, error)
        return self._outbox.send()

    def settle(self, organization_id: str, month: str) -> None:
        """Settle the hours of a month that are over, once in an hour. A month that is paid by other prices than the one
        before waits until Stripe has them. Raises NotFound, Conflict, Unavailable.
        """
        if not self._is_priced(organization_id, month):
            return
        hour = _last_hour(self._clock.unix_ms())
        while change(self._table, partial(self._settled, organization_id, month, hour)):
            pass

    def _is_priced(self, organization_id: str, month: str) -> bool:
        """Whether the subscription has the prices of the present month, or else has them now."""
        document = account_document(self._table, organization_id)
        facts = None if document is None else account_of(document).facts
        if facts is None or facts.subscription is None or month != month_of(self._clock.unix_ms()):
            return True
        if not meter_moves(facts.subscription, self._plans, month):
            return True
        found = self._settlements.document(organization_id, month)
        if found is not None and found.body.get("sent"):
            return True  # prices with a meter are never exchanged in the middle of what they count
        subscription = self._applying.read_again(organization_id, facts.customer_id).facts.subscription
        moved = subscription is not None and self._moves.move_meters(organization_id, subscription, month)
        if moved:
            self._applying.read_again(organization_id, facts.customer_id)
        return moved is not None

    def _months(self) -> Sequence[str]:
        """This one and, for some days, the one before."""
        now_ms = self._clock.unix_ms()
        present = month_of(now_ms)
        late = now_ms - start_ms(present) < LATE_DAYS * DAY_MS
        return [month_of(start_ms(present) - 1), present] if late else [present]

    def _settled(self, organization_id: str, month: str, hour: str) -> tuple[bool, Sequence[Change]]:
        """Whether there is more to be put into the outbox than one transaction holds."""
        organization = store.organization_of(self._table, organization_id)[0]
        found = self._settlements.document(organization_id, month)
        account = account_document(self._table, organization_id)
        subscription = None if account is None else account_of(account).facts.subscription
        if found is None and (subscription is None or subscription.started_at_ms >= month_end_ms(month)):
            return False, ()
        if found is not None and found.body.get("hour") == hour:
            return False, ()
        opened = self._settlements.opened(organization, month) if found is None else ledger_of(found)
        ledger = self._settlements.settled(organization, opened)
        sent = {name: Used(*units) for name, units in (found.body.get("sent", {}) if found else {}).items()}
        begun_ms = start_ms(month)
        if subscription is not None:
            begun_ms = subscription.started_at_ms
            if month == month_of(self._clock.unix_ms()):
                begun_ms = max(begun_ms, subscription.metered_from_ms or 0)
        events = list(self._unsent(organization_id, month, hour, sendable(ledger), sent, begun_ms))
        puts: list[Put] = []
        for event, project_id, place in events[:_EVENTS_AT_ONCE]:
            puts.append(put_waiting(event))
            units = list(sent.get(project_id, Used()))
            units[place] += event.quantity
            sent[project_id] = Used(*units)
        more = len(events) > _EVENTS_AT_ONCE
        noted: dict[str, object] = {"sent": {name: list(units) for name, units in sent.items()}}
        if not more:
            noted["hour"] = hour
        return more, [put_ledger(organization_id, ledger, found, noted), *puts]

    def _unsent(
        self,
        organization_id: str,
        month: str,
        hour: str,
        due: Mapping[str, Used],
        sent: Mapping[str, Used],
        begun_ms: int,
    ) -> Iterator[tuple[Waiting, str, int]]:
        now_ms = self._clock.unix_ms()
        cents = unit_cents(self._plans.prices_at(month))
        is_over = month < month_of(now_ms)
        last_ms = (month_end_ms(month) if is_over else now_ms) - MINUTE_MS
        for place, meter in enumerate(METERS):
            number = 0
            for project_id in sorted(due):
                quantity = due[project_id][place] - sent.get(project_id, Used())[place]
                if quantity <= 0:
                    continue
                # A minute of its own, as long as there are some, and none before there was a subscription.
                at_ms = max(last_ms - last_ms % MINUTE_MS - number * MINUTE_MS, _minute_after(begun_ms))
                number += 1
                name = f"{project_id}:{meter}:{_hour_in(month, hour)}"
                yield (
                    Waiting(
                        name, organization_id, month, meter, quantity, at_ms, now_ms, f"{cents[meter]:f}"
                    ),
                    project_id,
                    place,
                )


def _last_hour(now_ms: int) -> str:
    """The one that ended last, as 2026-11-30T01."""
    at_ms = now_ms - HOUR_MS
    return f"{day_of(at_ms)}T{hour_of(at_ms)}"


def _hour_in(month: str, hour: str) -> str:
    """The hour's name in an identifier: of a month that is over its last one, and when that was found out."""
    if hour.startswith(month):
        return hour
    last_ms = month_end_ms(month) - HOUR_MS
    return f"{day_of(last_ms)}T{hour_of(last_ms)}+{hour}"


def _minute_after(at_ms: int) -> int:
    return at_ms + -at_ms % MINUTE_MS
