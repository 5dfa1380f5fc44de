"""Use cases of referrals: an organization has a code; whoever begins with it is credited, and so is the organization.

Once for each person, by the hash of the address, so that leaving and coming back is no second time; never oneself.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import NamedTuple

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import InvalidArgument, NotFound
from quartzdb_platform.accounts import store
from quartzdb_platform.accounts.organizations import Access
from quartzdb_platform.audit.log import Actor, AuditLog
from quartzdb_platform.domain.credit import (
    REFERRAL_MICRO_DOLLARS,
    REFERRALS_CREDITED_MAX,
    Credit,
    Referral,
)
from quartzdb_platform.domain.ids import new_id
from quartzdb_platform.domain.records import User
from quartzdb_platform.ports import Change, Document, DocumentTable, Put
from quartzdb_platform.transaction import change

_PLATFORM = Actor("platform", "")
"""Who credits: a referrer learns how many came, and not who."""
_CODE_BYTES = 5


class Credited(NamedTuple):
    """What to add to the transaction in which somebody begins, and the events of their new organization in it."""

    changes: Sequence[Change] = ()
    events: Sequence[tuple[str, str]] = ()


class Referrals:
    """One instance serves everybody."""

    def __init__(
        self,
        table: DocumentTable,
        audit: AuditLog,
        clock: Clock,
        *,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._table = table
        self._audit = audit
        self._clock = clock
        self._random_bytes = random_bytes

    def of(self, access: Access) -> Referral:
        """The organization's, made when it is first asked for."""

        def decide() -> tuple[Referral, Sequence[Change]]:
            found = self._table.get(*_key(access.organization_id))
            if found is not None:
                return Referral(**found.body), ()
            made = Referral(self._random_bytes(_CODE_BYTES).hex(), access.organization_id)
            event = self._audit.entry(access.organization_id, access.actor, "referral.create", made.code)
            by_code = Put(*_by_code(made.code), {"organization_id": access.organization_id})
            return made, [Put(*_key(access.organization_id), asdict(made)), by_code, *event]

        return change(self._table, decide)

    def credits(self, access: Access) -> Sequence[Credit]:
        """The oldest first."""
        found = self._table.query(
            store.organization_pk(access.organization_id), "credit#", limit=store.LISTED_MAX
        )
        return [Credit(**document.body) for document in found]

    def require_code(self, user: User, code: str) -> None:
        """Raises InvalidArgument for a code that is none, or of an organization that this person is in."""
        self._referrer(user, code)

    def credited(self, user: User, code: str, organization_id: str) -> Credited:
        """Both sides' credits for who begins that organization; none if it was done before. Raises InvalidArgument."""
        found = self._referrer(user, code)
        referral = Referral(**found.body)
        done = self._table.get(*_referred(user.email))
        if done is not None or referral.credited >= REFERRALS_CREDITED_MAX:
            return Credited()
        mine, theirs = self._credit(organization_id), self._credit(referral.organization_id)
        counted = replace(referral, credited=referral.credited + 1)
        event = self._audit.entry(referral.organization_id, _PLATFORM, "credit.referral", theirs.id)
        changes = [
            Put(*_referred(user.email), {"at_ms": self._clock.unix_ms()}),
            Put(found.pk, found.sk, asdict(counted), found.revision),
            _put(mine),
            _put(theirs),
            *event,
        ]
        return Credited(changes, [("credit.referral", mine.id)])

    def _referrer(self, user: User, code: str) -> Document:
        by_code = self._table.get(*_by_code(code))
        found = self._table.get(*_key(by_code.body["organization_id"])) if by_code else None
        if found is None or not self._is_there(found.body["organization_id"]):
            raise InvalidArgument(
                f"There is no referral code {code[:40]!r}.",
                field="referral",
                hint="Leave it out, or check it.",
            )
        if store.member_document(self._table, found.body["organization_id"], user.id) is not None:
            raise InvalidArgument(
                "This referral code is of your own organization.", field="referral", hint="Leave it out."
            )
        return found

    def _is_there(self, organization_id: str) -> bool:
        try:
            store.organization_of(self._table, organization_id)
        except NotFound:
            return False
        return True

    def _credit(self, organization_id: str) -> Credit:
        now_ms = self._clock.unix_ms()
        credit_id = new_id("crd", now_ms, self._random_bytes)
        return Credit(credit_id, organization_id, REFERRAL_MICRO_DOLLARS, "referral", now_ms)


def _put(credit: Credit) -> Put:
    return Put(store.organization_pk(credit.organization_id), f"credit#{credit.id}", asdict(credit))


def _key(organization_id: str) -> tuple[str, str]:
    return store.organization_pk(organization_id), "referral"


def _by_code(code: str) -> tuple[str, str]:
    return f"REFERRAL#{code[:64]}", "referral"


def _referred(email: str) -> tuple[str, str]:
    return f"REFERRED#{hashlib.sha256(email.encode()).hexdigest()}", "referred"
