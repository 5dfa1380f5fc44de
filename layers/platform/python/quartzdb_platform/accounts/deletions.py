"""Deleting organizations whose time has come: step by step, each of which can be taken again, until nothing is left.

Nobody has a seat any more before anything is deleted, and nothing of a project is known here before its data goes, so
that neither people nor lines of the database add to what is going. A certificate is what stays.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import NotFound, QuartzError
from quartzdb.domain.grant import TenantStatus
from quartzdb_platform.accounts import gone_projects, store
from quartzdb_platform.accounts.closings import QUEUE_PK, closing_document
from quartzdb_platform.accounts.notices import Notices, owners_of
from quartzdb_platform.accounts.standing import standing
from quartzdb_platform.audit.log import Actor, AuditLog
from quartzdb_platform.domain.closing import Certificate, Closing, ProjectEnd, Remain
from quartzdb_platform.identity.credentials import Credentials
from quartzdb_platform.mail import messages
from quartzdb_platform.ports import Change, DataPlaneTenants, Delete, Document, DocumentTable, Put
from quartzdb_platform.transaction import change

logger = logging.getLogger(__name__)
DELETER = Actor("platform", "")
_AT_ONCE = 20
_MAILS_MAX = 15
_DELETION, _CERTIFICATE = "deletion", "certificate"


class Deletions:
    """`scrub`: leaves nothing of deleted documents in files; `remains`: what no deletion here reaches;
    `end_billing`: has nothing more be paid; `forget_archives`: leaves nothing of what was made to be taken along;
    `end_projects`: goes on with single projects whose deletion has begun, and says whether none is left.
    """

    def __init__(
        self,
        table: DocumentTable,
        audit: AuditLog,
        credentials: Credentials,
        tenants: DataPlaneTenants,
        notices: Notices,
        clock: Clock,
        remains: tuple[Remain, ...],
        *,
        scrub: Callable[[], bool] = lambda: True,
        end_billing: Callable[[str], object] = lambda _: None,
        forget_archives: Callable[[str], None] = lambda _: None,
        end_projects: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._table = table
        self._audit = audit
        self._credentials = credentials
        self._tenants = tenants
        self._notices = notices
        self._clock = clock
        self._remains = remains
        self._scrub = scrub
        self._end_billing = end_billing
        self._forget_archives = forget_archives
        self._end_projects = end_projects

    def run_due(self) -> None:
        """Go on with every organization whose time has come. One that fails keeps no other from its end."""
        after = None
        while found := self._table.query(QUEUE_PK, "", limit=_AT_ONCE, after=after):
            for document in found:
                try:
                    self.run(document.sk)
                except QuartzError as error:
                    logger.error("the deletion of %s goes on later: %s", document.sk, error)
            after = found[-1].sk

    def run(self, organization_id: str) -> Certificate | None:
        """Go as far as one can now; the certificate once nothing is left. Raises Unavailable, NamespaceShared."""
        if not self._begun(organization_id):
            return None
        self._end_billing(organization_id)
        if not self._end_projects(organization_id):
            return None
        self._let_people_go(organization_id)
        self._forget_projects(organization_id)
        if not self._delete_data(organization_id):
            return None
        self._forget_archives(organization_id)
        self._say_the_last_word(organization_id)
        self._sweep(store.organization_pk(organization_id))
        for pk, sk in store.places_of_organization(organization_id):
            self._drop(pk, sk)
        if not self._scrub():
            return None
        return self._certify(organization_id)

    def _begun(self, organization_id: str) -> bool:
        """Whether it goes on: from here it cannot be called off."""

        def decide() -> tuple[bool, Sequence[Change]]:
            if self._table.get(_pk(organization_id), _DELETION) is not None:
                return True, ()
            found = closing_document(self._table, organization_id)
            if found is None or Closing(**found.body).delete_at_ms > self._clock.unix_ms():
                return False, ()
            body = {
                **{name: found.body[name] for name in ("requested_at_ms", "requested_by")},
                "began_at_ms": self._clock.unix_ms(),
                "owners": list(owners_of(self._table, organization_id)),
                "name": store.organization_of(self._table, organization_id)[0].name,
                "projects": {},
                "audit": None,
            }
            return True, [
                Put(_pk(organization_id), _DELETION, body),
                Delete(found.pk, found.sk, found.revision),
                *standing(self._table, organization_id, closing=TenantStatus.SUSPENDED),
                *self._audit.entry(organization_id, DELETER, "organization.deletion.begin", organization_id),
            ]

        return change(self._table, decide)

    def _let_people_go(self, organization_id: str) -> None:
        for seat in self._each(store.organization_pk(organization_id), "member#"):
            self._drop(f"USER#{seat.body['user_id']}", f"organization#{organization_id}")
            self._drop(seat.pk, seat.sk)
        for token in self._each(store.organization_pk(organization_id), "token#"):
            self._drop(token.body["pk"], "credential")
            self._drop(token.pk, token.sk)
        for invitation in self._each(store.organization_pk(organization_id), "invitation#"):
            self._drop(f"INVITATION#{invitation.body['secret']}", "invitation")
            self._drop(invitation.pk, invitation.sk)
        for leak in self._each(store.organization_pk(organization_id), "leak#"):
            self._drop(leak.body["pk"], "leak")
            self._drop(leak.pk, leak.sk)

    def _forget_projects(self, organization_id: str) -> None:
        for document in self._each(store.organization_pk(organization_id), "project#"):
            project_id = store.project_of(document).id

            def noted(project_id: str = project_id) -> tuple[None, Sequence[Change]]:
                state = self._state(organization_id)
                if project_id in state.body["projects"]:
                    return None, ()
                return None, [self._with_project(state, project_id, ProjectEnd())]

            change(self._table, noted)
            self._sweep(f"PROJECT#{project_id}")
            self._drop(document.pk, document.sk)

    def _delete_data(self, organization_id: str) -> bool:
        """Whether nothing is left of any project's."""
        gone = True
        for project_id, end in _projects(self._state(organization_id)).items():
            if end.gone_at_ms is not None:
                continue
            try:
                left = self._tenants.run(project_id)
                done = left.gone
                reached = replace(
                    end,
                    namespaces=end.namespaces + left.namespaces_deleted,
                    keys=end.keys + left.keys_revoked,
                )
            except NotFound:  # it never had anything, or an earlier run was cut short at its end
                done, reached = True, end
            if done:
                for pk in store.partitions_of_project(project_id):
                    self._sweep(pk)
                reached = replace(reached, gone_at_ms=self._clock.unix_ms())
            self._note(organization_id, project_id, reached)
            gone = gone and done
        return gone

    def _note(self, organization_id: str, project_id: str, end: ProjectEnd) -> None:
        def decide() -> tuple[None, Sequence[Change]]:
            noted = self._with_project(self._state(organization_id), project_id, end)
            return None, [noted, *gone_projects.note(self._table, project_id, end.gone_at_ms)]

        change(self._table, decide)

    def _say_the_last_word(self, organization_id: str) -> None:
        """The last event, and its hash where it stays."""

        def decide() -> tuple[None, Sequence[Change]]:
            state = self._state(organization_id)
            if state.body["audit"] is not None:
                return None, ()
            event = self._audit.entry(organization_id, DELETER, "organization.delete", organization_id)
            head = event[-1]
            assert isinstance(head, Put), "the head of the log"
            last = {"events": head.body["sequence"], "head": head.body["hash"]}
            return None, [Put(state.pk, state.sk, {**state.body, "audit": last}, state.revision), *event]

        change(self._table, decide)

    def _certify(self, organization_id: str) -> Certificate:
        """Nothing of the organization is left but its id here. Its owners are sent this."""

        def decide() -> tuple[Certificate, Sequence[Change]]:
            state = self._state(organization_id)
            body = state.body
            certificate = Certificate(
                organization_id,
                body["requested_at_ms"],
                body["requested_by"],
                body["began_at_ms"],
                self._clock.unix_ms(),
                _projects(state),
                body["audit"]["events"],
                body["audit"]["head"],
                self._remains,
            )
            document = certificate.document()
            text = json.dumps(document, indent=2, ensure_ascii=False)
            mails = [messages.deleted(to, body["name"], text) for to in body["owners"][:_MAILS_MAX]]
            queued = self._table.get(QUEUE_PK, organization_id)
            before = self._table.get(*certificate_place(organization_id))
            return certificate, [
                Put(*certificate_place(organization_id), document, before.revision if before else None),
                Delete(state.pk, state.sk, state.revision),
                *([Delete(queued.pk, queued.sk, queued.revision)] if queued else []),
                *self._notices.put(mails),
            ]

        certificate = change(self._table, decide)
        self._notices.send_soon()
        return certificate

    def _state(self, organization_id: str) -> Document:
        found = self._table.get(_pk(organization_id), _DELETION)
        if found is None:
            raise NotFound(f"The deletion of {organization_id} has ended.", field="organization")
        return found

    def _with_project(self, state: Document, project_id: str, end: ProjectEnd) -> Put:
        projects = {**state.body["projects"], project_id: asdict(end)}
        return Put(state.pk, state.sk, {**state.body, "projects": projects}, state.revision)

    def _each(self, pk: str, prefix: str) -> Iterator[Document]:
        """Each document there is, to be dropped by whoever is given it."""
        after = None
        while found := self._table.query(pk, prefix, limit=_AT_ONCE, after=after):
            yield from found
            after = found[-1].sk

    def _sweep(self, pk: str) -> None:
        """Drop a whole partition."""
        while found := self._table.query(pk, "", limit=_AT_ONCE):
            if not self._table.transact([Delete(one.pk, one.sk, one.revision) for one in found]):
                logger.info("something of %s was changed while it was dropped: again", pk)

    def _drop(self, pk: str, sk: str) -> None:
        def decide() -> tuple[None, Sequence[Change]]:
            found = self._table.get(pk, sk)
            return None, [] if found is None else [Delete(pk, sk, found.revision)]

        change(self._table, decide)


def certificate_of(table: DocumentTable, of_id: str) -> dict[str, object]:
    """What was certified of an organization or a project, for whoever operates this. Raises NotFound."""
    found = table.get(*certificate_place(of_id))
    if found is None:
        raise NotFound(f"There is no certificate for {of_id[:80]!r}.", field="organization")
    return dict(found.body)


def certificate_place(of_id: str) -> tuple[str, str]:
    """Where the certificate of an organization or a project is."""
    return _pk(of_id), _CERTIFICATE


def _projects(state: Document) -> dict[str, ProjectEnd]:
    return {project_id: ProjectEnd(**end) for project_id, end in state.body["projects"].items()}


def _pk(of_id: str) -> str:
    return f"DELETION#{of_id}"
