"""Accounts of persons: one for each e-mail address, made when its holder first proves to have it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict

from quartzdb.domain.clock import Clock
from quartzdb_platform.domain.ids import new_id
from quartzdb_platform.domain.records import User
from quartzdb_platform.identity.admission import Admission
from quartzdb_platform.ports import Change, DocumentTable, Put


class People:
    """One instance serves everybody."""

    def __init__(
        self,
        table: DocumentTable,
        clock: Clock,
        admission: Admission | None = None,
        *,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._table = table
        self._clock = clock
        self.admission = admission or Admission(table, clock)
        self._random_bytes = random_bytes

    def known(self, email: str) -> User | None:
        """Whose address this is."""
        listed = self._table.get(f"EMAIL#{email}", "user")
        return None if listed is None else self.get(listed.body["user_id"])

    def get(self, user_id: str) -> User | None:
        """The account."""
        found = self._table.get(f"USER#{user_id}", "user")
        return None if found is None else User(**found.body)

    def holder(self, email: str) -> tuple[User, Sequence[Change]]:
        """Whoever proved to have the address, and the changes that make the account, if there is none yet.

        Raises Forbidden where there is none, and accounts are by invitation.
        """
        known = self.known(email)
        if known is not None:
            return known, ()
        entered = self.admission.enter(email)
        now_ms = self._clock.unix_ms()
        user = User(new_id("usr", now_ms, self._random_bytes), email, now_ms)
        return user, [
            Put(f"EMAIL#{email}", "user", {"user_id": user.id}),
            Put(f"USER#{user.id}", "user", asdict(user)),
            *entered,
        ]
