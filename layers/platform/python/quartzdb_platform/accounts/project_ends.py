"""Use cases of a single project's end: suspend it and take that back, ask for its deletion, call that off. What is due
is done by ProjectDeletions.

The stricter of its own word, its organization's and its end holds, and none of them lifts another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Conflict, InvalidArgument, NotFound
from quartzdb.domain.grant import TenantStatus
from quartzdb_platform.accounts import store
from quartzdb_platform.accounts.notices import Notices, owners_of
from quartzdb_platform.accounts.organizations import Access
from quartzdb_platform.audit.log import AuditLog
from quartzdb_platform.domain.closing import GRACE_MS, Closing
from quartzdb_platform.domain.records import Project
from quartzdb_platform.domain.times import rfc3339
from quartzdb_platform.identity.credentials import Credentials
from quartzdb_platform.mail import messages
from quartzdb_platform.plans import pending
from quartzdb_platform.plans.publisher import GrantPublisher
from quartzdb_platform.ports import Change, Delete, DocumentTable, Mail, Put
from quartzdb_platform.transaction import change

QUEUE_PK = "CLOSING-PROJECTS"
"""Projects that have an end, by id, with whose they are."""
_MAILS_MAX = 15
"""Of one transaction, as with organizations."""


class ProjectEnds:
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

    def say(self, access: Access, project: Project, status: str) -> Project:
        """Have everything of it answered, reads, or nothing; saying it again changes nothing. Raises InvalidArgument,
        NotFound.
        """
        try:
            wanted = TenantStatus(status).value
        except ValueError as error:
            raise InvalidArgument(
                f"{status[:40]!r} is no status.",
                field="status",
                hint=f"Use one of: {', '.join(TenantStatus)}.",
            ) from error

        def decide() -> tuple[Project, Sequence[Change]]:
            after, changes = store.changed_project(
                self._table, project, lambda one: replace(one, status=wanted)
            )
            return after, self._with_event(access, after, f"project.{wanted}", changes)

        after = change(self._table, decide)
        self._grants.publish_soon(project.organization_id)
        return after

    def request(self, access: Access, project: Project, name: str) -> Closing:
        """Have it deleted in thirty days. `name`: the project's, typed once more. Raises InvalidArgument, Conflict,
        StepUpRequired, NotFound.
        """
        self._credentials.require_fresh(access.credential)
        if not self._deletes:
            raise Conflict("This deployment deletes no projects by itself.", hint="Ask whoever operates it.")
        if name != project.name:
            raise InvalidArgument(
                "This is not the project's name.", field="name", hint="Type it as it is shown."
            )
        now_ms = self._clock.unix_ms()
        closing = Closing(now_ms, access.actor.id, now_ms + GRACE_MS)

        def closed(one: Project) -> Project:
            if one.closing is not None:
                raise Conflict("Its deletion was asked for already.", hint="It can be called off.")
            return replace(one, closing=closing)

        until = rfc3339(closing.delete_at_ms)
        self._changed(
            access,
            project,
            "project.deletion.request",
            closed,
            lambda to: messages.project_deletion_requested(to, project.name, until),
            lambda: [
                Put(QUEUE_PK, project.id, {"organization_id": project.organization_id}, self._queued(project))
            ],
        )
        return closing

    def cancel(self, access: Access, project: Project) -> None:
        """Call it off. Raises NotFound where nobody asked for it, or where it has begun."""

        def kept(one: Project) -> Project:
            if one.closing is None:
                raise NotFound("Nobody asked for the deletion of this project.")
            return replace(one, closing=None)

        def unqueued() -> Sequence[Change]:
            revision = self._queued(project)
            return [] if revision is None else [Delete(QUEUE_PK, project.id, revision)]

        self._changed(
            access,
            project,
            "project.deletion.cancel",
            kept,
            lambda to: messages.project_deletion_cancelled(to, project.name),
            unqueued,
        )

    def _changed(
        self,
        access: Access,
        project: Project,
        action: str,
        after: Callable[[Project], Project],
        mail: Callable[[str], Mail],
        more: Callable[[], Sequence[Change]],
    ) -> None:
        def decide() -> tuple[None, Sequence[Change]]:
            found, changes = store.changed_project(self._table, project, after)
            mails = [mail(to) for to in owners_of(self._table, project.organization_id)][:_MAILS_MAX]
            every = [*changes, *more(), *self._notices.put(mails)]
            return None, self._with_event(access, found, action, every)

        change(self._table, decide)
        self._grants.publish_soon(project.organization_id)
        self._notices.send_soon()

    def _with_event(
        self, access: Access, project: Project, action: str, changes: Sequence[Change]
    ) -> Sequence[Change]:
        if not changes:
            return ()
        event = self._audit.entry(project.organization_id, access.actor, action, project.id)
        return [*changes, pending.mark(self._table, project.organization_id), *event]

    def _queued(self, project: Project) -> int | None:
        found = self._table.get(QUEUE_PK, project.id)
        return None if found is None else found.revision
