"""Use cases of the waiting list: join, prove the address, and be invited in the order in which people came.

No answer tells whether somebody waits, was invited, or has an account: what is so is mailed to the address.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import NamedTuple

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import NotFound, Unauthenticated
from quartzdb_platform.domain.errors import Undeliverable
from quartzdb_platform.domain.names import checked_email
from quartzdb_platform.domain.waiting import Waiting, WaitingStatus
from quartzdb_platform.identity.admission import Admission
from quartzdb_platform.identity.attempts import Attempts, Rate
from quartzdb_platform.identity.people import People
from quartzdb_platform.mail import waitlist_messages
from quartzdb_platform.ports import Change, Delete, Document, DocumentTable, Mailer, Put
from quartzdb_platform.transaction import change

CONFIRM_MS = 24 * 3_600_000
INVITED_MS = 14 * 24 * 3_600_000
OF_ADDRESS = Rate(burst=20, seconds=30)
OF_EMAIL = Rate(burst=3, seconds=600)
BATCH_MAX = 1_000
_PK = "WAITLIST"
_DAY_MS = 24 * 3_600_000
_INVITED_KEPT_MS = 90 * _DAY_MS


class Invited(NamedTuple):
    """What became of a batch."""

    invited: Sequence[str]
    undeliverable: Sequence[str]


class Waitlist:
    """One instance serves everybody. `page_url` is a page's; a link has the rest as its fragment."""

    def __init__(
        self,
        table: DocumentTable,
        people: People,
        admission: Admission,
        mailer: Mailer,
        clock: Clock,
        page_url: str,
        sign_in_url: str,
        *,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._table = table
        self._people = people
        self._admission = admission
        self._mailer = mailer
        self._clock = clock
        self._page_url = page_url
        self._sign_in_url = sign_in_url
        self._random_bytes = random_bytes
        self._attempts = Attempts(table, clock)

    def join(self, email: str, address: str) -> None:
        """Mail what is so: a link to confirm, or where one stands. Raises InvalidArgument, TooManyAttempts,
        Undeliverable, Unavailable; then nothing is changed.
        """
        email = checked_email(email)
        self._attempts.count("joining the waiting list from one address", address, OF_ADDRESS)
        self._attempts.count("joining the waiting list with one e-mail address", email, OF_EMAIL)
        now_ms, found = self._clock.unix_ms(), self._table.get(*_key(email))
        entry = None if found is None else waiting_of(found)
        if self._people.known(email) is not None or self._admission.admits(email):
            self._mailer.send(waitlist_messages.welcome(email, self._sign_in_url))
            return
        if entry is not None and entry.status is WaitingStatus.WAITING:
            self._mailer.send(waitlist_messages.waiting(email))
            return
        secret = self._random_bytes(32).hex()
        asked = Waiting(
            email, WaitingStatus.ASKED, now_ms, ends_at_ms=now_ms + CONFIRM_MS, secret=_hash(secret)
        )
        named = base64.urlsafe_b64encode(email.encode()).decode().rstrip("=")
        link = f"{self._page_url}#waitlist={named}.{secret}"
        self._mailer.send(waitlist_messages.confirm(email, link, CONFIRM_MS // 3_600_000))

        def decide() -> tuple[None, Sequence[Change]]:
            present = self._table.get(*_key(email))
            if present is not None and waiting_of(present).status is WaitingStatus.WAITING:
                return None, ()
            return None, [_put(asked, present)]

        change(self._table, decide)

    def confirm(self, email: str, secret: str, address: str) -> None:
        """The address is proven: from now on it waits. Raises InvalidArgument, Unauthenticated, TooManyAttempts."""
        email = checked_email(email)
        self._attempts.count("joining the waiting list from one address", address, OF_ADDRESS)

        def decide() -> tuple[None, Sequence[Change]]:
            found = self._table.get(*_key(email))
            entry = None if found is None else waiting_of(found)
            now_ms = self._clock.unix_ms()
            if found is None or entry is None or not hmac.compare_digest(entry.secret, _hash(secret)):
                raise _refused()
            if entry.status is not WaitingStatus.ASKED:
                return None, ()  # opened twice
            if entry.ends_at_ms <= now_ms:
                raise _refused()
            waits = replace(entry, status=WaitingStatus.WAITING, waits_since_ms=now_ms)
            return None, [_put(waits, found), Put(_PK, _place(waits), {"email": email})]

        change(self._table, decide)

    def waiting(self, limit: int = BATCH_MAX) -> Sequence[Waiting]:
        """Those that wait with an address that is proven, the oldest first."""
        return list(self._queue(limit))

    def invite(self, count: int) -> Invited:
        """Mail so many of those that came first that they may have an account. Raises Unavailable, and then whoever was
        mailed before is invited, and nobody twice.
        """
        invited, undeliverable = [], []
        for entry in self._queue(min(count, BATCH_MAX)):
            try:
                self._mail_invitation(entry.email)
            except Undeliverable:
                self._leave_queue(entry, WaitingStatus.UNDELIVERABLE)
                undeliverable.append(entry.email)
                continue
            self._leave_queue(entry, WaitingStatus.INVITED)
            invited.append(entry.email)
        return Invited(invited, undeliverable)

    def invite_again(self, email: str) -> None:
        """Whoever was invited, for another while. Raises InvalidArgument, NotFound, Undeliverable, Unavailable."""
        email = checked_email(email)
        found = self._table.get(*_key(email))
        if found is None or waiting_of(found).status not in {
            WaitingStatus.INVITED,
            WaitingStatus.UNDELIVERABLE,
        }:
            raise NotFound(f"{email} was not invited.", hint="See who waits: quartzdb platform waitlist list")
        self._mail_invitation(email)
        self._leave_queue(waiting_of(found), WaitingStatus.INVITED)

    def _mail_invitation(self, email: str) -> None:
        self._mailer.send(waitlist_messages.invited(email, self._sign_in_url, INVITED_MS // _DAY_MS))

    def _leave_queue(self, entry: Waiting, status: WaitingStatus) -> None:
        ends_ms = self._clock.unix_ms() + INVITED_MS

        def decide() -> tuple[None, Sequence[Change]]:
            found = self._table.get(*_key(entry.email))
            place = self._table.get(_PK, _place(entry)) if entry.waits_since_ms is not None else None
            changed = replace(entry, status=status, ends_at_ms=ends_ms)
            left: list[Change] = [_put(changed, found)]
            if place is not None:
                left.append(Delete(place.pk, place.sk, place.revision))
            if status is WaitingStatus.INVITED:
                left.extend(self._admission.admit(entry.email, ends_ms, _key(entry.email)))
            return None, left

        change(self._table, decide)

    def _queue(self, limit: int) -> Iterator[Waiting]:
        for place in self._table.query(_PK, "place#", limit=limit):
            found = self._table.get(*_key(place.body["email"]))
            if found is not None:
                yield waiting_of(found)


def waiting_of(document: Document) -> Waiting:
    """The value of an entry."""
    return Waiting(**{**document.body, "status": WaitingStatus(document.body["status"])})


def _put(entry: Waiting, before: Document | None) -> Put:
    """Who waits is kept; whoever does not prove the address is forgotten, and after a while who was invited."""
    kept_ms = {WaitingStatus.ASKED: 0, WaitingStatus.WAITING: None}.get(entry.status, _INVITED_KEPT_MS)
    ends_ms = None if kept_ms is None else entry.ends_at_ms + kept_ms
    return Put(*_key(entry.email), asdict(entry), before.revision if before else None, ends_ms)


def _place(entry: Waiting) -> str:
    return f"place#{entry.waits_since_ms or 0:015d}#{_hash(entry.email)}"


def _key(email: str) -> tuple[str, str]:
    return f"WAITING#{_hash(email)}", "waiting"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _refused() -> Unauthenticated:
    return Unauthenticated(
        "This link is wrong, or has ended.", hint="Join again: POST /platform/v1/waitlist."
    )
