"""Schemas of erasures."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from quartzdb.api.schemas.fields import After, Cursor, Filter, Key, Limit, NextCursor, RecordId, Time, Version
from quartzdb.api.schemas.model import Array, Body, Document, QueryString
from quartzdb.api.schemas.receipt import Receipt
from quartzdb.domain.limits import DELETE_IDS_MAX, KV_BATCH_ITEMS_MAX

Status = Literal["pending", "gone"]


class EraseRequest(Body):
    """What to erase: exactly one of `ids`, `keys` and `filter`."""

    ids: Array[RecordId] | None = Field(None, json_schema_extra={"minItems": 1, "maxItems": DELETE_IDS_MAX})
    keys: Array[Key] | None = Field(None, json_schema_extra={"minItems": 1, "maxItems": KV_BATCH_ITEMS_MAX})
    filter: Filter = None
    version: After = None


class ErasureBegun(Document):
    """It is deleted, and is being erased."""

    id: str
    status: Status
    deleted: int = Field(description="How many of them existed.")
    version: Version | None = Field(
        description="Null where a filter matched nothing, so nothing was written."
    )
    more: bool = Field(description="Whether the filter matches further records: send the request again.")
    usage: Receipt


class ErasurePlace(Document):
    """A place that may have something of it."""

    place: Literal["segments", "log", "files", "values", "keys", "idempotent_answers", "peer"]
    status: Status
    at: Time | None = Field(description="Since when it is gone.")
    until: Time | None = Field(description="When it is gone at the latest, where that is known.")
    why: str | None = Field(description="Why it is kept, where that is no matter of work to be done.")


class ErasureReport(Document):
    """What is gone from where."""

    id: str
    status: Status = Field(description="`gone`: from all places.")
    requested_at: Time
    deleted: int = Field(description="How many of them existed.")
    places: list[ErasurePlace]
    copies: list[str] = Field(description="What no erasure reaches, and how long that is kept.")


class ErasurePage(Document):
    """A page of erasures, the oldest first."""

    erasures: list[ErasureReport]
    cursor: NextCursor


class ListErasures(QueryString):
    """Which erasures."""

    limit: Limit = 100
    cursor: Cursor = None
