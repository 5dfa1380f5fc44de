"""Links that sign in once: whoever can read what the server prints, or run a command beside it, may use its console."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Unauthenticated
from quartzdb_platform.domain.records import Credential
from quartzdb_platform.identity.credentials import Credentials
from quartzdb_platform.ports import Change, Delete, DocumentTable, Put
from quartzdb_platform.transaction import change

LINK_MS = 60 * 60_000
USER = "local"
"""The only person that there is."""
_SECRET_BYTES = 32


class Links:
    """One instance serves everybody. Of a link only its hash is kept."""

    def __init__(
        self,
        table: DocumentTable,
        clock: Clock,
        *,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._table = table
        self._clock = clock
        self._random_bytes = random_bytes
        self._credentials = Credentials(table, clock, random_bytes=random_bytes)

    def create(self) -> str:
        """The secret of a link. Raises Unavailable."""
        text = self._random_bytes(_SECRET_BYTES).hex()
        ends_ms = self._clock.unix_ms() + LINK_MS
        change(self._table, lambda: (None, [Put(_pk(text), "link", {"ends_at_ms": ends_ms}, None, ends_ms)]))
        return text

    def redeem(self, text: str) -> tuple[Credential, str]:
        """The session that it begins, and the session's secret. Raises Unauthenticated for a link that was used or has
        ended.
        """
        session, session_text, puts = self._credentials.new_session(USER)

        def decide() -> tuple[None, Sequence[Change]]:
            found = self._table.get(_pk(text), "link")
            if found is None or found.body["ends_at_ms"] <= self._clock.unix_ms():
                raise Unauthenticated(
                    "This link was used, or has ended.", hint="Another one: quartzdb console-link"
                )
            return None, [Delete(found.pk, found.sk, found.revision), *puts]

        change(self._table, decide)
        return session, session_text


def _pk(text: str) -> str:
    return f"LINK#{hashlib.sha256(text.encode()).hexdigest()}"
