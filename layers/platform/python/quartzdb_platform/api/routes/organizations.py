"""Organizations, their members and invitations."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from quartzdb.domain.errors import InvalidArgument
from quartzdb_platform.accounts.organizations import Access
from quartzdb_platform.api.auth import CallerNow, PlatformNow, UserNow, may
from quartzdb_platform.api.models import (
    AcceptBody,
    InvitationAnswer,
    InvitationBody,
    MemberAnswer,
    OrganizationAnswer,
    OrganizationBody,
    OrganizationChange,
    RoleBody,
)
from quartzdb_platform.domain.permissions import Permission, Role

router = APIRouter()
_ORGANIZATION = "/organizations/{organization_id}"
Reads = Annotated[Access, Depends(may(Permission.ORGANIZATION_READ))]
Updates = Annotated[Access, Depends(may(Permission.ORGANIZATION_UPDATE))]
ReadsMembers = Annotated[Access, Depends(may(Permission.MEMBERS_READ))]
ManagesMembers = Annotated[Access, Depends(may(Permission.MEMBERS_MANAGE))]


@router.post("/organizations", status_code=201, tags=["Organizations"])
def create_organization(
    body: OrganizationBody, asks: CallerNow, user: UserNow, platform: PlatformNow
) -> OrganizationAnswer:
    """A new organization, whose first owner is who creates it."""
    made = platform.organizations.create(user, body.name, asks.address, body.region)
    return OrganizationAnswer.of(made, Role.OWNER)


@router.get("/organizations", tags=["Organizations"])
def list_organizations(user: UserNow, platform: PlatformNow) -> list[OrganizationAnswer]:
    """Those where this person has a seat."""
    found = platform.organizations.of_user(user.id)
    return [OrganizationAnswer.of(organization, role) for organization, role in found]


@router.get(_ORGANIZATION, tags=["Organizations"])
def show_organization(access: Reads, platform: PlatformNow) -> OrganizationAnswer:
    """One of them."""
    return OrganizationAnswer.of(platform.organizations.get(access), access.role)


@router.patch(_ORGANIZATION, tags=["Organizations"])
def change_organization(
    body: OrganizationChange, access: Updates, platform: PlatformNow
) -> OrganizationAnswer:
    """Give it another name, or move it to another region, which it can while it has no data."""
    if (body.name is None) == (body.region is None):
        raise InvalidArgument("Change the name or the region: one at a time.")
    if body.name is not None:
        return OrganizationAnswer.of(platform.organizations.rename(access, body.name), access.role)
    assert body.region is not None
    return OrganizationAnswer.of(platform.residences.move(access, body.region), access.role)


@router.get(f"{_ORGANIZATION}/members", tags=["Members"])
def list_members(access: ReadsMembers, platform: PlatformNow) -> list[MemberAnswer]:
    """Who has a seat there."""
    return [MemberAnswer.of(member) for member in platform.members.list(access)]


@router.patch(f"{_ORGANIZATION}/members/{{user_id}}", tags=["Members"])
def change_role(user_id: str, body: RoleBody, access: ManagesMembers, platform: PlatformNow) -> MemberAnswer:
    """Give a member another role: at most one's own, and the last owner stays one."""
    return MemberAnswer.of(platform.members.change_role(access, user_id, body.role))


@router.delete(f"{_ORGANIZATION}/members/{{user_id}}", status_code=204, tags=["Members"])
def remove_member(user_id: str, access: ManagesMembers, platform: PlatformNow) -> None:
    """Take a seat away, at once."""
    platform.members.remove(access, user_id)


@router.get(f"{_ORGANIZATION}/invitations", tags=["Members"])
def list_invitations(access: ManagesMembers, platform: PlatformNow) -> list[InvitationAnswer]:
    """Seats that wait."""
    return [InvitationAnswer.of(invitation) for invitation in platform.members.invitations(access)]


@router.post(f"{_ORGANIZATION}/invitations", status_code=201, tags=["Members"])
def invite(
    body: InvitationBody, access: ManagesMembers, user: UserNow, platform: PlatformNow
) -> InvitationAnswer:
    """Mail somebody a seat."""
    return InvitationAnswer.of(platform.members.invite(access, user, body.email, body.role))


@router.delete(f"{_ORGANIZATION}/invitations/{{invitation_id}}", status_code=204, tags=["Members"])
def withdraw_invitation(invitation_id: str, access: ManagesMembers, platform: PlatformNow) -> None:
    """Take an invitation back."""
    platform.members.withdraw(access, invitation_id)


@router.post("/invitations/accept", tags=["Members"])
def accept_invitation(
    body: AcceptBody, asks: CallerNow, user: UserNow, platform: PlatformNow
) -> MemberAnswer:
    """Take the seat that was mailed to this person's address."""
    return MemberAnswer.of(platform.members.accept(user, body.invitation, asks.address))
