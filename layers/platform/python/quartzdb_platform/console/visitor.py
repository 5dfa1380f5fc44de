"""Who looks at a page, where they are, and what they sent: dependencies of the pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hmac import compare_digest
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData

from quartzdb.domain.errors import Forbidden, QuartzError, Unauthenticated
from quartzdb_platform.accounts.organizations import Access
from quartzdb_platform.api.auth import SESSION_COOKIE, Caller, PlatformNow, address_of
from quartzdb_platform.console.words import english
from quartzdb_platform.domain.permissions import PERMISSIONS, Permission, Role
from quartzdb_platform.domain.records import Organization, Project, User
from quartzdb_platform.identity.credentials import csrf_token

PROBLEM_STATUS = 400


class SignedOut(QuartzError):
    """Nobody is signed in, or no longer. `path`: where they wanted to go."""

    code = "signed_out"

    def __init__(self, path: str) -> None:
        super().__init__(english()("errors.signed_out"))
        self.path = path


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person who is signed in by this browser."""

    caller: Caller
    user: User
    csrf: str


def visitor(request: Request, platform: PlatformNow) -> Visitor:
    """By the cookie alone. Raises SignedOut."""
    text = request.cookies.get(SESSION_COOKIE, "")
    try:
        credential = platform.credentials.authenticate(text)
        user = platform.credentials.user(credential)
    except (Unauthenticated, Forbidden) as error:
        raise SignedOut(request.url.path if request.method == "GET" else "") from error
    return Visitor(Caller(credential, address_of(request), text), user, csrf_token(text))


VisitorNow = Annotated[Visitor, Depends(visitor)]


class Form:
    """The fields of a form, as text without the white space around it."""

    def __init__(self, data: FormData) -> None:
        self._data = data

    def text(self, name: str) -> str:
        """The field's value, empty where it was not sent."""
        value = self._data.get(name, "")
        return value.strip() if isinstance(value, str) else ""

    def texts(self, name: str) -> Sequence[str]:
        """Every value of the field, as of boxes that are ticked."""
        return [value.strip() for value in self._data.getlist(name) if isinstance(value, str)]


async def form_of(request: Request) -> Form:
    """What a form of somebody who is not signed in sent."""
    return Form(await request.form())


async def posted(request: Request, who: VisitorNow) -> Form:
    """What a form sent. Raises Forbidden without the token of the session: then another site sent it."""
    form = await form_of(request)
    if not compare_digest(form.text("csrf").encode(), who.csrf.encode()):
        raise Forbidden(english()("errors.foreign_form"), hint=english()("errors.foreign_form_hint"))
    return form


Posted = Annotated[Form, Depends(posted)]


@dataclass(frozen=True, slots=True)
class Place:
    """A visitor in an organization of theirs, and in a project of it where the page is about one."""

    visitor: Visitor
    access: Access
    organization: Organization
    project: Project | None = None

    @property
    def here(self) -> Project:
        """The project of a page that is about one."""
        assert self.project is not None
        return self.project

    def may(self, permission: str) -> bool:
        """Whether their role has it: what they may not do is not offered."""
        return Permission(permission) in PERMISSIONS[Role(self.access.role)]


def in_organization(permission: Permission) -> Callable[..., Place]:
    """A dependency: the place that the path names. Raises NotFound, Forbidden."""

    def place(organization_id: str, platform: PlatformNow, who: VisitorNow) -> Place:
        access = platform.organizations.access(
            who.caller.credential, organization_id, permission, who.caller.address
        )
        return Place(who, access, platform.organizations.get(access))

    return place


def in_project(permission: Permission) -> Callable[..., Place]:
    """The same, by the project of the path."""

    def place(project_id: str, platform: PlatformNow, who: VisitorNow) -> Place:
        access, project = platform.organizations.access_to_project(
            who.caller.credential, project_id, permission, who.caller.address
        )
        return Place(who, access, platform.organizations.get(access), project)

    return place
