"""Use cases of an organization's end: ask for it, call it off, see how it stands. What is due is done by Deletions.

Until then everything can be read and exported, and nothing changed in the databases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Conflict, InvalidArgument, NotFound
from quartzdb.domain.grant import TenantStatus
from quartzdb_platform.accounts import store
from quartzdb_platform.accounts.notices import Notices, owners_of
from quartzdb_platform.accounts.organizations import Access
from quartzdb_platform.accounts.standing import standing
from quartzdb_platform.audit.log import AuditLog
from quartzdb_platform.domain.closing import GRACE_MS, Closing
from quartzdb_platform.domain.times import rfc3339
from quartzdb_platform.identity.credentials import Credentials
from quartzdb_platform.mail import messages
from quartzdb_platform.plans.publisher import GrantPublisher
from quartzdb_platform.ports import Change, Delete, Document, DocumentTable, Put
from quartzdb_platform.transaction import change

QUEUE_PK = "CLOSING"
"""Organizations that have an end, by id."""
_SK = "closing"


def closing_document(table: DocumentTable, organization_id: str) -> Document | None:
    """The deletion that was asked for."""
    return table.get(store.organization_pk(organization_id), _SK)


class Closings:
    """`deletes`: whether this deployment can carry a deletion out."""

    def __init__(
        self,
        table: DocumentTable,
        audit: AuditLog,
        credentials: Credentials,
        grants: GrantPublisher,
        notices: Notices,
        clock: Clock,
        *,
        deletes: bool,
    ) -> None:
        self._table = table
        self._audit = audit
        self._credentials = credentials
        self._grants = grants
        self._notices = notices
        self._clock = clock
        self._deletes = deletes

    def get(self, access: Access) -> Closing | None:
        """The deletion that was asked for, if one was."""
        found = closing_document(self._table, access.organization_id)
        return None if found is None else Closing(**found.body)

    def request(self, access: Access, name: str) -> Closing:
        """Have it deleted in thirty days. `name`: the organization's, typed once more. Raises InvalidArgument,
        Conflict, StepUpRequired.
        """
        self._credentials.require_fresh(access.credential)
        if not self._deletes:
            raise Conflict(
                "This deployment deletes no organizations by itself.", hint="Ask whoever operates it."
            )
        organization = store.organization_of(self._table, access.organization_id)[0]
        if name != organization.name:
            raise InvalidArgument(
                "This is not the organization's name.", field="name", hint="Type it as it is shown."
            )
        now_ms = self._clock.unix_ms()
        closing = Closing(now_ms, access.actor.id, now_ms + GRACE_MS)
        until = rfc3339(closing.delete_at_ms)

        def decide() -> tuple[None, Sequence[Change]]:
            if closing_document(self._table, organization.id) is not None:
                raise Conflict("Its deletion was asked for already.", hint="It can be called off.")
            queued = self._table.get(QUEUE_PK, organization.id)
            owners = owners_of(self._table, organization.id)
            mails = [messages.deletion_requested(to, organization.name, until) for to in owners]
            event = self._audit.entry(
                organization.id, access.actor, "organization.deletion.request", organization.id
            )
            pk = store.organization_pk(organization.id)
            return None, [
                Put(pk, _SK, asdict(closing)),
                Put(QUEUE_PK, organization.id, {}, queued.revision if queued else None),
                *standing(self._table, organization.id, closing=TenantStatus.READ_ONLY),
                *self._notices.put(mails[:_MAILS_MAX]),
                *event,
            ]

        change(self._table, decide)
        self._grants.publish_soon(organization.id)
        self._notices.send_soon()
        return closing

    def cancel(self, access: Access) -> None:
        """Call it off. Raises NotFound where there is none, or where it has begun."""
        organization = store.organization_of(self._table, access.organization_id)[0]

        def decide() -> tuple[None, Sequence[Change]]:
            found = closing_document(self._table, organization.id)
            if found is None:
                raise NotFound("Nobody asked for the deletion of this organization.")
            queued = self._table.get(QUEUE_PK, organization.id)
            owners = owners_of(self._table, organization.id)
            mails = [messages.deletion_cancelled(to, organization.name) for to in owners]
            event = self._audit.entry(
                organization.id, access.actor, "organization.deletion.cancel", organization.id
            )
            gone = [Delete(queued.pk, queued.sk, queued.revision)] if queued else []
            return None, [
                Delete(found.pk, found.sk, found.revision),
                *gone,
                *standing(self._table, organization.id, closing=TenantStatus.ACTIVE),
                *self._notices.put(mails[:_MAILS_MAX]),
                *event,
            ]

        change(self._table, decide)
        self._grants.publish_soon(organization.id)
        self._notices.send_soon()


_MAILS_MAX = 15
"""Of one transaction. An organization with more owners than that has more who read its audit log."""
