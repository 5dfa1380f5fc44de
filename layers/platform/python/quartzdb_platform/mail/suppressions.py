"""Addresses that mail is not sent to: it came back for good, or its holder called it unwanted.

Sending there again would cost the good name of all other mail. After three months it is tried once more.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import InvalidArgument
from quartzdb_platform.domain.errors import Undeliverable
from quartzdb_platform.domain.names import checked_email
from quartzdb_platform.ports import Delete, DocumentTable, Mail, Mailer, Put
from quartzdb_platform.transaction import change

SUPPRESSED_MS = 90 * 24 * 3_600_000


class Suppressed(StrEnum):
    """Why nothing is sent there."""

    BOUNCE = "bounce"
    COMPLAINT = "complaint"


_SAID = {
    Suppressed.BOUNCE: "Mail to this address came back: there is no such mailbox, or it takes none.",
    Suppressed.COMPLAINT: "Mail to this address was reported as unwanted, so none is sent there.",
}


class Suppressions:
    """One instance serves everybody. Addresses are kept as hashes: whose they are, nobody needs to know."""

    def __init__(self, table: DocumentTable, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    def add(self, address: str, why: Suppressed) -> bool:
        """From now on. Whether it is an address at all: what a server tells can be anything."""
        try:
            pk = _pk(checked_email(address))
        except InvalidArgument:
            return False
        ends_ms = self._clock.unix_ms() + SUPPRESSED_MS

        def decide() -> tuple[bool, list[Put]]:
            found = self._table.get(pk, "suppression")
            body = {"why": why.value, "expires_at_ms": ends_ms}
            return True, [Put(pk, "suppression", body, found.revision if found else None, ends_ms)]

        return change(self._table, decide)

    def lift(self, address: str) -> Suppressed | None:
        """Send there again from now on; why nothing was sent, None where nothing stood against it. Raises
        InvalidArgument.
        """
        pk = _pk(checked_email(address))

        def decide() -> tuple[Suppressed | None, list[Delete]]:
            found = self._table.get(pk, "suppression")
            if found is None:
                return None, []
            stands = found.body["expires_at_ms"] > self._clock.unix_ms()
            why = Suppressed(found.body["why"]) if stands else None
            return why, [Delete(found.pk, found.sk, found.revision)]

        return change(self._table, decide)

    def require_none(self, address: str) -> None:
        """Raises Undeliverable."""
        found = self._table.get(_pk(address), "suppression")
        if found is not None and found.body["expires_at_ms"] > self._clock.unix_ms():
            raise Undeliverable(_SAID[Suppressed(found.body["why"])], for_good=True)


class SuppressingMailer:
    """Mailer that sends nothing to who is suppressed, and suppresses whom a server refuses for good."""

    def __init__(self, mailer: Mailer, suppressions: Suppressions) -> None:
        self._mailer = mailer
        self._suppressions = suppressions

    def send(self, mail: Mail) -> None:
        """Raises Undeliverable, Unavailable."""
        self._suppressions.require_none(mail.to)
        try:
            self._mailer.send(mail)
        except Undeliverable as error:
            if error.for_good:
                self._suppressions.add(mail.to, Suppressed.BOUNCE)
            raise


def _pk(address: str) -> str:
    return f"SUPPRESSION#{hashlib.sha256(address.encode()).hexdigest()}"
