"""Use case of leaks: a provider that scans what people publish found keys and tokens, which end at once.

Safe to repeat, so a message that is sent again, by the provider or by anybody else, changes nothing more: each leak is
one event and one mail to each owner. What is found is told by its hash.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import InvalidArgument, NotFound, Unauthenticated
from quartzdb_platform.accounts import store
from quartzdb_platform.audit.log import Actor, AuditLog
from quartzdb_platform.domain.errors import Undeliverable
from quartzdb_platform.domain.permissions import Role
from quartzdb_platform.domain.records import Credential, CredentialKind
from quartzdb_platform.identity.credentials import Credentials
from quartzdb_platform.identity.provider_signature import ProviderSignatures
from quartzdb_platform.mail import messages
from quartzdb_platform.ports import Change, DataPlaneKeys, DocumentTable, Mailer, Put
from quartzdb_platform.transaction import change

logger = logging.getLogger(__name__)
MATCHES_MAX = 1_000
ACTOR = "secret-scanning:github"
_TEXT_CHARACTERS_MAX = 512
_URL_CHARACTERS_MAX = 2_048
_KEPT_MS = 366 * 24 * 3_600_000


class Verdict(NamedTuple):
    """What became of a match. `genuine`: it is a key or a token of this platform, and has ended."""

    token_hash: str
    token_type: str
    genuine: bool


class _Match(NamedTuple):
    text: str
    kind: str
    url: str


class SecretScanning:
    """One instance serves everybody."""

    def __init__(
        self,
        table: DocumentTable,
        audit: AuditLog,
        keys: DataPlaneKeys,
        credentials: Credentials,
        mailer: Mailer,
        signatures: ProviderSignatures,
        clock: Clock,
    ) -> None:
        self._table = table
        self._audit = audit
        self._keys = keys
        self._credentials = credentials
        self._mailer = mailer
        self._signatures = signatures
        self._clock = clock

    def report(self, body: bytes, key_id: str, signature: str, address: str) -> Sequence[Verdict]:
        """End what was found. Raises Unauthenticated for what the provider did not sign, InvalidArgument, Unavailable;
        then the message has to be sent again.
        """
        self._signatures.require(body, key_id, signature)
        return [
            Verdict(_hash(one.text), one.kind, self._end(one, Actor(ACTOR, address)))
            for one in _matches(body)
        ]

    def _end(self, match: _Match, actor: Actor) -> bool:
        key = self._keys.of_text(match.text)
        if key is not None:
            if key.revoked_at_ms is None:
                project = self._table.get(f"PROJECT#{key.tenant}", "project")
                if project is None:
                    logger.warning("a key of %s leaked, which is no project: %s", key.tenant, key.id)
                else:
                    target = f"{key.tenant}/{key.id}"
                    name = f"The API key “{key.name}” ({key.id}) of the project {project.body['name']}"
                    self._tell(project.body["organization_id"], match, actor, "key.leaked", target, name)
                self._keys.revoke(key.tenant, key.id)
            self._mail(match)
            return True
        return self._end_token(match, actor)

    def _end_token(self, match: _Match, actor: Actor) -> bool:
        try:
            token = self._credentials.authenticate(match.text)
        except Unauthenticated:
            return self._mail(match)  # one that ended, and was told of, is still genuine
        if token.kind is CredentialKind.SESSION:
            return self._end_session(match, token)
        if token.kind is CredentialKind.OPERATOR:
            # It is nobody's of an organization, and who operates this reads its log.
            logger.error("a token of an operator leaked and has ended: %s (%s)", token.id, token.name)
            return self._end_personal(match, token, "")
        assert token.organization_id is not None
        organization_id = token.organization_id
        name = f"The management token “{token.name}” ({token.id})"
        self._tell(organization_id, match, actor, "token.leaked", token.id, name)
        change(self._table, lambda: (None, self._credentials.end(token.id, organization_id)))
        return self._mail(match)

    def _end_session(self, match: _Match, session: Credential) -> bool:
        """Who it signed in hears of it, once: it has ended, and so does not come again."""
        person = self._table.get(f"USER#{session.user_id}", "user")
        if person is not None:
            with suppress(Undeliverable):  # it must end all the same
                self._mailer.send(messages.leaked_session(person.body["email"], match.url))
        return self._end_personal(match, session, session.user_id)

    def _end_personal(self, match: _Match, credential: Credential, owner: str) -> bool:
        """What is no organization's: told of by now, and known as genuine if it comes again."""
        pk, ends_ms = _pk(match.text), self._clock.unix_ms() + _KEPT_MS

        def decide() -> tuple[None, Sequence[Change]]:
            try:
                ends = self._credentials.end(credential.id, owner)
            except NotFound:  # it ended itself meanwhile
                ends = ()
            known = self._table.get(pk, "leak")
            return None, [*ends, *([] if known else [Put(pk, "leak", {"mailed": True}, None, ends_ms)])]

        change(self._table, decide)
        return True

    def _tell(
        self, organization_id: str, match: _Match, actor: Actor, action: str, target: str, name: str
    ) -> None:
        """Before it is done, so that nothing ends without a word; once."""
        pk = _pk(match.text)
        now_ms = self._clock.unix_ms()
        body = {"organization_id": organization_id, "what": name, "url": match.url, "mailed": False}

        def decide() -> tuple[None, Sequence[Change]]:
            if self._table.get(pk, "leak") is not None:
                return None, ()
            event = self._audit.entry(organization_id, actor, action, target)
            of_organization = store.organization_pk(organization_id)
            listed = Put(of_organization, f"leak#{_hash(match.text)}", {"pk": pk}, None, now_ms + _KEPT_MS)
            return None, [Put(pk, "leak", body, None, now_ms + _KEPT_MS), listed, *event]

        change(self._table, decide)

    def _mail(self, match: _Match) -> bool:
        """Tell the owners, unless they were told; whether there was such a leak."""
        pk = _pk(match.text)
        leak = self._table.get(pk, "leak")
        if leak is None or leak.body["mailed"]:
            return leak is not None
        pk_of_organization = store.organization_pk(leak.body["organization_id"])
        organization = store.organization_of(self._table, leak.body["organization_id"])[0]
        for seat in self._table.query(pk_of_organization, "member#", limit=store.LISTED_MAX):
            member = store.member_of(seat)
            if member.role is Role.OWNER:
                # An owner who takes no mail must not keep the others from being told.
                with suppress(Undeliverable):
                    self._mailer.send(
                        messages.leak(member.email, organization.name, leak.body["what"], leak.body["url"])
                    )

        def decide() -> tuple[None, Sequence[Change]]:
            found = self._table.get(pk, "leak")
            if found is None:
                return None, ()
            told = Put(pk, "leak", {**found.body, "mailed": True}, found.revision, found.expires_at_ms)
            return None, [told]

        change(self._table, decide)
        return True


def _matches(body: bytes) -> Sequence[_Match]:
    try:
        listed = json.loads(body)
    except ValueError as error:
        raise InvalidArgument("The body is not JSON.", hint="Send an array of matches.") from error
    if not isinstance(listed, list) or not 1 <= len(listed) <= MATCHES_MAX:
        raise InvalidArgument(f"The body is an array of 1 to {MATCHES_MAX} matches.")
    return list(dict.fromkeys(_match(one, position) for position, one in enumerate(listed)))


def _match(document: Any, position: int) -> _Match:
    if not isinstance(document, dict):
        raise InvalidArgument("A match is an object.", field=f"[{position}]")
    text, kind, url = (document.get(name) for name in ("token", "type", "url"))
    if not isinstance(text, str) or not 1 <= len(text) <= _TEXT_CHARACTERS_MAX:
        raise InvalidArgument(
            f"A token has 1 to {_TEXT_CHARACTERS_MAX} characters.", field=f"[{position}].token"
        )
    # The address goes into a mail: it must not be able to look like a part of it.
    shown = "".join(one for one in url if one.isprintable()) if isinstance(url, str) else ""
    return _Match(text, kind if isinstance(kind, str) else "", shown[:_URL_CHARACTERS_MAX])


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _pk(text: str) -> str:
    return f"LEAK#{_hash(text)}"
