"""Use case of the pages that show data: a short-lived key of the database for the page, by the role of who looks at it.

A page asks the database itself, as every client does. Its key ends by itself; who loses their role meanwhile keeps it
until then.
"""

from __future__ import annotations

from collections.abc import Sequence

from quartzdb.domain.clock import Clock
from quartzdb.services.keys import Scope
from quartzdb.services.ports import ApiKey
from quartzdb_platform.accounts.organizations import Access
from quartzdb_platform.audit.log import AuditLog
from quartzdb_platform.domain.permissions import PERMISSIONS, Permission, Role
from quartzdb_platform.domain.records import Project, User
from quartzdb_platform.identity.attempts import Attempts, Rate
from quartzdb_platform.ports import DataPlaneKeys, DocumentTable
from quartzdb_platform.transaction import change

OF_PERSON = Rate(burst=60, seconds=5)


def scopes_of(role: Role) -> Sequence[Scope]:
    """What a page may do for who has this role."""
    if Permission.DATA_WRITE in PERMISSIONS[role]:
        return (Scope.READ, Scope.WRITE, Scope.ADMIN)
    return (Scope.READ,) if Permission.DATA_READ in PERMISSIONS[role] else ()


class BrowserKeys:
    """One instance serves everybody."""

    def __init__(self, table: DocumentTable, audit: AuditLog, keys: DataPlaneKeys, clock: Clock) -> None:
        self._table = table
        self._audit = audit
        self._keys = keys
        self._attempts = Attempts(table, clock)

    def create(self, access: Access, user: User, project: Project) -> tuple[ApiKey, str]:
        """A key of the database, and its text. Raises TooManyAttempts."""
        self._attempts.count("keys for pages of one person", user.id, OF_PERSON)
        key, text = self._keys.create_for_browser(project.id, user.id, scopes_of(access.role))
        entry, target = self._audit.entry, f"{project.id}/{key.id}"
        try:
            change(
                self._table,
                lambda: (None, entry(access.organization_id, access.actor, "key.for_browser", target)),
            )
        except BaseException:
            # A key of which nobody has been told must not be good.
            self._keys.revoke(project.id, key.id)
            raise
        return key, text
