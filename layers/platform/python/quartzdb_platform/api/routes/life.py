"""How an organization and an account end, and what one takes along."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from quartzdb_platform.accounts.exports import Export
from quartzdb_platform.accounts.organizations import Access
from quartzdb_platform.api.auth import CallerNow, PlatformNow, UserNow, may, may_in_project
from quartzdb_platform.api.models import NameBody, ProjectAnswer, ProjectStatusBody, at
from quartzdb_platform.domain.closing import Closing
from quartzdb_platform.domain.permissions import Permission
from quartzdb_platform.domain.records import Project

router = APIRouter(tags=["Life of an organization"])
_ORGANIZATION = "/organizations/{organization_id}"
_PROJECT = "/projects/{project_id}"
Reads = Annotated[Access, Depends(may(Permission.ORGANIZATION_READ))]
Deletes = Annotated[Access, Depends(may(Permission.ORGANIZATION_DELETE))]
Exports = Annotated[Access, Depends(may(Permission.ORGANIZATION_EXPORT))]
ReadsProject = Annotated[tuple[Access, Project], Depends(may_in_project(Permission.PROJECTS_READ))]
SuspendsProject = Annotated[tuple[Access, Project], Depends(may_in_project(Permission.PROJECTS_SUSPEND))]
DeletesProject = Annotated[tuple[Access, Project], Depends(may_in_project(Permission.PROJECTS_DELETE))]


class DeletionAnswer(BaseModel):
    """The deletion that was asked for; nulls where none was."""

    requested_at: str | None = None
    requested_by: str | None = None
    delete_at: str | None = None

    @classmethod
    def of(cls, closing: Closing | None) -> DeletionAnswer:
        """The answer for a value."""
        if closing is None:
            return cls()
        return cls(
            requested_at=at(closing.requested_at_ms),
            requested_by=closing.requested_by,
            delete_at=at(closing.delete_at_ms),
        )


@router.get(f"{_ORGANIZATION}/deletion")
def show_deletion(access: Reads, platform: PlatformNow) -> DeletionAnswer:
    """Whether its deletion was asked for, and when it comes."""
    return DeletionAnswer.of(platform.closings.get(access))


@router.post(f"{_ORGANIZATION}/deletion", status_code=202)
def request_deletion(body: NameBody, access: Deletes, platform: PlatformNow) -> DeletionAnswer:
    """Have the organization deleted in thirty days, with everything in its projects. Until then its data can be read
    and exported, and not changed. Needs a sign-in of the last minutes, and the organization's name."""
    return DeletionAnswer.of(platform.closings.request(access, body.name))


@router.delete(f"{_ORGANIZATION}/deletion", status_code=204)
def cancel_deletion(access: Deletes, platform: PlatformNow) -> None:
    """Call it off: everything is as before."""
    platform.closings.cancel(access)


@router.put(f"{_PROJECT}/status")
def set_project_status(
    body: ProjectStatusBody, found: SuspendsProject, platform: PlatformNow
) -> ProjectAnswer:
    """Have everything of the project answered, only what reads, or nothing; its data and keys stay. The stricter of
    this, its organization's status and a deletion that was asked for holds, and none lifts another."""
    return ProjectAnswer.of(platform.project_ends.say(*found, body.status))


@router.get(f"{_PROJECT}/deletion")
def show_project_deletion(found: ReadsProject) -> DeletionAnswer:
    """Whether the project's deletion was asked for, and when it comes."""
    return DeletionAnswer.of(found[1].closing)


@router.post(f"{_PROJECT}/deletion", status_code=202)
def request_project_deletion(body: NameBody, found: DeletesProject, platform: PlatformNow) -> DeletionAnswer:
    """Have the project deleted in thirty days, with all that is in it. Until then its data can be read and exported,
    and not changed. Needs a sign-in of the last minutes, and the project's name."""
    return DeletionAnswer.of(platform.project_ends.request(*found, body.name))


@router.delete(f"{_PROJECT}/deletion", status_code=204)
def cancel_project_deletion(found: DeletesProject, platform: PlatformNow) -> None:
    """Call it off: everything is as before."""
    platform.project_ends.cancel(*found)


@router.get(
    f"{_ORGANIZATION}/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": {}}, "description": "The archive, as it is made."}},
)
def export_organization(access: Exports, platform: PlatformNow) -> StreamingResponse:
    """Everything as a ZIP file of JSON lines: the organization, its members, invitations, tokens and projects, the
    audit log, and of each project its keys, its usage and what `quartzdb export` writes of each namespace. No secrets.
    Needs a sign-in of the last minutes. An archive that ends without its directory is not whole."""
    pieces = platform.archive.begin(access)
    headers = {"Content-Disposition": f'attachment; filename="{access.organization_id}.zip"'}
    return StreamingResponse(pieces, media_type="application/zip", headers=headers)


class ExportAnswer(BaseModel):
    """An archive that is being made, or is there: `ready_at` says since when, and `deleted_at` until when."""

    id: str
    requested_at: str
    requested_by: str
    state: Literal["running", "ready", "failed"]
    steps: int
    bytes: int | None
    ready_at: str | None
    deleted_at: str | None

    @classmethod
    def of(cls, export: Export) -> ExportAnswer:
        """The answer for a value."""
        state: Literal["running", "ready", "failed"] = "running" if export.ready_at_ms is None else "ready"
        return cls(
            id=export.id,
            requested_at=at(export.requested_at_ms),
            requested_by=export.requested_by,
            state="failed" if export.failed else state,
            steps=export.steps,
            bytes=export.bytes,
            ready_at=None if export.ready_at_ms is None else at(export.ready_at_ms),
            deleted_at=None if export.delete_at_ms is None else at(export.delete_at_ms),
        )


class LinkAnswer(BaseModel):
    """Where an archive can be fetched, by whoever has the link, until it ends."""

    url: str
    expires_at: str


@router.post(f"{_ORGANIZATION}/exports", status_code=202)
def request_export(access: Exports, platform: PlatformNow) -> ExportAnswer:
    """Have everything put into an archive, where it is too large for one answer: a ZIP file as `…/export` sends it,
    kept for six days. Needs a sign-in of the last minutes. A deployment that sends everything at once keeps none
    (409)."""
    return ExportAnswer.of(platform.exports.request(access))


@router.get(f"{_ORGANIZATION}/exports")
def list_exports(access: Exports, platform: PlatformNow) -> list[ExportAnswer]:
    """Archives that are being made or are there, the oldest first."""
    return [ExportAnswer.of(one) for one in platform.exports.list(access)]


@router.post(f"{_ORGANIZATION}/exports/{{export_id}}/link")
def link_export(export_id: str, access: Exports, platform: PlatformNow) -> LinkAnswer:
    """A link by which anybody may fetch the archive for 15 minutes. Needs a sign-in of the last minutes."""
    url, expires_at_ms = platform.exports.link(access, export_id)
    return LinkAnswer(url=url, expires_at=at(expires_at_ms))


@router.delete(f"{_ORGANIZATION}/exports/{{export_id}}", status_code=204)
def delete_export(export_id: str, access: Exports, platform: PlatformNow) -> None:
    """Have the archive gone within minutes, whole or not."""
    platform.exports.delete(access, export_id)


@router.delete("/account", status_code=204)
def delete_account(asks: CallerNow, user: UserNow, platform: PlatformNow) -> None:
    """Leave every organization and have the account, its sessions, passkeys and address deleted. Refused to the last
    owner of an organization. Needs a sign-in of the last minutes."""
    platform.leaving.leave(user, asks.credential, asks.address)
