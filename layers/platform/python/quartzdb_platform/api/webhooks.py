"""What Stripe sends. Answered as soon as it is stored: what follows from it is tried until it is done."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request

from quartzdb.domain.errors import NotFound
from quartzdb_platform.api.auth import PlatformNow

router = APIRouter()


async def sent(request: Request) -> bytes:
    """The body as it was signed."""
    return await request.body()


@router.post("/platform/webhooks/stripe", include_in_schema=False)
def take_stripe_event(
    body: Annotated[bytes, Depends(sent)],
    platform: PlatformNow,
    signature: Annotated[str, Header(alias="Stripe-Signature")] = "",
) -> dict[str, bool]:
    """Anybody may send something; only what is signed is looked at."""
    if platform.billing is None:
        raise NotFound("This deployment takes no webhooks.")
    return {"new": platform.billing.webhooks.take(body, signature)}
