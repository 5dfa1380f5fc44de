"""Mails that must not be missed: stored in the transaction of what they tell of, and sent until they are.

Whoever is told twice, because a send was cut short, is told the same.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Unavailable
from quartzdb_platform.accounts import store
from quartzdb_platform.domain.permissions import Role
from quartzdb_platform.ports import Delete, DocumentTable, Mail, Mailer, Put

logger = logging.getLogger(__name__)
_PK = "NOTICES"
_AT_ONCE = 100


def owners_of(table: DocumentTable, organization_id: str) -> Sequence[str]:
    """The addresses of its owners."""
    seats = table.query(store.organization_pk(organization_id), "member#", limit=store.LISTED_MAX)
    return [seat.body["email"] for seat in seats if seat.body["role"] == Role.OWNER]


def noted(mails: Sequence[Mail], now_ms: int) -> Sequence[Put]:
    """What to add to a transaction, so that whoever sends mail finds it."""
    return [Put(_PK, f"{now_ms:015d}#{secrets.token_hex(8)}", {**mail._asdict()}) for mail in mails]


class Notices:
    """One instance serves everybody."""

    def __init__(self, table: DocumentTable, mailer: Mailer, clock: Clock) -> None:
        self._table = table
        self._mailer = mailer
        self._clock = clock

    def put(self, mails: Sequence[Mail]) -> Sequence[Put]:
        """What to add to the transaction: a document for each mail."""
        return noted(mails, self._clock.unix_ms())

    def send_all(self) -> None:
        """Send what waits. Raises Unavailable where that does not go; the rest is tried all the same."""
        failed: Unavailable | None = None
        after = None
        while found := self._table.query(_PK, "", limit=_AT_ONCE, after=after):
            for document in found:
                try:
                    self._mailer.send(Mail(**document.body))
                except Unavailable as error:
                    failed = error
                    continue
                self._table.transact([Delete(document.pk, document.sk, document.revision)])
            after = found[-1].sk
        if failed is not None:
            raise failed

    def send_soon(self) -> None:
        """The same for whoever need not wait for it: what does not go now is sent by the scheduled pass."""
        try:
            self.send_all()
        except Unavailable as error:
            logger.warning("A mail will be sent later: %s", error)
