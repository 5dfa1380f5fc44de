"""Projects and their API keys."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from quartzdb_platform.accounts.organizations import Access
from quartzdb_platform.api.auth import CallerNow, PlatformNow, UserNow, may, may_in_project
from quartzdb_platform.api.models import (
    BrowserKeyAnswer,
    KeyAnswer,
    KeyBody,
    NameBody,
    NewKeyAnswer,
    ProjectAnswer,
    RotateBody,
    RotatedKeyAnswer,
    at,
)
from quartzdb_platform.domain.permissions import Permission
from quartzdb_platform.domain.records import Project

router = APIRouter()
_PROJECTS = "/organizations/{organization_id}/projects"
_PROJECT = "/projects/{project_id}"
Reads = Annotated[Access, Depends(may(Permission.PROJECTS_READ))]
Creates = Annotated[Access, Depends(may(Permission.PROJECTS_CREATE))]
ReadsOne = Annotated[tuple[Access, Project], Depends(may_in_project(Permission.PROJECTS_READ))]
RenamesOne = Annotated[tuple[Access, Project], Depends(may_in_project(Permission.PROJECTS_CREATE))]
ReadsKeys = Annotated[tuple[Access, Project], Depends(may_in_project(Permission.KEYS_READ))]
CreatesKeys = Annotated[tuple[Access, Project], Depends(may_in_project(Permission.KEYS_CREATE))]
ReadsData = Annotated[tuple[Access, Project], Depends(may_in_project(Permission.DATA_READ))]
RevokesKeys = Annotated[tuple[Access, Project], Depends(may_in_project(Permission.KEYS_REVOKE))]


@router.post(_PROJECTS, status_code=201, tags=["Projects"])
def create_project(body: NameBody, access: Creates, platform: PlatformNow) -> ProjectAnswer:
    """A new project: namespaces, keys and data of its own, apart from every other's."""
    return ProjectAnswer.of(platform.projects.create(access, body.name))


@router.get(_PROJECTS, tags=["Projects"])
def list_projects(access: Reads, platform: PlatformNow) -> list[ProjectAnswer]:
    """The oldest first."""
    return [ProjectAnswer.of(project) for project in platform.projects.list(access)]


@router.get(_PROJECT, tags=["Projects"])
def show_project(found: ReadsOne) -> ProjectAnswer:
    """One of them."""
    return ProjectAnswer.of(found[1])


@router.patch(_PROJECT, tags=["Projects"])
def rename_project(body: NameBody, found: RenamesOne, platform: PlatformNow) -> ProjectAnswer:
    """Give it another name. Its id stays, and with it everything that is in it."""
    return ProjectAnswer.of(platform.projects.rename(*found, body.name))


@router.get(f"{_PROJECT}/keys", tags=["API keys"])
def list_keys(found: ReadsKeys, platform: PlatformNow) -> list[KeyAnswer]:
    """By creation time, revoked ones included."""
    return [KeyAnswer.of(key) for key in platform.projects.keys(found[1])]


@router.post(f"{_PROJECT}/keys", status_code=201, tags=["API keys"])
def create_key(body: KeyBody, found: CreatesKeys, platform: PlatformNow) -> NewKeyAnswer:
    """A key of the database, shown this once."""
    access, project = found
    key, text = platform.projects.create_key(
        access,
        project,
        body.name,
        body.scopes,
        namespaces=body.namespaces,
        expires_in_seconds=body.expires_in_seconds,
    )
    return NewKeyAnswer(**KeyAnswer.of(key).model_dump(), key=text)


@router.post(f"{_PROJECT}/keys/{{key_id}}/rotate", status_code=201, tags=["API keys"])
def rotate_key(key_id: str, body: RotateBody, found: CreatesKeys, platform: PlatformNow) -> RotatedKeyAnswer:
    """A key of the same name, scopes and namespaces, shown this once; the other one ends after the overlap."""
    made = platform.projects.rotate_key(
        *found, key_id, body.overlap_seconds, expires_in_seconds=body.expires_in_seconds
    )
    return RotatedKeyAnswer(
        **KeyAnswer.of(made.key).model_dump(), key=made.text, replaces=KeyAnswer.of(made.replaced)
    )


@router.delete(f"{_PROJECT}/keys/{{key_id}}", status_code=204, tags=["API keys"])
def revoke_key(key_id: str, found: RevokesKeys, platform: PlatformNow) -> None:
    """End a key: here at once, elsewhere within seconds."""
    platform.projects.revoke_key(*found, key_id)


@router.post(f"{_PROJECT}/browser-keys", status_code=201, tags=["API keys"])
def create_browser_key(
    found: ReadsData, user: UserNow, asks: CallerNow, platform: PlatformNow
) -> BrowserKeyAnswer:
    """A key of the database for a page that shows data, good for 5 to 15 minutes: to read, or with `data:write` to
    read, write and manage namespaces. It manages no keys, and is in no list. Only a person is given one, and the same
    again in the same session while that is good for five minutes at least.
    """
    access, project = found
    key, text = platform.browser_keys.create(access, user, project, asks.text)
    assert key.expires_at_ms is not None
    return BrowserKeyAnswer(key=text, scopes=sorted(key.scopes), expires_at=at(key.expires_at_ms))
