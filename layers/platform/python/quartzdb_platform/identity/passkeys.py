"""Use cases of passkeys: make, list, rename, remove; sign in with one, and show again who one is.

Whoever signs in with one has the authenticator and unlocked it, which is two factors. Its user is told by mail before a
passkey comes or goes.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Conflict, InvalidArgument, NotFound, Unauthenticated
from quartzdb_platform.domain.errors import LimitReached
from quartzdb_platform.domain.ids import new_id
from quartzdb_platform.domain.names import checked_name
from quartzdb_platform.domain.passkey import PASSKEYS_MAX, Passkey, RelyingParty
from quartzdb_platform.domain.records import Credential, User
from quartzdb_platform.identity import ceremonies
from quartzdb_platform.identity.attempts import Attempts, Rate
from quartzdb_platform.identity.challenges import Challenges
from quartzdb_platform.identity.credentials import Credentials
from quartzdb_platform.identity.sign_in import SignedIn
from quartzdb_platform.mail import passkey_messages
from quartzdb_platform.ports import Change, Delete, Document, DocumentTable, Mailer, Put
from quartzdb_platform.transaction import change

logger = logging.getLogger(__name__)
OF_ADDRESS = Rate(burst=30, seconds=10)
OF_PERSON = Rate(burst=20, seconds=60)
_REGISTER, _SIGN_IN, _STEP_UP = "passkey", "passkey-sign-in", "passkey-step-up"


class Passkeys:
    """One instance serves everybody."""

    def __init__(
        self,
        table: DocumentTable,
        credentials: Credentials,
        challenges: Challenges,
        mailer: Mailer,
        clock: Clock,
        site: RelyingParty,
        *,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._table = table
        self._credentials = credentials
        self._challenges = challenges
        self._mailer = mailer
        self._clock = clock
        self._site = site
        self._random_bytes = random_bytes
        self._attempts = Attempts(table, clock)

    def list(self, user: User) -> Sequence[Passkey]:
        """The oldest first."""
        found = self._table.query(f"USER#{user.id}", "passkey#", limit=PASSKEYS_MAX + 1)
        return [Passkey(**document.body) for document in found]

    def registration(self, user: User, session: Credential) -> dict[str, Any]:
        """Options for the browser. Raises StepUpRequired, LimitReached, TooManyAttempts."""
        self._credentials.require_fresh(session)
        self._attempts.count("passkeys of one person", user.id, OF_PERSON)
        present = self._room(user)
        challenge = self._challenges.give(_REGISTER, session.id)
        return ceremonies.registration_options(self._site, user, challenge, present)

    def register(self, user: User, session: Credential, name: str, credential: dict[str, Any]) -> Passkey:
        """Keep what the browser answered. Raises InvalidArgument, StepUpRequired, Conflict, LimitReached."""
        name = checked_name(name)
        self._credentials.require_fresh(session)
        challenge = self._used(_REGISTER, credential, session.id)
        made = ceremonies.verified_registration(self._site, credential, challenge)
        now_ms = self._clock.unix_ms()
        passkey = Passkey(
            new_id("psk", now_ms, self._random_bytes),
            user.id,
            name,
            made.credential_id,
            made.public_key,
            made.sign_count,
            made.backed_up,
            now_ms,
        )
        by_credential = _by_credential(made.credential_id)
        self._room(user)
        if self._table.get(*by_credential) is not None:
            raise _known()
        self._mailer.send(passkey_messages.passkey_added(user.email, name))

        def decide() -> tuple[Passkey, Sequence[Change]]:
            self._room(user)
            if self._table.get(*by_credential) is not None:
                raise _known()
            whose = {"user_id": user.id, "passkey_id": passkey.id}
            return passkey, [Put(*by_credential, whose), Put(*_key(user.id, passkey.id), asdict(passkey))]

        return change(self._table, decide)

    def rename(self, user: User, passkey_id: str, name: str) -> Passkey:
        """Raises InvalidArgument, NotFound."""
        name = checked_name(name)

        def decide() -> tuple[Passkey, Sequence[Change]]:
            found = self._found(user, passkey_id)
            renamed = replace(Passkey(**found.body), name=name)
            return renamed, [Put(found.pk, found.sk, asdict(renamed), found.revision)]

        return change(self._table, decide)

    def remove(self, user: User, session: Credential, passkey_id: str) -> None:
        """Raises NotFound, StepUpRequired. Sessions that began with it go on."""
        self._credentials.require_fresh(session)
        passkey = Passkey(**self._found(user, passkey_id).body)
        self._mailer.send(passkey_messages.passkey_removed(user.email, passkey.name))

        def decide() -> tuple[None, Sequence[Change]]:
            found = self._found(user, passkey_id)
            by_credential = self._table.get(*_by_credential(passkey.credential_id))
            gone: list[Change] = [Delete(found.pk, found.sk, found.revision)]
            if by_credential is not None:
                gone.append(Delete(by_credential.pk, by_credential.sk, by_credential.revision))
            return None, gone

        change(self._table, decide)

    def forget(self, user: User) -> None:
        """Drop all of somebody who leaves."""
        for passkey in self.list(user):

            def decide(passkey: Passkey = passkey) -> tuple[None, Sequence[Change]]:
                places = (_key(user.id, passkey.id), _by_credential(passkey.credential_id))
                found = (self._table.get(*place) for place in places)
                return None, [Delete(one.pk, one.sk, one.revision) for one in found if one is not None]

            change(self._table, decide)

    def begin_sign_in(self, address: str) -> tuple[dict[str, Any], str]:
        """Options, the same for everybody, and what the browser that asked keeps. Raises TooManyAttempts."""
        self._attempts.count("signing in with passkeys from one address", address, OF_ADDRESS)
        browser = self._random_bytes(32).hex()
        challenge = self._challenges.give(_SIGN_IN, browser)
        return ceremonies.assertion_options(self._site, challenge), browser

    def sign_in(self, credential: dict[str, Any], browser: str, address: str) -> SignedIn:
        """Raises Unauthenticated, InvalidArgument for what is no answer, TooManyAttempts."""
        self._attempts.count("signing in with passkeys from one address", address, OF_ADDRESS)
        challenge = self._used(_SIGN_IN, credential, browser)
        return self._begin_session(credential, challenge, None)

    def begin_step_up(self, user: User, session: Credential) -> dict[str, Any]:
        """Options for showing again who one is. Raises NotFound for who has no passkey, TooManyAttempts."""
        self._attempts.count("passkeys of one person", user.id, OF_PERSON)
        mine = self.list(user)
        if not mine:
            raise NotFound("You have no passkey.", hint="Sign in again with a code, or add a passkey.")
        challenge = self._challenges.give(_STEP_UP, session.id)
        return ceremonies.assertion_options(self._site, challenge, mine)

    def step_up(self, session: Credential, credential: dict[str, Any]) -> SignedIn:
        """A session in the place of the one that asks, which ends. Raises as `sign_in`."""
        self._attempts.count("passkeys of one person", session.user_id, OF_PERSON)
        challenge = self._used(_STEP_UP, credential, session.id)
        return self._begin_session(credential, challenge, session)

    def _begin_session(
        self, credential: dict[str, Any], challenge: bytes, before: Credential | None
    ) -> SignedIn:
        shown = ceremonies.shown_by(credential)

        def decide() -> tuple[SignedIn, Sequence[Change]]:
            whose = self._table.get(*_by_credential(shown.credential_id))
            user_id = whose.body["user_id"] if whose else ""
            found = self._table.get(*_key(user_id, whose.body["passkey_id"])) if whose else None
            known = self._table.get(f"USER#{user_id}", "user") if whose else None
            expected = user_id if before is None else before.user_id
            if found is None or known is None or expected != user_id or shown.user_id not in {None, user_id}:
                raise _unknown()
            passkey = Passkey(**found.body)
            try:
                count = ceremonies.verified_count(self._site, credential, challenge, passkey)
            except InvalidArgument as error:
                logger.warning("passkey %s was refused: %s", passkey.id, error.message)
                raise _unknown() from error
            used = replace(passkey, sign_count=count, used_at_ms=self._clock.unix_ms())
            session, text, begun = self._credentials.new_session(user_id)
            ended = [] if before is None else self._credentials.end(before.id, user_id)
            # By revision, so that of two answers with one count only one is taken.
            counted = Put(found.pk, found.sk, asdict(used), found.revision)
            return SignedIn(User(**known.body), session, text), [counted, *begun, *ended]

        return change(self._table, decide)

    def _used(self, purpose: str, credential: dict[str, Any], bound: str) -> bytes:
        """The challenge of an answer, which is used up whatever comes of it."""
        challenge = ceremonies.challenge_of(credential)
        if self._challenges.use(purpose, challenge, bound) is None:
            raise Unauthenticated(
                "This challenge was not given here, was used, or has ended.", hint="Ask for options again."
            )
        return challenge

    def _room(self, user: User) -> Sequence[Passkey]:
        present = self.list(user)
        if len(present) >= PASSKEYS_MAX:
            raise LimitReached("passkeys of one person", PASSKEYS_MAX)
        return present

    def _found(self, user: User, passkey_id: str) -> Document:
        found = self._table.get(*_key(user.id, passkey_id))
        if found is None:
            raise NotFound(f"There is no passkey {passkey_id[:80]!r}.", field="passkey")
        return found


def _key(user_id: str, passkey_id: str) -> tuple[str, str]:
    return f"USER#{user_id}", f"passkey#{passkey_id}"


def _by_credential(credential_id: str) -> tuple[str, str]:
    return f"PASSKEY#{hashlib.sha256(credential_id.encode()).hexdigest()}", "passkey"


def _known() -> Conflict:
    return Conflict("This passkey is kept already.", field="credential")


def _unknown() -> Unauthenticated:
    return Unauthenticated(
        "Nobody is known by this passkey, or it was not proven.",
        hint="Use another one, or sign in by e-mail.",
    )
