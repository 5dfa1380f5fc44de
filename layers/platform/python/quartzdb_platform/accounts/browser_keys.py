"""Use case of the pages that show data: a short-lived key of the database for the page, by the role of who looks at it.

A page asks the database itself, as every client does. Its key ends by itself; who loses their role meanwhile keeps it
until then. Pages keep it in memory alone, since whatever a browser stores every page of the host can read. So that not
each page that is opened makes one, it is derived from the session's secret, which only the browser has: for some
minutes whoever asks from that session is given the same key again, of which the database has no more than a hash.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Conflict
from quartzdb.services.keys import BROWSER_KEY_SECONDS, BROWSER_SEED_BYTES, BrowserKey, Scope
from quartzdb.services.ports import ApiKey
from quartzdb_platform.accounts.organizations import Access
from quartzdb_platform.audit.log import AuditLog
from quartzdb_platform.domain.permissions import PERMISSIONS, Permission, Role
from quartzdb_platform.domain.records import Project, User
from quartzdb_platform.identity.attempts import Attempts, Rate
from quartzdb_platform.ports import DataPlaneKeys, DocumentTable
from quartzdb_platform.transaction import change

OF_PERSON = Rate(burst=60, seconds=5)
"""Of keys that are made: one that is given again is none."""
LEFT_SECONDS_MIN = 300
"""A key that is given again is good for at least so long."""
_WINDOW_MS = (BROWSER_KEY_SECONDS - LEFT_SECONDS_MIN) * 1_000


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
        self._clock = clock
        self._attempts = Attempts(table, clock)

    def create(self, access: Access, user: User, project: Project, session: str) -> tuple[ApiKey, str]:
        """A key of the database, and its text; `session` is the secret of who asks. Raises TooManyAttempts."""
        scopes = scopes_of(access.role)
        window = self._clock.unix_ms() // _WINDOW_MS
        about = f"a page's key\0{project.id}\0{','.join(scopes)}\0{window}"
        seed = hmac.digest(session.encode(), about.encode(), "sha512")[:BROWSER_SEED_BYTES]
        ends_ms = (window + 1) * _WINDOW_MS + LEFT_SECONDS_MIN * 1_000
        try:
            found = self._keys.for_browser(project.id, user.id, scopes, seed, ends_ms)
        except Conflict:  # it was revoked, as where it leaked: then each page has its own
            found = BrowserKey(*self._keys.create_for_browser(project.id, user.id, scopes), is_new=True)
        if found.is_new:
            self._tell(access, user, project, found.key)
        return found.key, found.text

    def _tell(self, access: Access, user: User, project: Project, key: ApiKey) -> None:
        entry, target = self._audit.entry, f"{project.id}/{key.id}"
        try:
            self._attempts.count("keys for pages of one person", user.id, OF_PERSON)
            change(
                self._table,
                lambda: (None, entry(access.organization_id, access.actor, "key.for_browser", target)),
            )
        except BaseException:
            # A key of which nobody has been told must not be good.
            self._keys.revoke(project.id, key.id)
            raise
