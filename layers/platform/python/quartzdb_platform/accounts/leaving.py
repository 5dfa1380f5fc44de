"""Use case of a person who leaves: seats, sessions, passkeys, address and account.

Audit logs keep what was done, by an id that leads to nobody any more. Whoever is the last owner of an organization has
to hand it over, or have it deleted, first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from quartzdb.domain.errors import Conflict
from quartzdb_platform.accounts import store
from quartzdb_platform.accounts.members import Members
from quartzdb_platform.domain.permissions import Role
from quartzdb_platform.domain.records import Credential, User
from quartzdb_platform.identity.credentials import Credentials
from quartzdb_platform.identity.passkeys import Passkeys
from quartzdb_platform.ports import Change, Delete, Document, DocumentTable
from quartzdb_platform.transaction import change

_AT_ONCE = 20
_ACCOUNT = "user"


class Leaving:
    """One instance serves everybody."""

    def __init__(
        self, table: DocumentTable, credentials: Credentials, members: Members, passkeys: Passkeys
    ) -> None:
        self._table = table
        self._credentials = credentials
        self._members = members
        self._passkeys = passkeys

    def leave(self, user: User, credential: Credential, address: str) -> None:
        """Delete the account. Cut short, it can be asked for again. Raises StepUpRequired, Conflict."""
        self._credentials.require_fresh(credential)
        alone = [one for one in self._organizations(user) if self._is_last_owner(user, one)]
        if alone:
            raise Conflict(
                f"You are the only owner of {', '.join(alone[:5])}.",
                hint="Make somebody else an owner there, or have it deleted, and wait until it is.",
            )
        for organization_id in self._organizations(user):
            self._members.leave(user, organization_id, address)
        self._passkeys.forget(user)
        for session in self._credentials.sessions(user.id):
            if session.id != credential.id:
                self._credentials.end_session(session.id, user.id)
        self._end(user)

    def _end(self, user: User) -> None:
        """What is left of it, the account and its address last and at once."""
        pk = f"USER#{user.id}"

        def decide() -> tuple[None, Sequence[Change]]:
            account = self._table.get(pk, _ACCOUNT)
            address = self._table.get(f"EMAIL#{user.email}", _ACCOUNT)
            if any(True for _ in self._organizations(user)):
                raise Conflict("You took a seat while you were leaving.", hint="Try again.")
            return None, [Delete(one.pk, one.sk, one.revision) for one in (account, address) if one]

        for document in self._each(pk):
            if document.sk == _ACCOUNT or document.sk.startswith("organization#"):
                continue
            kind, _, named = document.sk.partition("#")
            leads_here = None
            if kind == "session":
                leads_here = self._table.get(document.body["pk"], "credential")
            elif kind == "identity":
                leads_here = self._table.get(f"IDENTITY#{named}", "identity")
            # What leads to it first: nothing may lead to an account that is gone.
            if leads_here is not None:
                self._drop(leads_here)
            self._drop(document)
        sent = self._table.get(f"SIGN_IN#{user.email}", "code")
        if sent is not None:
            self._drop(sent)
        change(self._table, decide)

    def _is_last_owner(self, user: User, organization_id: str) -> bool:
        seat = store.member_document(self._table, organization_id, user.id)
        if seat is None or store.member_of(seat).role is not Role.OWNER:
            return False
        return store.organization_of(self._table, organization_id)[0].owners == 1

    def _organizations(self, user: User) -> Iterator[str]:
        for document in self._each(f"USER#{user.id}", "organization#"):
            yield document.body["organization_id"]

    def _each(self, pk: str, prefix: str = "") -> Iterator[Document]:
        after = None
        while found := self._table.query(pk, prefix, limit=_AT_ONCE, after=after):
            yield from found
            after = found[-1].sk

    def _drop(self, document: Document) -> None:
        def decide() -> tuple[None, Sequence[Change]]:
            found = self._table.get(document.pk, document.sk)
            return None, [] if found is None else [Delete(found.pk, found.sk, found.revision)]

        change(self._table, decide)
