"""Bodies and answers of /platform/v1, as Pydantic models. Times are RFC 3339 in UTC."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from quartzdb.domain.errors import InvalidArgument
from quartzdb.services.keys import OVERLAP_SECONDS_DEFAULT, OVERLAP_SECONDS_MAX
from quartzdb.services.ports import ApiKey
from quartzdb_platform.domain.audit_event import AuditEvent
from quartzdb_platform.domain.permissions import Role
from quartzdb_platform.domain.records import Credential, Invitation, Member, Organization, Project

Text = Annotated[str, Field(min_length=1, max_length=512)]


class Body(BaseModel):
    """What is sent: a field that is not known is a mistake, and told."""

    model_config = ConfigDict(extra="forbid", strict=True)


class EmailBody(Body):
    """An e-mail address."""

    email: Text


class CodeBody(Body):
    """The code that was mailed there."""

    email: Text
    code: Annotated[str, Field(min_length=1, max_length=16)]


class LinkBody(Body):
    """The secret of the link that was mailed there."""

    email: Text
    link: Text


class NameBody(Body):
    """A name."""

    name: Text


class OrganizationBody(Body):
    """A new organization. Without a region its data is kept to this deployment's own, where there are regions."""

    name: Text
    region: Text | None = None


class OrganizationChange(Body):
    """What is to be different: one of the two."""

    name: Text | None = None
    region: Text | None = None


class InvitationBody(Body):
    """Whom to invite, as what."""

    email: Text
    role: Text


class RoleBody(Body):
    """A role."""

    role: Text


class AcceptBody(Body):
    """The secret of an invitation's link."""

    invitation: Text


class KeyBody(Body):
    """An API key of the database. `namespaces`: those that it reaches; without them, all."""

    name: Text
    scopes: Annotated[list[str], Field(min_length=1, max_length=3)]
    namespaces: Annotated[list[str], Field(min_length=1, max_length=100)] | None = None
    expires_in_seconds: Annotated[int, Field(ge=60, le=10 * 366 * 86_400)] | None = None


class RotateBody(Body):
    """How a key gives way to the next. Without `expires_in_seconds` that one has as long as the other was given."""

    overlap_seconds: Annotated[int, Field(ge=0, le=OVERLAP_SECONDS_MAX)] = OVERLAP_SECONDS_DEFAULT
    expires_in_seconds: Annotated[int, Field(ge=60, le=10 * 366 * 86_400)] | None = None


class TokenBody(Body):
    """A management token."""

    name: Text
    role: Text
    expires_in_seconds: Annotated[int, Field(ge=60, le=366 * 86_400)] = 90 * 86_400


class SessionAnswer(BaseModel):
    """Who is signed in. `csrf_token` goes into X-CSRF-Token beside the cookie."""

    user_id: str
    email: str
    session_id: str
    csrf_token: str


class SignedInAnswer(SessionAnswer):
    """The same, and the secret of the session: the only time that it is shown."""

    token: str


class OrganizationAnswer(BaseModel):
    """An organization; `role` is the caller's there, where it is listed for one. `region`: where its data stays."""

    id: str
    name: str
    created_at: str
    region: str | None = None
    role: Role | None = None

    @classmethod
    def of(cls, organization: Organization, role: Role | None = None) -> OrganizationAnswer:
        """The answer for a value."""
        return cls(
            id=organization.id,
            name=organization.name,
            created_at=at(organization.created_at_ms),
            region=organization.region,
            role=role,
        )


class MemberAnswer(BaseModel):
    """A person in an organization."""

    user_id: str
    email: str
    role: Role
    joined_at: str

    @classmethod
    def of(cls, member: Member) -> MemberAnswer:
        """The answer for a value."""
        return cls(
            user_id=member.user_id, email=member.email, role=member.role, joined_at=at(member.joined_at_ms)
        )


class InvitationAnswer(BaseModel):
    """A seat that waits."""

    id: str
    email: str
    role: Role
    created_at: str
    expires_at: str

    @classmethod
    def of(cls, invitation: Invitation) -> InvitationAnswer:
        """The answer for a value."""
        return cls(
            id=invitation.id,
            email=invitation.email,
            role=invitation.role,
            created_at=at(invitation.created_at_ms),
            expires_at=at(invitation.expires_at_ms),
        )


class ProjectAnswer(BaseModel):
    """A project. `status` is what its organization says of it alone; `delete_at`: when it is deleted, where that was
    asked for.
    """

    id: str
    organization_id: str
    name: str
    created_at: str
    status: str
    delete_at: str | None

    @classmethod
    def of(cls, project: Project) -> ProjectAnswer:
        """The answer for a value."""
        return cls(
            id=project.id,
            organization_id=project.organization_id,
            name=project.name,
            created_at=at(project.created_at_ms),
            status=project.status,
            delete_at=None if project.closing is None else at(project.closing.delete_at_ms),
        )


class ProjectStatusBody(Body):
    """What a project is to answer: `active`, `read_only` or `suspended`."""

    status: Text


class KeyAnswer(BaseModel):
    """An API key, without what its holder has."""

    id: str
    name: str
    scopes: list[str]
    namespaces: list[str] | None
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None

    @classmethod
    def of(cls, key: ApiKey) -> KeyAnswer:
        """The answer for a value."""
        return cls(
            id=key.id,
            name=key.name,
            scopes=sorted(key.scopes),
            namespaces=None if key.namespaces is None else sorted(key.namespaces),
            created_at=at(key.created_at_ms),
            expires_at=maybe_at(key.expires_at_ms),
            revoked_at=maybe_at(key.revoked_at_ms),
            last_used_at=maybe_at(key.last_used_at_ms),
        )


class NewKeyAnswer(KeyAnswer):
    """A new API key. `key` is shown this once."""

    key: str


class BrowserKeyAnswer(BaseModel):
    """A key for a page, shown this once."""

    key: str
    scopes: list[str]
    expires_at: str


class RotatedKeyAnswer(NewKeyAnswer):
    """The key that follows another, shown this once, and the other with the end that it has now."""

    replaces: KeyAnswer


class CredentialAnswer(BaseModel):
    """A session or a management token."""

    id: str
    name: str
    role: Role | None
    created_at: str
    expires_at: str

    @classmethod
    def of(cls, credential: Credential) -> CredentialAnswer:
        """The answer for a value."""
        return cls(
            id=credential.id,
            name=credential.name,
            role=credential.role,
            created_at=at(credential.created_at_ms),
            expires_at=at(credential.expires_at_ms),
        )


class NewTokenAnswer(CredentialAnswer):
    """A new management token. `token` is shown this once."""

    token: str


class AuditEventAnswer(BaseModel):
    """Who did what to which thing, from where. `outcome`: the code of the error that it ended with, null where it was
    done; `count`: so many times, of which `at` is the first.
    """

    sequence: int
    at: str
    actor: str
    action: str
    target: str
    address: str
    outcome: str | None
    count: int
    previous: str
    hash: str

    @classmethod
    def of(cls, event: AuditEvent) -> AuditEventAnswer:
        """The answer for a value."""
        return cls(
            sequence=event.sequence,
            at=at(event.at_ms),
            actor=event.actor,
            action=event.action,
            target=event.target,
            address=event.address,
            outcome=event.outcome or None,
            count=event.count,
            previous=event.previous,
            hash=event.hash,
        )


def unix_ms_of(text: str | None, field: str) -> int | None:
    """A time as the API has it, as a number. Raises InvalidArgument."""
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is None:
            raise ValueError("it has no time zone")
        return math.ceil(time.timestamp() * 1_000)
    except (ValueError, OverflowError) as error:
        raise InvalidArgument(
            f"{text[:40]!r} is no time: {error}.", field=field, hint="Write it as in 2026-01-31T12:00:00Z."
        ) from error


def at(unix_ms: int) -> str:
    """A time as the API has it."""
    return (
        datetime.fromtimestamp(unix_ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def maybe_at(unix_ms: int | None) -> str | None:
    """The same, where there may be none."""
    return None if unix_ms is None else at(unix_ms)
