"""Sessions, management tokens and operators' tokens: a secret of 256 random bits, of which only the SHA-256 is kept.

There is nothing to guess in so many bits, so the hash need not be slow.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Forbidden, NotFound, Unauthenticated
from quartzdb.services.keys import checksum_of
from quartzdb_platform.domain.errors import StepUpRequired
from quartzdb_platform.domain.ids import is_id, new_id
from quartzdb_platform.domain.names import checked_name
from quartzdb_platform.domain.permissions import Role
from quartzdb_platform.domain.records import Credential, CredentialKind, User
from quartzdb_platform.domain.session_limits import SessionLimits
from quartzdb_platform.ports import Change, Delete, Document, DocumentTable, Put
from quartzdb_platform.transaction import change

TOKEN_MS_MAX = 366 * 24 * 3_600_000
STEP_UP_MS = 15 * 60_000
"""Dangerous actions need a sign-in that is no older."""
LISTED_MAX = 1_000
_PREFIX = {
    CredentialKind.SESSION: "qdb_sess_",
    CredentialKind.TOKEN: "qdb_mgmt_",
    CredentialKind.OPERATOR: "qdb_oper_",
}
_ID_PREFIX = {CredentialKind.SESSION: "ses", CredentialKind.TOKEN: "tok", CredentialKind.OPERATOR: "opr"}
_SECRET_BYTES = 32
_OPERATORS = "OPERATORS"


class Credentials:
    """One instance serves everybody. `random_bytes` is injected so that tests are deterministic."""

    def __init__(
        self,
        table: DocumentTable,
        clock: Clock,
        limits: SessionLimits | None = None,
        *,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._table = table
        self._clock = clock
        self._limits = limits or SessionLimits()
        self._random_bytes = random_bytes

    def new_session(self, user_id: str) -> tuple[Credential, str, Sequence[Change]]:
        """A session that begins with these changes, and its secret: the only time that it can be seen."""
        now_ms = self._clock.unix_ms()
        session = Credential(
            self._new_id(CredentialKind.SESSION, now_ms),
            CredentialKind.SESSION,
            user_id,
            now_ms,
            now_ms + self._limits.lasts_ms,
            now_ms,
            seen_at_ms=now_ms,
        )
        text = self._new_text(CredentialKind.SESSION)
        return session, text, self._puts(session, text)

    def new_token(
        self, organization_id: str, name: str, role: Role, expires_in_ms: int, by: Credential
    ) -> tuple[Credential, str, Sequence[Change]]:
        """A management token of an organization, as a session's is."""
        now_ms = self._clock.unix_ms()
        token = Credential(
            self._new_id(CredentialKind.TOKEN, now_ms),
            CredentialKind.TOKEN,
            by.user_id,
            now_ms,
            now_ms + min(expires_in_ms, TOKEN_MS_MAX),
            now_ms,
            checked_name(name),
            organization_id,
            role,
        )
        text = self._new_text(CredentialKind.TOKEN)
        return token, text, self._puts(token, text)

    def new_operator(self, name: str, expires_in_ms: int) -> tuple[Credential, str, Sequence[Change]]:
        """A token of an operator, as a session's is. Whoever may write to the table may make one."""
        now_ms = self._clock.unix_ms()
        made = Credential(
            self._new_id(CredentialKind.OPERATOR, now_ms),
            CredentialKind.OPERATOR,
            "",
            now_ms,
            now_ms + min(expires_in_ms, TOKEN_MS_MAX),
            now_ms,
            checked_name(name),
        )
        text = self._new_text(CredentialKind.OPERATOR)
        return made, text, self._puts(made, text)

    def authenticate(self, text: str | None) -> Credential:
        """Whose secret this is. Raises Unauthenticated, without saying more than a holder may know."""
        if not text:
            raise Unauthenticated(
                "You are not signed in.",
                hint="POST /platform/v1/sign-in, then send `Authorization: Bearer TOKEN`.",
            )
        found = self._table.get(_pk(text), "credential")
        if found is None or self._is_over(_credential(found)):
            raise Unauthenticated("This sign-in has ended.", hint="Sign in again.")
        credential = _credential(found)
        if credential.kind is CredentialKind.SESSION:
            self._note_use(found, credential)
        return credential

    def user(self, credential: Credential) -> User:
        """The person of a session. Raises Forbidden for a token."""
        if credential.kind is not CredentialKind.SESSION:
            raise Forbidden("A management token cannot do this.", hint="Sign in as a person.")
        found = self._table.get(f"USER#{credential.user_id}", "user")
        if found is None:
            raise Unauthenticated("This account is gone.", hint="Sign in again.")
        return User(**found.body)

    def require_fresh(self, credential: Credential) -> None:
        """Raises StepUpRequired where a person signed in too long ago for something dangerous."""
        if self._clock.unix_ms() - credential.signed_in_at_ms > STEP_UP_MS:
            raise StepUpRequired(
                f"This needs a sign-in of the last {STEP_UP_MS // 60_000} minutes.", hint="Sign in again."
            )

    def sessions(self, user_id: str) -> Sequence[Credential]:
        """A person's, the oldest first."""
        return self._listed(f"USER#{user_id}", "session#")

    def tokens(self, organization_id: str) -> Sequence[Credential]:
        """An organization's, the oldest first."""
        return self._listed(f"ORG#{organization_id}", "token#")

    def operators(self) -> Sequence[Credential]:
        """Tokens of operators, the oldest first."""
        return self._listed(_OPERATORS, "operator#")

    def end(self, credential_id: str, owner: str) -> Sequence[Change]:
        """The changes that end a session of a user, a token of an organization, or one of an operator, whose owner is
        empty. Raises NotFound.
        """
        kind = next(
            (one for one, prefix in _ID_PREFIX.items() if is_id(credential_id, prefix)), CredentialKind.TOKEN
        )
        pk = _owner_pk(kind, owner, owner)
        listed = self._table.get(pk, f"{kind.value}#{credential_id}")
        if listed is None:
            raise NotFound(f"There is no {kind.value} {credential_id[:80]!r}.", field="id")
        found = self._table.get(listed.body["pk"], "credential")
        ends: list[Change] = [Delete(pk, listed.sk, listed.revision)]
        if found is not None:
            ends.append(Delete(found.pk, found.sk, found.revision))
        return ends

    def end_session(self, session_id: str, user_id: str) -> None:
        """Sign out. Raises NotFound."""
        change(self._table, lambda: (None, self.end(session_id, user_id)))

    def end_replaced(self, text: str) -> None:
        """End the session whose secret a browser had, because it has another one now; none is fine."""

        def decide() -> tuple[None, Sequence[Change]]:
            found = self._table.get(_pk(text), "credential")
            if found is None or found.body["kind"] != CredentialKind.SESSION:
                return None, ()
            return None, self.end(found.body["id"], found.body["user_id"])

        change(self._table, decide)

    def end_others(self, session: Credential) -> None:
        """End all sessions of a person but this one."""
        for other in self.sessions(session.user_id):
            if other.id != session.id:
                with suppress(NotFound):  # it ended itself meanwhile
                    self.end_session(other.id, session.user_id)

    def _is_over(self, credential: Credential) -> bool:
        now_ms = self._clock.unix_ms()
        if credential.expires_at_ms <= now_ms:
            return True
        return (
            credential.kind is CredentialKind.SESSION and now_ms - _seen(credential) >= self._limits.idle_ms
        )

    def _note_use(self, found: Document, credential: Credential) -> None:
        now_ms = self._clock.unix_ms()
        if now_ms - _seen(credential) < self._limits.noted_after_ms:
            return
        listed = self._table.get(f"USER#{credential.user_id}", f"session#{credential.id}")
        notes = [
            Put(one.pk, one.sk, {**one.body, "seen_at_ms": now_ms}, one.revision, one.expires_at_ms)
            for one in (found, listed)
            if one is not None
        ]
        # Where another request noted it at the same moment, or ended it, there is nothing to do.
        self._table.transact(notes)

    def _listed(self, pk: str, prefix: str) -> Sequence[Credential]:
        found = (_credential(document) for document in self._table.query(pk, prefix, limit=LISTED_MAX))
        return [credential for credential in found if not self._is_over(credential)]

    def _new_id(self, kind: CredentialKind, now_ms: int) -> str:
        return new_id(_ID_PREFIX[kind], now_ms, self._random_bytes)

    def _new_text(self, kind: CredentialKind) -> str:
        secret = self._random_bytes(_SECRET_BYTES).hex()
        return f"{_PREFIX[kind]}{secret}{checksum_of(secret)}"

    def _puts(self, credential: Credential, text: str) -> Sequence[Change]:
        body = {key: value for key, value in asdict(credential).items() if value is not None}
        owner = _owner_pk(credential.kind, credential.user_id, credential.organization_id or "")
        listed = {**body, "pk": _pk(text)}
        ends_ms = credential.expires_at_ms
        return (
            Put(_pk(text), "credential", body, None, ends_ms),
            Put(owner, f"{credential.kind.value}#{credential.id}", listed, None, ends_ms),
        )


def csrf_token(text: str) -> str:
    """What a page sends beside its cookie with everything that changes something: another site cannot know it."""
    return hashlib.sha256(b"csrf " + text.encode()).hexdigest()


def _owner_pk(kind: CredentialKind, user_id: str, organization_id: str) -> str:
    if kind is CredentialKind.OPERATOR:
        return _OPERATORS
    return f"USER#{user_id}" if kind is CredentialKind.SESSION else f"ORG#{organization_id}"


def _seen(session: Credential) -> int:
    return session.created_at_ms if session.seen_at_ms is None else session.seen_at_ms


def _pk(text: str) -> str:
    return f"CREDENTIAL#{hashlib.sha256(text.encode()).hexdigest()}"


def _credential(document: Document) -> Credential:
    body: dict[str, Any] = {key: value for key, value in document.body.items() if key != "pk"}
    made = Credential(**body)
    return replace(made, kind=CredentialKind(made.kind), role=None if made.role is None else Role(made.role))
