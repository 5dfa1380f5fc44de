"""Who may have an account: everybody, or who was invited. Whoever has one keeps it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Forbidden
from quartzdb_platform.ports import Change, Delete, Document, DocumentTable, Put


class Admission:
    """One instance serves everybody. `is_open`: nobody needs an invitation."""

    def __init__(self, table: DocumentTable, clock: Clock, *, is_open: bool = True) -> None:
        self._table = table
        self._clock = clock
        self.is_open = is_open

    def admit(self, email: str, until_ms: int, forgets: tuple[str, str] | None = None) -> Sequence[Change]:
        """The change by which the address may have an account made until then; never shorter than before.

        `forgets`: the document that is of no more use once there is one.
        """
        found = self._table.get(*_key(email))
        ends_ms = max(until_ms, found.body["until_ms"]) if found else until_ms
        return (
            Put(
                *_key(email),
                {"until_ms": ends_ms, "forgets": forgets or (found.body.get("forgets") if found else None)},
                found.revision if found else None,
                ends_ms,
            ),
        )

    def admits(self, email: str) -> bool:
        """Whether an account may be made."""
        return self.is_open or self._good(email) is not None

    def enter(self, email: str) -> Sequence[Change]:
        """What to change beside making the account. Raises Forbidden."""
        good = self._good(email)
        if good is None and not self.is_open:
            raise Forbidden(
                "Accounts are by invitation for now, and this address has none that is good.",
                hint="Join the waiting list: POST /platform/v1/waitlist.",
            )
        if good is None:
            return ()
        forgotten = self._table.get(*good.body["forgets"]) if good.body.get("forgets") else None
        return [Delete(one.pk, one.sk, one.revision) for one in (good, forgotten) if one is not None]

    def _good(self, email: str) -> Document | None:
        found = self._table.get(*_key(email))
        return found if found is not None and found.body["until_ms"] > self._clock.unix_ms() else None


def _key(email: str) -> tuple[str, str]:
    return f"ADMISSION#{hashlib.sha256(email.encode()).hexdigest()}", "admission"
