"""Management tokens, and the audit log."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from quartzdb_platform.accounts.organizations import Access
from quartzdb_platform.api.auth import PlatformNow, may
from quartzdb_platform.api.models import AuditEventAnswer, CredentialAnswer, NewTokenAnswer, TokenBody
from quartzdb_platform.audit.log import PAGE_EVENTS_MAX
from quartzdb_platform.domain.permissions import Permission

router = APIRouter()
_ORGANIZATION = "/organizations/{organization_id}"
ReadsTokens = Annotated[Access, Depends(may(Permission.TOKENS_READ))]
ManagesTokens = Annotated[Access, Depends(may(Permission.TOKENS_MANAGE))]
ReadsAudit = Annotated[Access, Depends(may(Permission.AUDIT_READ))]


class Verified(BaseModel):
    """Whether the audit log is whole, and where it is not."""

    whole: bool
    broken_at: str | None


@router.get(f"{_ORGANIZATION}/tokens", tags=["Management tokens"])
def list_tokens(access: ReadsTokens, platform: PlatformNow) -> list[CredentialAnswer]:
    """The oldest first."""
    return [CredentialAnswer.of(token) for token in platform.tokens.list(access)]


@router.post(f"{_ORGANIZATION}/tokens", status_code=201, tags=["Management tokens"])
def create_token(body: TokenBody, access: ManagesTokens, platform: PlatformNow) -> NewTokenAnswer:
    """A token for scripts, shown this once. Needs a sign-in of the last minutes."""
    token, text = platform.tokens.create(access, body.name, body.role, body.expires_in_seconds)
    return NewTokenAnswer(**CredentialAnswer.of(token).model_dump(), token=text)


@router.delete(f"{_ORGANIZATION}/tokens/{{token_id}}", status_code=204, tags=["Management tokens"])
def revoke_token(token_id: str, access: ManagesTokens, platform: PlatformNow) -> None:
    """End a token at once."""
    platform.tokens.revoke(access, token_id)


@router.get(f"{_ORGANIZATION}/audit", tags=["Audit log"])
def list_audit_events(
    access: ReadsAudit,
    platform: PlatformNow,
    limit: Annotated[int, Query(ge=1, le=PAGE_EVENTS_MAX)] = 100,
    before: Annotated[int | None, Query(ge=1, lt=10**12)] = None,
) -> list[AuditEventAnswer]:
    """The newest first; `before` is the number from which the next page goes on."""
    events = platform.audit.newest(access.organization_id, limit=limit, before=before)
    return [AuditEventAnswer.of(event) for event in events]


@router.get(f"{_ORGANIZATION}/audit/verify", tags=["Audit log"])
def verify_audit_log(access: ReadsAudit, platform: PlatformNow) -> Verified:
    """Walk the whole chain."""
    broken_at = platform.audit.broken_at(access.organization_id)
    return Verified(whole=broken_at is None, broken_at=broken_at)
