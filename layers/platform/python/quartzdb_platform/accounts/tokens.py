"""Use cases of management tokens: what scripts, the command line and Terraform sign in with."""

from __future__ import annotations

from collections.abc import Sequence

from quartzdb.domain.errors import Forbidden
from quartzdb_platform.accounts.organizations import Access
from quartzdb_platform.audit.log import AuditLog
from quartzdb_platform.domain.permissions import Role, checked_role, grants_at_most
from quartzdb_platform.domain.records import Credential, CredentialKind
from quartzdb_platform.identity.credentials import Credentials
from quartzdb_platform.ports import Change, DocumentTable
from quartzdb_platform.transaction import change


class Tokens:
    """One instance serves everybody."""

    def __init__(self, table: DocumentTable, audit: AuditLog, credentials: Credentials) -> None:
        self._table = table
        self._audit = audit
        self._credentials = credentials

    def create(
        self, access: Access, name: str, role_name: str, expires_in_seconds: int
    ) -> tuple[Credential, str]:
        """A token and its text: the only time that it can be seen. Raises InvalidArgument, Forbidden."""
        role = checked_role(role_name)
        if access.credential.kind is CredentialKind.TOKEN:
            raise Forbidden("A management token makes no others.", hint="Sign in as a person.")
        self._credentials.require_fresh(access.credential)
        if role is Role.OWNER or not grants_at_most(access.role, role):
            raise Forbidden(
                f"A token gets at most what you have, and never {Role.OWNER.value}.", field="role"
            )
        token, text, puts = self._credentials.new_token(
            access.organization_id, name, role, expires_in_seconds * 1_000, access.credential
        )

        def decide() -> tuple[None, Sequence[Change]]:
            event = self._audit.entry(access.organization_id, access.actor, "token.create", token.id)
            return None, [*puts, *event]

        change(self._table, decide)
        return token, text

    def list(self, access: Access) -> Sequence[Credential]:
        """The oldest first."""
        return self._credentials.tokens(access.organization_id)

    def revoke(self, access: Access, token_id: str) -> None:
        """Raises NotFound."""

        def decide() -> tuple[None, Sequence[Change]]:
            ends = self._credentials.end(token_id, access.organization_id)
            event = self._audit.entry(access.organization_id, access.actor, "token.revoke", token_id)
            return None, [*ends, *event]

        change(self._table, decide)
