"""How an organization and an account end, and what one takes along."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from quartzdb_platform.accounts.organizations import Access
from quartzdb_platform.api.auth import CallerNow, PlatformNow, UserNow, may
from quartzdb_platform.api.models import NameBody, at
from quartzdb_platform.domain.closing import Closing
from quartzdb_platform.domain.permissions import Permission

router = APIRouter(tags=["Life of an organization"])
_ORGANIZATION = "/organizations/{organization_id}"
Reads = Annotated[Access, Depends(may(Permission.ORGANIZATION_READ))]
Deletes = Annotated[Access, Depends(may(Permission.ORGANIZATION_DELETE))]
Exports = Annotated[Access, Depends(may(Permission.ORGANIZATION_EXPORT))]


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


@router.delete("/account", status_code=204)
def delete_account(asks: CallerNow, user: UserNow, platform: PlatformNow) -> None:
    """Leave every organization and have the account, its sessions, passkeys and address deleted. Refused to the last
    owner of an organization. Needs a sign-in of the last minutes."""
    platform.leaving.leave(user, asks.credential, asks.address)
