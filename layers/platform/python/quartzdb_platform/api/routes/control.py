"""Management tokens, and the audit log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from quartzdb_platform.accounts.organizations import Access
from quartzdb_platform.api.auth import PlatformNow, may
from quartzdb_platform.api.models import (
    AuditEventAnswer,
    CredentialAnswer,
    NewTokenAnswer,
    TokenBody,
    unix_ms_of,
)
from quartzdb_platform.audit.log import PAGE_EVENTS_MAX, AuditFilter
from quartzdb_platform.domain.audit_event import GENESIS
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
    response: Response,
    limit: Annotated[int, Query(ge=1, le=PAGE_EVENTS_MAX)] = 100,
    before: Annotated[int | None, Query(ge=1, lt=10**12)] = None,
    since: Annotated[str | None, Query(alias="from", max_length=40)] = None,
    until: Annotated[str | None, Query(max_length=40)] = None,
    actor: Annotated[str | None, Query(min_length=1, max_length=100)] = None,
    action: Annotated[str | None, Query(min_length=1, max_length=100)] = None,
) -> list[AuditEventAnswer]:
    """The newest first: from `from` on and before `until`, of one actor, of one action or, with a dot at its end, a
    family of them (`key.`).

    The header Next-Before is what `before` has to be for the next page; without it there is none. A page that a filter
    left little of may be short or empty, and have a next one all the same.
    """
    only = AuditFilter(unix_ms_of(since, "from"), unix_ms_of(until, "until"), actor, action)
    page = platform.audit.newest(access.organization_id, limit=limit, before=before, only=only)
    if page.before is not None:
        response.headers["Next-Before"] = str(page.before)
    return [AuditEventAnswer.of(event) for event in page.events]


@router.get(
    f"{_ORGANIZATION}/audit/export",
    tags=["Audit log"],
    response_class=StreamingResponse,
    responses={200: {"content": {"application/x-ndjson": {}}, "description": "A JSON line for each event."}},
)
def export_audit_log(access: ReadsAudit, platform: PlatformNow) -> StreamingResponse:
    """Every event as a line of JSON, the oldest first, as it was hashed; and last of all the head:
    `{"head": {"sequence", "hash"}}`. The chain can be verified from this alone.
    """

    def lines() -> Iterator[bytes]:
        sequence, digest = 0, GENESIS
        for event in platform.audit.all(access.organization_id):
            sequence, digest = event.sequence, event.hash
            yield json.dumps(asdict(event), separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        # Of what was sent: more may have been written in the meantime.
        yield json.dumps({"head": {"sequence": sequence, "hash": digest}}).encode() + b"\n"

    name = f"audit-{access.organization_id}.jsonl"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(lines(), media_type="application/x-ndjson", headers=headers)


@router.get(f"{_ORGANIZATION}/audit/verify", tags=["Audit log"])
def verify_audit_log(access: ReadsAudit, platform: PlatformNow) -> Verified:
    """Walk the whole chain."""
    broken_at = platform.audit.broken_at(access.organization_id)
    return Verified(whole=broken_at is None, broken_at=broken_at)
