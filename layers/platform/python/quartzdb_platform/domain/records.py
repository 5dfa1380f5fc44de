"""What the platform keeps, as values. Times are unix milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from quartzdb_platform.domain.closing import Closing
from quartzdb_platform.domain.permissions import Role


@dataclass(frozen=True, slots=True)
class User:
    """A person, by one e-mail address."""

    id: str
    email: str
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class Organization:
    """Whom a plan, members and projects belong to.

    `cap_micro_dollars`: what a month may cost beyond the plan's price, None for no cap. `status` is one of a
    tenant of the database, and holds for all projects. `stripe_customer` and `billing_state` are what billing found.
    """

    id: str
    name: str
    created_at_ms: int
    owners: int
    plan: str = "free"
    cap_micro_dollars: int | None = None
    region: str | None = None
    status: str = "active"
    stripe_customer: str | None = None
    billing_state: str = "none"


@dataclass(frozen=True, slots=True)
class Member:
    """A person in an organization."""

    organization_id: str
    user_id: str
    email: str
    role: Role
    joined_at_ms: int


@dataclass(frozen=True, slots=True)
class Project:
    """A tenant of the database. `status`: what its organization says of it alone; `closing`: its deletion, where it was
    asked for.
    """

    id: str
    organization_id: str
    name: str
    created_at_ms: int
    status: str = "active"
    closing: Closing | None = None


@dataclass(frozen=True, slots=True)
class Invitation:
    """A seat that waits for whoever holds the address."""

    id: str
    organization_id: str
    email: str
    role: Role
    invited_by: str
    created_at_ms: int
    expires_at_ms: int


class CredentialKind(StrEnum):
    """How somebody proves who they are."""

    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - the word
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Credential:
    """A session of a person, a management token of an organization, or a token of an operator. Only its hash is stored.

    `signed_in_at_ms`: when its holder last proved who they are. A token has an organization and a role there.
    `seen_at_ms`: when a session was used, as far as that was noted.
    """

    id: str
    kind: CredentialKind
    user_id: str
    created_at_ms: int
    expires_at_ms: int
    signed_in_at_ms: int
    name: str = ""
    organization_id: str | None = None
    role: Role | None = None
    seen_at_ms: int | None = None
