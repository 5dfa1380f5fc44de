"""What providers of secret scanning send: keys and tokens that somebody published."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Request
from pydantic import BaseModel

from quartzdb.domain.errors import NotFound
from quartzdb_platform.api.auth import PlatformNow, address_of

router = APIRouter(tags=["Secret scanning"])


class Match(BaseModel):
    """Something that looks like a key or a token, and where it is."""

    token: str
    type: str
    url: str | None = None
    source: str | None = None


class VerdictAnswer(BaseModel):
    """What it is: `true_positive` is a key or a token of this platform, which has ended. The hash is SHA-256."""

    token_hash: str
    token_type: str
    label: Literal["true_positive", "false_positive"]


async def sent(request: Request) -> bytes:
    """The body as it was signed."""
    return await request.body()


@router.post(
    "/secret-scanning/github",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"type": "array", "items": Match.model_json_schema()}}
            },
        }
    },
)
def report_leaks(
    request: Request,
    body: Annotated[bytes, Depends(sent)],
    platform: PlatformNow,
    key_id: Annotated[str, Header(alias="Github-Public-Key-Identifier")] = "",
    signature: Annotated[str, Header(alias="Github-Public-Key-Signature")] = "",
) -> list[VerdictAnswer]:
    """In the format of GitHub's partner program. The body is signed with a key that the provider publishes."""
    if platform.secret_scanning is None:
        raise NotFound("This platform is sent no leaks.", hint="Its operator names a provider's public keys.")
    verdicts = platform.secret_scanning.report(body, key_id, signature, address_of(request))
    return [
        VerdictAnswer(
            token_hash=one.token_hash,
            token_type=one.token_type,
            label="true_positive" if one.genuine else "false_positive",
        )
        for one in verdicts
    ]
