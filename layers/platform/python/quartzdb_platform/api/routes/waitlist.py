"""The waiting list. Its answers are the same for everybody."""

from __future__ import annotations

from fastapi import APIRouter, Request

from quartzdb_platform.api.auth import PlatformNow, address_of
from quartzdb_platform.api.models import EmailBody, LinkBody

router = APIRouter(tags=["Waiting list"])


@router.post("/waitlist", status_code=202)
def join_waitlist(body: EmailBody, request: Request, platform: PlatformNow) -> dict[str, str]:
    """Mail a link that proves the address, or how it stands."""
    platform.waitlist.join(body.email, address_of(request))
    return {"status": "sent"}


@router.post("/waitlist/confirm")
def confirm_waitlist(body: LinkBody, request: Request, platform: PlatformNow) -> dict[str, str]:
    """Prove the address with the link's secret: from now on it waits."""
    platform.waitlist.confirm(body.email, body.link, address_of(request))
    return {"status": "waiting"}
