"""Usage that waits to be sent: stored in the transaction that settles it, kept for as long as Stripe is down, sent
once.

Stripe knows an identifier for a day. An event that is older than that when it is tried may have been counted without
our hearing of it: so each event of a customer and a meter has a minute of its own, which Stripe can be asked about.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import QuartzError, Unavailable
from quartzdb_platform.accounts import store
from quartzdb_platform.domain.calendar import HOUR_MS, month_end_ms, month_of
from quartzdb_platform.domain.catalogue import UNITS
from quartzdb_platform.payments import LateUsage, Payments, UsageEvent
from quartzdb_platform.ports import Delete, Document, DocumentTable, Put

logger = logging.getLogger(__name__)
KNOWN_MS = 22 * HOUR_MS
"""For how long Stripe surely knows an identifier, with something to spare."""
MINUTE_MS = 60_000
_PK = "USAGE-OUTBOX"
_PAGE = 100


@dataclass(frozen=True, slots=True)
class Waiting:
    """`queued_at_ms`: since when. `unit_cents`: what it costs by its month's prices, in case it comes too late."""

    identifier: str
    organization_id: str
    month: str
    meter: str
    quantity: int
    at_ms: int
    queued_at_ms: int
    unit_cents: str


def put_waiting(one: Waiting) -> Put:
    """What to add to the transaction that settles it."""
    return Put(_PK, one.identifier, asdict(one))


class UsageOutbox:
    """Any number of processes may send at once: both send the same."""

    def __init__(self, table: DocumentTable, payments: Payments, clock: Clock) -> None:
        self._table = table
        self._payments = payments
        self._clock = clock

    def waiting(self, limit: int = _PAGE) -> Sequence[Waiting]:
        """What waits, as far as one page goes."""
        return [Waiting(**document.body) for document in self._table.query(_PK, "", limit=limit)]

    def send(self) -> int:
        """Everything; how many. What is refused stays, and keeps nothing else from being sent. Raises Unavailable where
        Stripe is: then nothing is lost.
        """
        sent, after = 0, None
        late: dict[tuple[str, str], bool] = {}
        while found := self._table.query(_PK, "", limit=_PAGE, after=after):
            for document in found:
                try:
                    self._send(document, late)
                except Unavailable:
                    raise
                except QuartzError as error:
                    logger.error("The usage %s cannot be sent: %s", document.sk, error)
                    continue
                sent += self._table.transact([Delete(document.pk, document.sk, document.revision)])
            after = found[-1].sk
        return sent

    def _send(self, document: Document, late: dict[tuple[str, str], bool]) -> None:
        one = Waiting(**document.body)
        customer_id = store.organization_of(self._table, one.organization_id)[0].stripe_customer
        if customer_id is None:
            logger.error("The usage %s is of no customer, and is kept", one.identifier)
            raise _Kept("There is no customer.")
        if self._is_counted(one, customer_id):
            return
        if one.month < month_of(self._clock.unix_ms()):
            key = (customer_id, one.month)
            if key not in late:
                late[key] = not self._payments.takes_usage(customer_id, month_end_ms(one.month))
            if late[key]:
                self._payments.bill_late(
                    LateUsage(
                        one.identifier,
                        customer_id,
                        one.month,
                        UNITS[one.meter],
                        one.quantity,
                        Decimal(one.unit_cents),
                    )
                )
                return
        self._payments.report(UsageEvent(one.identifier, customer_id, one.meter, one.quantity, one.at_ms))

    def _is_counted(self, one: Waiting, customer_id: str) -> bool:
        """Whether Stripe has it, of an event that it may have and have forgotten the name of."""
        if self._clock.unix_ms() - one.queued_at_ms < KNOWN_MS:
            return False
        minute = one.at_ms - one.at_ms % MINUTE_MS
        return self._payments.reported(customer_id, one.meter, minute, minute + MINUTE_MS) >= one.quantity


class _Kept(QuartzError):
    """It waits for somebody."""

    code = "usage_without_customer"
