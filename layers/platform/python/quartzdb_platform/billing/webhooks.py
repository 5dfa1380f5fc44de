"""Takes what Stripe sends: stores it by its id, notes whom it is about, and has them read again.

What an event says is not believed beyond that: the object is read from Stripe, so that order, repetition and replays
for days make no difference. A storm is one note for each customer, and at most one reading in READ_APART_MS by
requests; the rest is upkeep's.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import InvalidArgument, NotFound, Unavailable
from quartzdb_platform.billing.due import DueCustomers
from quartzdb_platform.billing.signature import require_signature
from quartzdb_platform.domain.calendar import DAY_MS
from quartzdb_platform.ports import Change, DocumentTable, Put
from quartzdb_platform.transaction import change

logger = logging.getLogger(__name__)
KEPT_DAYS = 40
"""Stripe tries for three days, and shows events for thirty."""
READ_APART_MS = 2_000
_KINDS = ("customer.", "checkout.session.", "invoice.", "payment_method.", "subscription_schedule.")
_ID_CHARACTERS_MAX = 255


class Event(NamedTuple):
    """What of an event is gone by."""

    id: str
    kind: str
    customer_id: str | None


class Webhooks:
    """`secrets` gives those that endpoints sign with, or raises Unavailable; none: nothing is taken."""

    def __init__(
        self, table: DocumentTable, due: DueCustomers, secrets: Callable[[], Sequence[str]], clock: Clock
    ) -> None:
        self._table = table
        self._due = due
        self._secrets = secrets
        self._clock = clock

    def take(self, payload: bytes, signature: str) -> bool:
        """Store an event; whether it is a new one. Once this returned it is not lost. Raises NotFound, InvalidArgument,
        Unavailable.
        """
        secrets = self._secrets()
        if not secrets:
            raise NotFound("This deployment takes no webhooks.", hint="Its operator sets the signing secret.")
        require_signature(payload, signature, secrets, self._clock.unix_ms())
        event = _event(payload)
        is_new = change(self._table, lambda: self._stored(event))
        if event.customer_id is not None and is_new and self._may_read(event.customer_id):
            self._due.run_one(event.customer_id)
        return is_new

    def _stored(self, event: Event) -> tuple[bool, Sequence[Change]]:
        now_ms = self._clock.unix_ms()
        place = (f"STRIPE-EVENT#{event.id}", "event")
        if self._table.get(*place) is not None:
            return False, ()
        body = {"kind": event.kind, "customer_id": event.customer_id, "at_ms": now_ms}
        stored = Put(*place, body, None, now_ms + KEPT_DAYS * DAY_MS)
        return True, [stored, *([self._due.noted(event.customer_id)] if event.customer_id else [])]

    def _may_read(self, customer_id: str) -> bool:
        """Whether a request may read this customer now: one in so long a time does."""
        now_ms = self._clock.unix_ms()
        place = (f"STRIPE-CUSTOMER#{customer_id}", "read-by-request")
        found = self._table.get(*place)
        if found is not None and 0 <= now_ms - found.body["at_ms"] < READ_APART_MS:
            return False
        try:
            revision = None if found is None else found.revision
            return self._table.transact([Put(*place, {"at_ms": now_ms}, revision, now_ms + DAY_MS)])
        except Unavailable as error:
            logger.warning("The customer %s is read later: %s", customer_id, error)
            return False


def _event(payload: bytes) -> Event:
    """Raises InvalidArgument. It was signed, so that what is wrong with it is no attack."""
    try:
        document: Any = json.loads(payload)
        event_id, kind, about = document["id"], document["type"], document["data"]["object"]
        customer = about["id"] if about.get("object") == "customer" else about.get("customer")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidArgument(
            "This is no event of Stripe's.", hint="Send API events, with whole objects."
        ) from error
    if isinstance(customer, dict):
        customer = customer.get("id")
    if not isinstance(event_id, str) or not isinstance(kind, str) or len(event_id) > _ID_CHARACTERS_MAX:
        raise InvalidArgument("This is no event of Stripe's.", field="id")
    relevant = (
        kind.startswith(_KINDS) and isinstance(customer, str) and 0 < len(customer) <= _ID_CHARACTERS_MAX
    )
    return Event(event_id, kind, customer if relevant else None)
