"""Errors as documents."""

from __future__ import annotations

from pydantic import Field

from quartzdb.api.schemas.model import Document


class UnmetConditionDocument(Document):
    """A record whose condition does not hold."""

    id: str
    version: str | None = Field(description="The version that it is at; null where it does not exist.")
    reason: str


class Problem(Document):
    """A problem document (RFC 9457)."""

    type: str = Field(description="Where this kind of problem is explained.")
    title: str = Field(description="The kind of problem, for people.")
    status: int
    detail: str = Field(description="What happened, to what.")
    code: str = Field(description="The kind of problem, for programs. Stable.")
    field: str | None = Field(description="The place in the request that is wrong, as `vectors[3].id`.")
    hint: str | None = Field(description="What to do about it.")
    request_id: str = Field(description="Names this request in the log.")
    cursor: str = Field(
        default="",
        description="Only of `feed_gap` and `changes_gone`: the place in the feed to go on from after a repair, or "
        "after everything was listed anew.",
    )
    failures: list[UnmetConditionDocument] = Field(
        default=[], description="Of `precondition_failed` for a batch of records: those that it failed for."
    )
    limit: str = Field(
        default="",
        description="Of `limit_reached` and `rate_limited`: the name of the limit. So are the next five.",
    )
    used: int = Field(default=0, description="What of it is used, or was asked for.")
    allowed: int = Field(default=0, description="What is allowed.")
    unit: str = Field(default="", description="What is counted.")
    resets_at: str | None = Field(
        default=None, description="When it begins anew; null where it does not by itself."
    )
    raise_at: str | None = Field(default=None, description="Where it can be raised, as an address.")


class CloudflareError(Document):
    """An error on the Cloudflare-compatible paths."""

    success: bool = Field(json_schema_extra={"const": False})
    error: str
    code: str
