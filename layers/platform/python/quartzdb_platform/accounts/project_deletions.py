"""Deleting single projects whose time has come: step by step, each of which can be taken again, until nothing is left.

Nothing of a project is known here before its data goes, so that neither people nor lines of the database add to what is
going. What it used of the present month and the one before stays, as sums without a name: they are still to be billed.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import NotFound, QuartzError
from quartzdb_platform.accounts import gone_projects, store
from quartzdb_platform.accounts.deletions import DELETER, certificate_place
from quartzdb_platform.accounts.notices import Notices, owners_of
from quartzdb_platform.accounts.project_ends import QUEUE_PK
from quartzdb_platform.audit.log import AuditLog
from quartzdb_platform.domain.calendar import month_of, start_ms
from quartzdb_platform.domain.closing import Closing, ProjectCertificate, ProjectEnd, Remain
from quartzdb_platform.mail import messages
from quartzdb_platform.plans import pending
from quartzdb_platform.ports import Change, DataPlaneTenants, Delete, Document, DocumentTable, Put
from quartzdb_platform.transaction import change

logger = logging.getLogger(__name__)
_AT_ONCE = 20
_MAILS_MAX = 15
ENDING = "ending#"
"""In its organization's partition: how far the deletion of a project is."""


class ProjectDeletions:
    """`scrub` and `remains` as Deletions has them. `kept_sums`: what to add to the transaction in which a project of an
    organization is forgotten, so that its usage of some months is billed all the same.
    """

    def __init__(
        self,
        table: DocumentTable,
        audit: AuditLog,
        tenants: DataPlaneTenants,
        notices: Notices,
        clock: Clock,
        remains: tuple[Remain, ...],
        kept_sums: Callable[[str, str, Sequence[str]], Sequence[Put]],
        *,
        scrub: Callable[[], bool] = lambda: True,
    ) -> None:
        self._table = table
        self._audit = audit
        self._tenants = tenants
        self._notices = notices
        self._clock = clock
        self._remains = remains
        self._kept_sums = kept_sums
        self._scrub = scrub

    def run_due(self) -> None:
        """Go on with every project whose time has come. One that fails keeps no other from its end."""
        after = None
        while found := self._table.query(QUEUE_PK, "", limit=_AT_ONCE, after=after):
            for document in found:
                try:
                    self.run(document.body["organization_id"], document.sk)
                except QuartzError as error:
                    logger.error("the deletion of %s goes on later: %s", document.sk, error)
            after = found[-1].sk

    def end_all(self, organization_id: str) -> bool:
        """Go on with those of an organization that have begun, as before its own end; whether none is left. Raises
        Unavailable, NamespaceShared.
        """
        pk = store.organization_pk(organization_id)
        begun = self._table.query(pk, ENDING, limit=store.LISTED_MAX)
        ended = [self.run(organization_id, one.sk.removeprefix(ENDING)) is not None for one in begun]
        return all(ended)

    def run(self, organization_id: str, project_id: str) -> ProjectCertificate | None:
        """Go as far as one can now; the certificate once nothing is left. Raises Unavailable, NamespaceShared."""
        if not self._begun(organization_id, project_id):
            return None
        if not self._delete_data(organization_id, project_id):
            return None
        for pk in store.partitions_of_project(project_id):
            self._sweep(pk)
        if not self._scrub():
            return None
        return self._certify(organization_id, project_id)

    def _begun(self, organization_id: str, project_id: str) -> bool:
        """Whether it goes on: from here it cannot be called off."""

        def decide() -> tuple[bool, Sequence[Change]]:
            pk = store.organization_pk(organization_id)
            if self._table.get(pk, ENDING + project_id) is not None:
                return True, ()
            found = [
                self._table.get(*place) for place in store.places_of_project(organization_id, project_id)
            ]
            documents = [one for one in found if one is not None]
            if not documents:
                # It went with its organization.
                queued = self._table.get(QUEUE_PK, project_id)
                return False, [] if queued is None else [Delete(queued.pk, queued.sk, queued.revision)]
            project, now_ms = store.project_of(documents[0]), self._clock.unix_ms()
            if project.closing is None or project.closing.delete_at_ms > now_ms:
                return False, ()
            body = {
                **asdict(project.closing),
                "began_at_ms": now_ms,
                "owners": list(owners_of(self._table, organization_id)),
                "name": project.name,
                "end": asdict(ProjectEnd()),
            }
            months = (month_of(start_ms(month_of(now_ms)) - 1), month_of(now_ms))
            return True, [
                Put(pk, ENDING + project_id, body),
                *(Delete(one.pk, one.sk, one.revision) for one in documents),
                *self._kept_sums(organization_id, project_id, months),
                pending.mark(self._table, organization_id),
                *self._audit.entry(organization_id, DELETER, "project.deletion.begin", project_id),
            ]

        return change(self._table, decide)

    def _delete_data(self, organization_id: str, project_id: str) -> bool:
        end = ProjectEnd(**self._state(organization_id, project_id).body["end"])
        if end.gone_at_ms is not None:
            return True
        try:
            left = self._tenants.run(project_id)
            done = left.gone
            end = replace(
                end, namespaces=end.namespaces + left.namespaces_deleted, keys=end.keys + left.keys_revoked
            )
        except NotFound:  # it never had anything, or an earlier run was cut short at its end
            done = True
        reached = replace(end, gone_at_ms=self._clock.unix_ms() if done else None)

        def noted() -> tuple[None, Sequence[Change]]:
            state = self._state(organization_id, project_id)
            body = {**state.body, "end": asdict(reached)}
            return None, [
                Put(state.pk, state.sk, body, state.revision),
                *gone_projects.note(self._table, project_id, reached.gone_at_ms),
            ]

        change(self._table, noted)
        return done

    def _certify(self, organization_id: str, project_id: str) -> ProjectCertificate:
        """Nothing of the project is left but its id in the audit log, and here. Owners are sent this."""

        def decide() -> tuple[ProjectCertificate, Sequence[Change]]:
            state = self._state(organization_id, project_id)
            body = state.body
            event = self._audit.entry(organization_id, DELETER, "project.delete", project_id)
            head = event[-1]
            assert isinstance(head, Put), "the head of the log"
            certificate = ProjectCertificate(
                project_id,
                organization_id,
                Closing(body["requested_at_ms"], body["requested_by"], body["delete_at_ms"]),
                body["began_at_ms"],
                self._clock.unix_ms(),
                ProjectEnd(**body["end"]),
                head.body["sequence"],
                self._remains,
            )
            document = certificate.document()
            text = json.dumps(document, indent=2, ensure_ascii=False)
            mails = [messages.project_deleted(to, body["name"], text) for to in body["owners"][:_MAILS_MAX]]
            place = certificate_place(project_id)
            queued, before = self._table.get(QUEUE_PK, project_id), self._table.get(*place)
            return certificate, [
                Put(*place, document, before.revision if before else None),
                Delete(state.pk, state.sk, state.revision),
                *([Delete(queued.pk, queued.sk, queued.revision)] if queued else []),
                *self._notices.put(mails),
                *event,
            ]

        certificate = change(self._table, decide)
        self._notices.send_soon()
        return certificate

    def _state(self, organization_id: str, project_id: str) -> Document:
        found = self._table.get(store.organization_pk(organization_id), ENDING + project_id)
        if found is None:
            raise NotFound(f"The deletion of {project_id} has ended.", field="project")
        return found

    def _sweep(self, pk: str) -> None:
        """Drop a whole partition."""
        while found := self._table.query(pk, "", limit=_AT_ONCE):
            if not self._table.transact([Delete(one.pk, one.sk, one.revision) for one in found]):
                logger.info("something of %s was changed while it was dropped: again", pk)
