"""Schemas of key-value items in JSON. A single item's bytes go in and out as they are, without any."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from pydantic.config import JsonDict

from quartzdb.api.schemas.fields import (
    After,
    ConsistencyChoice,
    Cursor,
    Key,
    Limit,
    NextCursor,
    Prefix,
    Time,
    TtlSeconds,
    Version,
)
from quartzdb.api.schemas.freshness import ReadDocument
from quartzdb.api.schemas.model import Array, Body, Document, QueryString
from quartzdb.api.schemas.receipt import DryRun, Receipt
from quartzdb.domain.limits import CONTENT_TYPE_CHARACTERS_MAX, KV_BATCH_ITEMS_MAX

_BATCH: JsonDict = {"minItems": 1, "maxItems": KV_BATCH_ITEMS_MAX}


class PutQuery(QueryString):
    """How long the value is kept."""

    ttl_seconds: TtlSeconds = None


class GetQuery(QueryString):
    """How fresh the value must be. It always is: items are read strongly consistently, whatever is asked for."""

    consistency: ConsistencyChoice = "strong"
    version: After = None


class PutParameters(Document):
    """The item's new version, which is also its ETag."""

    key: Key
    version: Version
    usage: Receipt


class KeyDeleted(Document):
    """Whether the key existed."""

    deleted: bool
    version: Version
    usage: Receipt


class ItemDocument(Document):
    """An item: `value` where its bytes are UTF-8 text, else `value_base64`; neither where only keys were asked for."""

    key: Key
    version: Version
    content_type: str
    expires_at: Time | None
    value: str | None = None
    value_base64: str | None = None


class ListItems(QueryString):
    """Which items, and whether with their values."""

    prefix: Prefix = ""
    limit: Limit = 100
    cursor: Cursor = None
    values: bool = Field(
        False, description="With values a page also ends when they come to 32 MiB, whatever its limit."
    )
    consistency: ConsistencyChoice = "strong"
    version: After = None


class ItemPage(ReadDocument):
    """A page of items in key order."""

    items: list[ItemDocument]
    cursor: NextCursor
    usage: Receipt


class GetItems(Body):
    """Which items to read."""

    keys: Array[Key] = Field(json_schema_extra=_BATCH)
    consistency: ConsistencyChoice = "strong"
    version: After = None
    dry_run: DryRun = False


class ItemsFound(ReadDocument):
    """The items that exist, in the order asked for, and the keys of those that do not."""

    items: list[ItemDocument]
    missing: list[Key]
    usage: Receipt


class ItemToPut(Body):
    """An item to be written, with exactly one of `value`, `value_base64` and `json`."""

    key: Key
    value: str | None = Field(None, description="Text; kept as UTF-8.")
    value_base64: str | None = Field(
        None, description="Bytes, in standard base64.", json_schema_extra={"contentEncoding": "base64"}
    )
    json_value: Any = Field(None, alias="json", description="Any JSON value; kept as compact JSON text.")
    content_type: str | None = Field(
        None,
        description="By default text/plain, application/octet-stream or application/json, by how the value is given.",
        json_schema_extra={"maxLength": CONTENT_TYPE_CHARACTERS_MAX},
    )
    ttl_seconds: TtlSeconds = None


class PutItems(Body):
    """Items to be written together: all of them or none."""

    items: Array[ItemToPut] = Field(json_schema_extra=_BATCH)
    version: After = None
    dry_run: DryRun = False


class ItemsPut(Document):
    """How many items were written, at which version."""

    put: int
    version: Version
    usage: Receipt


class DeleteItems(Body):
    """Keys to delete; one that does not exist is no error."""

    keys: Array[Key] = Field(json_schema_extra=_BATCH)
    version: After = None
    dry_run: DryRun = False


class ItemsDeleted(Document):
    """How many keys existed."""

    deleted: int
    version: Version
    usage: Receipt
