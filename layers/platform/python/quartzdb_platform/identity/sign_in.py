"""Signing in without a password: a code and a link by mail. Who has the mailbox is the account.

A code has eight digits, works once, for ten minutes, and after five wrong ones no more. A link works only in the
browser that asked for it. The first time makes the account, and nothing here tells whether there is one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from typing import NamedTuple

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Unauthenticated
from quartzdb_platform.domain.names import checked_email
from quartzdb_platform.domain.records import Credential, User
from quartzdb_platform.identity.attempts import Attempts, Rate
from quartzdb_platform.identity.credentials import Credentials
from quartzdb_platform.identity.people import People
from quartzdb_platform.mail import messages, waitlist_messages
from quartzdb_platform.ports import Change, Delete, Document, DocumentTable, Mailer, Put
from quartzdb_platform.transaction import change

CODE_MS = 10 * 60_000
CODE_DIGITS = 8
TRIES_MAX = 5
OF_ADDRESS = Rate(burst=20, seconds=30)
OF_EMAIL = Rate(burst=5, seconds=180)
VERIFY_OF_ADDRESS = Rate(burst=30, seconds=10)
HASH_COST = 2**14
"""Of scrypt: a code is short, so that its hash has to cost something. 16 MiB and some 40 ms."""
_SECRET_BYTES = 32


class SignedIn(NamedTuple):
    """A session that has begun, and its secret."""

    user: User
    session: Credential
    text: str


class SignIn:
    """Use cases of codes and links. `link_url` is a page's address; the link has the rest as its fragment."""

    def __init__(
        self,
        table: DocumentTable,
        credentials: Credentials,
        people: People,
        mailer: Mailer,
        clock: Clock,
        link_url: str,
        waitlist_url: str = "",
        *,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
        hash_cost: int = HASH_COST,
    ) -> None:
        self._table = table
        self._hash_cost = hash_cost
        self._credentials = credentials
        self._people = people
        self._mailer = mailer
        self._clock = clock
        self._link_url = link_url
        self._waitlist_url = waitlist_url
        self._random_bytes = random_bytes
        self._attempts = Attempts(table, clock)

    def begin(self, email: str, address: str) -> str:
        """Send a code. Returns what the browser that asked keeps. Raises InvalidArgument, TooManyAttempts,
        Undeliverable, Unavailable; then nothing is changed.
        """
        email = checked_email(email)
        self._attempts.count("signing in from one address", address, OF_ADDRESS)
        self._attempts.count("codes for one e-mail address", email, OF_EMAIL)
        code = f"{int.from_bytes(self._random_bytes(16)) % 10**CODE_DIGITS:0{CODE_DIGITS}d}"
        link, browser = self._random_bytes(_SECRET_BYTES).hex(), self._random_bytes(_SECRET_BYTES).hex()
        salt = self._random_bytes(16)
        expires_at_ms = self._clock.unix_ms() + CODE_MS
        body = {
            "salt": salt.hex(),
            "code": self._slow_hash(code, salt),
            "link": _hash(link),
            "browser": _hash(browser),
            "tries": 0,
            "expires_at_ms": expires_at_ms,
        }
        pk = _pk(email)

        def decide() -> tuple[None, Sequence[Change]]:
            before = self._table.get(pk, "code")
            return None, [Put(pk, "code", body, before.revision if before else None, expires_at_ms)]

        # Encoded, so that the code is the only number in the mail.
        named = base64.urlsafe_b64encode(email.encode()).decode().rstrip("=")
        url = f"{self._link_url}#sign-in={named}.{link}"
        mail = messages.sign_in(email, code, url, CODE_MS // 60_000)
        if self._people.known(email) is None and not self._people.admission.admits(email):
            # All else is as with a code, so that only the mailbox learns that there is no account.
            mail = waitlist_messages.by_invitation(email, self._waitlist_url)
        # Before it is stored: where no mail can be sent, the code that was sent before stays good.
        self._mailer.send(mail)
        change(self._table, decide)
        return browser

    def by_code(self, email: str, code: str, address: str) -> SignedIn:
        """Raises InvalidArgument, Unauthenticated, TooManyAttempts."""
        email = checked_email(email)
        self._attempts.count("codes from one address", address, VERIFY_OF_ADDRESS)
        sent = self._counted(email)
        given = self._slow_hash("".join(code.split()), bytes.fromhex(sent.body["salt"]))
        return self._begin_session(email, sent, given, sent.body["code"])

    def by_link(self, email: str, link: str, browser: str, address: str) -> SignedIn:
        """Wrong codes do not use a link up: nobody guesses it. Raises as `by_code`."""
        email = checked_email(email)
        self._attempts.count("codes from one address", address, VERIFY_OF_ADDRESS)
        sent = self._sent(email)
        expected = sent.body["link"] + sent.body["browser"]
        return self._begin_session(email, sent, _hash(link) + _hash(browser), expected)

    def _begin_session(self, email: str, sent: Document, given: str, expected: str) -> SignedIn:
        if not hmac.compare_digest(given, expected):
            raise _refused()

        def decide() -> tuple[SignedIn, Sequence[Change]]:
            present = self._table.get(sent.pk, sent.sk)
            if present is None or present.body["salt"] != sent.body["salt"]:
                raise _refused()  # it was used, or a newer one took its place
            user, made = self._people.holder(email)
            session, text, begun = self._credentials.new_session(user.id)
            used = Delete(present.pk, present.sk, present.revision)
            return SignedIn(user, session, text), [used, *made, *begun]

        return change(self._table, decide)

    def _sent(self, email: str) -> Document:
        """What was mailed there last. Raises Unauthenticated."""
        found = self._table.get(_pk(email), "code")
        if found is None or found.body["expires_at_ms"] <= self._clock.unix_ms():
            raise _refused()
        return found

    def _counted(self, email: str) -> Document:
        """The same, with this try counted before it is looked at."""

        def decide() -> tuple[Document, Sequence[Change]]:
            found = self._sent(email)
            tries = found.body["tries"] + 1
            if tries > TRIES_MAX:
                raise _refused()
            body = {**found.body, "tries": tries}
            return found, [Put(found.pk, found.sk, body, found.revision, found.expires_at_ms)]

        return change(self._table, decide)

    def _slow_hash(self, code: str, salt: bytes) -> str:
        return hashlib.scrypt(code.encode(), salt=salt, n=self._hash_cost, r=8, p=1).hex()


def _refused() -> Unauthenticated:
    return Unauthenticated(
        "This code or link is wrong, was used, or has ended.",
        hint="Ask for a new one: POST /platform/v1/sign-in.",
    )


def _pk(email: str) -> str:
    return f"SIGN_IN#{email}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
