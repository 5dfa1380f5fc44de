"""Referral codes and credits of an organization."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from quartzdb_platform.accounts.organizations import Access
from quartzdb_platform.api.auth import PlatformNow, may
from quartzdb_platform.api.models import at
from quartzdb_platform.domain.credit import REFERRAL_MICRO_DOLLARS
from quartzdb_platform.domain.permissions import Permission

router = APIRouter(tags=["Referrals"])
_ORGANIZATION = "/organizations/{organization_id}"
Updates = Annotated[Access, Depends(may(Permission.ORGANIZATION_UPDATE))]
ReadsUsage = Annotated[Access, Depends(may(Permission.USAGE_READ))]


class ReferralAnswer(BaseModel):
    """A code, and what each side is credited for it. `credited`: how many began with it."""

    code: str
    micro_dollars: int
    credited: int


class CreditAnswer(BaseModel):
    """What a bill takes off. Money is whole micro-dollars."""

    id: str
    micro_dollars: int
    why: str
    created_at: str


@router.post(f"{_ORGANIZATION}/referral")
def show_referral(access: Updates, platform: PlatformNow) -> ReferralAnswer:
    """The organization's code, made when it is first asked for."""
    referral = platform.referrals.of(access)
    return ReferralAnswer(
        code=referral.code, micro_dollars=REFERRAL_MICRO_DOLLARS, credited=referral.credited
    )


@router.get(f"{_ORGANIZATION}/credits")
def list_credits(access: ReadsUsage, platform: PlatformNow) -> list[CreditAnswer]:
    """The oldest first."""
    return [
        CreditAnswer(
            id=one.id, micro_dollars=one.micro_dollars, why=one.why, created_at=at(one.created_at_ms)
        )
        for one in platform.referrals.credits(access)
    ]
