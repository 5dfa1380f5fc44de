"""Who may do what in an organization: one static table, which the documentation prints.

A role is a set of permissions and not a rank: `billing` may pay and see, and create nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from quartzdb.domain.errors import Forbidden, InvalidArgument


class Role(StrEnum):
    """What a member of an organization is there."""

    OWNER = "owner"
    ADMIN = "admin"
    DEVELOPER = "developer"
    BILLING = "billing"
    VIEWER = "viewer"


class Permission(StrEnum):
    """Something that is done to an organization or to a part of it."""

    ORGANIZATION_READ = "organization:read"
    ORGANIZATION_UPDATE = "organization:update"
    ORGANIZATION_EXPORT = "organization:export"
    ORGANIZATION_DELETE = "organization:delete"
    MEMBERS_READ = "members:read"
    MEMBERS_MANAGE = "members:manage"
    OWNERS_MANAGE = "owners:manage"
    PROJECTS_READ = "projects:read"
    PROJECTS_CREATE = "projects:create"
    PROJECTS_SUSPEND = "projects:suspend"
    PROJECTS_DELETE = "projects:delete"
    KEYS_READ = "keys:read"
    KEYS_CREATE = "keys:create"
    KEYS_REVOKE = "keys:revoke"
    DATA_READ = "data:read"
    DATA_WRITE = "data:write"
    TOKENS_READ = "tokens:read"
    TOKENS_MANAGE = "tokens:manage"
    AUDIT_READ = "audit:read"
    USAGE_READ = "usage:read"
    CAP_UPDATE = "cap:update"
    BILLING_READ = "billing:read"
    BILLING_MANAGE = "billing:manage"


_VIEWER = frozenset(
    {
        Permission.ORGANIZATION_READ,
        Permission.MEMBERS_READ,
        Permission.PROJECTS_READ,
        Permission.KEYS_READ,
        Permission.DATA_READ,
        Permission.USAGE_READ,
    }
)
_DEVELOPER = _VIEWER | {
    Permission.PROJECTS_CREATE,
    Permission.KEYS_CREATE,
    Permission.KEYS_REVOKE,
    Permission.DATA_WRITE,
}
_ADMIN = _DEVELOPER | {
    Permission.ORGANIZATION_UPDATE,
    Permission.MEMBERS_MANAGE,
    Permission.PROJECTS_SUSPEND,
    Permission.TOKENS_READ,
    Permission.TOKENS_MANAGE,
    Permission.AUDIT_READ,
    Permission.CAP_UPDATE,
    Permission.BILLING_READ,
}

PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.ADMIN: _ADMIN,
    Role.DEVELOPER: _DEVELOPER,
    Role.BILLING: _VIEWER - {Permission.KEYS_READ, Permission.DATA_READ}
    | {Permission.CAP_UPDATE, Permission.BILLING_READ, Permission.BILLING_MANAGE},
    Role.VIEWER: _VIEWER,
}


def roles_with(permission: Permission) -> tuple[Role, ...]:
    """Every role that has it."""
    return tuple(role for role in Role if permission in PERMISSIONS[role])


def require(role: Role, permission: Permission) -> None:
    """Raises Forbidden where the role does not have the permission."""
    if permission not in PERMISSIONS[role]:
        can = ", ".join(roles_with(permission))
        raise Forbidden(
            f"Your role here is {role.value}, which does not have {permission.value}.",
            hint=f"Ask somebody who is: {can}.",
        )


def grants_at_most(giver: Role, given: Role) -> bool:
    """Whether who has the one role may give the other: nobody gives what they do not have."""
    return PERMISSIONS[given] <= PERMISSIONS[giver]


def checked_role(text: str) -> Role:
    """Raises InvalidArgument."""
    try:
        return Role(text)
    except ValueError as error:
        raise InvalidArgument(
            f"{text[:40]!r} is no role.", field="role", hint=f"Use one of: {', '.join(Role)}."
        ) from error
