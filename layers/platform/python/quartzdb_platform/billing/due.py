"""Which customers have to be read again: noted before anything is done, once however often it is said, and tried until
it was done.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import QuartzError
from quartzdb_platform.ports import Change, Delete, Document, DocumentTable, Put

logger = logging.getLogger(__name__)
FIRST_WAIT_MS = 15_000
LONGEST_WAIT_MS = 3_600_000
_PK = "BILLING-DUE"
_PAGE = 100


class DueCustomers:
    """`read`: what is done of a customer. Any number of processes may work at once: what is noted again in the meantime
    stays noted.
    """

    def __init__(self, table: DocumentTable, clock: Clock, read: Callable[[str], object]) -> None:
        self._table = table
        self._clock = clock
        self._read = read

    def noted(self, customer_id: str) -> Change:
        """What to add to a transaction after which a customer has to be read."""
        found = self._table.get(_PK, customer_id)
        body = {"attempts": 0, "not_before_ms": 0}
        return Put(_PK, customer_id, body, None if found is None else found.revision)

    def run_one(self, customer_id: str) -> bool:
        """Read it where it is noted and its time has come; whether it is done. Never raises for what Stripe does."""
        found = self._table.get(_PK, customer_id)
        return found is None or self._tried(found)

    def run_all(self, _now_ms: int = 0) -> int:
        """A step of upkeep: everything whose time has come; how many were done."""
        done, after = 0, None
        while found := self._table.query(_PK, "", limit=_PAGE, after=after):
            done += sum(self._tried(document) for document in found)
            after = found[-1].sk
        return done

    def waiting(self) -> Sequence[str]:
        """Customers that are noted, as far as one page goes."""
        return [document.sk for document in self._table.query(_PK, "", limit=_PAGE)]

    def _tried(self, document: Document) -> bool:
        now_ms = self._clock.unix_ms()
        if document.body["not_before_ms"] > now_ms:
            return False
        try:
            self._read(document.sk)
        except QuartzError as error:
            attempts = document.body["attempts"] + 1
            wait_ms = min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** min(attempts - 1, 20))
            logger.warning("The customer %s is read later (%d): %s", document.sk, attempts, error)
            body = {"attempts": attempts, "not_before_ms": now_ms + wait_ms}
            # Where it was noted anew in the meantime, that stands.
            self._table.transact([Put(document.pk, document.sk, body, document.revision)])
            return False
        return self._table.transact([Delete(document.pk, document.sk, document.revision)])
