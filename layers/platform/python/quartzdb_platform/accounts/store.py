"""Where the documents of accounts lie, and how they become values. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from quartzdb.domain.errors import NotFound
from quartzdb_platform.domain.closing import Closing
from quartzdb_platform.domain.permissions import Role
from quartzdb_platform.domain.records import Invitation, Member, Organization, Project
from quartzdb_platform.ports import Change, Document, DocumentTable, Put

LISTED_MAX = 1_000
_ORGANIZATIONS = "ORGANIZATIONS"


def organization_pk(organization_id: str) -> str:
    """The partition of everything that is an organization's."""
    return f"ORG#{organization_id}"


def organization_of(table: DocumentTable, organization_id: str) -> tuple[Organization, Document]:
    """Raises NotFound."""
    found = table.get(organization_pk(organization_id), "organization")
    if found is None:
        raise organization_not_found(organization_id)
    return Organization(**found.body), found


def organization_not_found(organization_id: str) -> NotFound:
    """Said also to who is no member: what exists is nobody else's business."""
    return NotFound(f"There is no organization {organization_id[:80]!r}.", field="organization")


def put_organization(organization: Organization, revision: int | None) -> Put:
    """The document of an organization."""
    return Put(organization_pk(organization.id), "organization", asdict(organization), revision)


def list_organization(organization_id: str) -> Put:
    """That there is an organization, where all are listed."""
    return Put(_ORGANIZATIONS, organization_id, {})


def is_listed(table: DocumentTable, organization_id: str) -> bool:
    """Whether it is where all are listed."""
    return table.get(_ORGANIZATIONS, organization_id) is not None


def organization_ids(table: DocumentTable, *, limit: int, after: str | None = None) -> Sequence[str]:
    """Organizations beyond that one, the oldest first."""
    return [document.sk for document in table.query(_ORGANIZATIONS, "", limit=limit, after=after)]


def places_of_organization(organization_id: str) -> Sequence[tuple[str, str]]:
    """Documents of it outside of its partition, as (partition, sort key)."""
    return ((_ORGANIZATIONS, organization_id), ("PENDING_GRANTS", organization_id))


def partitions_of_project(project_id: str) -> Sequence[str]:
    """Where documents of a project are, beside the one in its organization's partition."""
    return (f"PROJECT#{project_id}", f"USAGE#{project_id}")


def member_document(table: DocumentTable, organization_id: str, user_id: str) -> Document | None:
    """The seat of a user."""
    return table.get(organization_pk(organization_id), f"member#{user_id}")


def member_of(document: Document) -> Member:
    """The value of a seat."""
    body: dict[str, Any] = {**document.body, "role": Role(document.body["role"])}
    return Member(**body)


def put_member(member: Member, revision: int | None) -> Put:
    """The document of a seat."""
    return Put(organization_pk(member.organization_id), f"member#{member.user_id}", asdict(member), revision)


def put_membership(member: Member) -> Put:
    """That a user has a seat, by the user."""
    body = {"organization_id": member.organization_id}
    return Put(f"USER#{member.user_id}", f"organization#{member.organization_id}", body)


def project_of(document: Document) -> Project:
    """The value of a project."""
    closing = document.body.get("closing")
    return Project(**{**document.body, "closing": None if closing is None else Closing(**closing)})


def places_of_project(organization_id: str, project_id: str) -> Sequence[tuple[str, str]]:
    """Both documents of a project: by its id, and where its organization's are listed."""
    return (
        (f"PROJECT#{project_id}", "project"),
        (organization_pk(organization_id), f"project#{project_id}"),
    )


def changed_project(
    table: DocumentTable, project: Project, after: Callable[[Project], Project]
) -> tuple[Project, Sequence[Change]]:
    """A project after a change, and what to add to its transaction: nothing where it is so already. Raises NotFound."""
    found = [table.get(*place) for place in places_of_project(project.organization_id, project.id)]
    documents = [one for one in found if one is not None]
    if len(documents) < len(found):
        raise NotFound(f"There is no project {project.id!r}.", field="project")
    before = project_of(documents[0])
    changed = after(before)
    if changed == before:
        return before, ()
    return changed, [Put(one.pk, one.sk, asdict(changed), one.revision) for one in documents]


def invitation_of(document: Document) -> Invitation:
    """The value of an invitation."""
    body: dict[str, Any] = {key: value for key, value in document.body.items() if key != "secret"}
    return Invitation(**{**body, "role": Role(body["role"])})
