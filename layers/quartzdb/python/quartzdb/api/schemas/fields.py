"""The types that fields of several schemas have, with the limits and examples that readers of the schema see."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from quartzdb.domain.limits import (
    CONTRACT_ID_PATTERN,
    DIMENSION_MAX,
    ID_BYTES_MAX,
    ID_PATTERN,
    KEY_CHARACTERS_MAX,
    LIST_LIMIT_MAX,
    METADATA_BYTES_MAX,
    METADATA_DEPTH_MAX,
    NAMESPACE_NAME_PATTERN,
    RECALL_MIN,
    TTL_SECONDS_MAX,
    TTL_SECONDS_MIN,
)

NamespaceName = Annotated[
    str,
    Field(
        description="1 to 63 characters: lower-case letters, digits, '-' and '_', beginning with a letter or digit.",
        json_schema_extra={"pattern": NAMESPACE_NAME_PATTERN},
    ),
]
RecordId = Annotated[
    str,
    Field(
        description="1 to 512 bytes of printable text in UTF-8, compared code point by code point and never "
        "normalised; '.' and '..' are none.",
        json_schema_extra={"pattern": ID_PATTERN, "minLength": 1, "maxLength": ID_BYTES_MAX},
    ),
]
ContractId = Annotated[
    str,
    Field(
        description="1 to 256 characters of A-Z, a-z, 0-9, '_' and '-'.",
        json_schema_extra={"pattern": CONTRACT_ID_PATTERN},
    ),
]
Key = Annotated[
    str,
    Field(
        description="Any Unicode text, compared code point by code point and never normalised.",
        json_schema_extra={"minLength": 1, "maxLength": KEY_CHARACTERS_MAX},
    ),
]
Vector = Annotated[
    Any,
    WithJsonSchema(
        {
            "description": "The numbers, or their little-endian 32-bit floats in base64, which is smaller and faster.",
            "anyOf": [
                {
                    "type": "array",
                    "items": {"type": "number"},
                    "minItems": 1,
                    "maxItems": DIMENSION_MAX,
                },
                {"type": "string", "contentEncoding": "base64", "minLength": 8},
            ],
        }
    ),
]
"""Not looked at here: the domain reads it whole, which is far faster than number by number."""
Metadata = Annotated[
    Any,
    WithJsonSchema(
        {
            "description": (
                f"A JSON object of at most {METADATA_BYTES_MAX} bytes and {METADATA_DEPTH_MAX} levels. Integers "
                "outside 64 bits become floating-point numbers."
            ),
            "type": ["object", "null"],
        }
    ),
]
MetadataFields = Annotated[
    Any, WithJsonSchema({"description": "Top-level metadata fields to set.", "type": ["object", "null"]})
]
Filter = Annotated[
    Any,
    WithJsonSchema(
        {
            "description": (
                "Conditions on metadata fields; `a.b` names a nested one. A value stands for equality; operators are "
                "$eq $ne $gt $gte $lt $lte $in $nin $exists $prefix $contains, and $and $or $not around them (of an "
                "array of filters $not holds if none does). "
                "An array equals each of its elements: $eq and $in hold if any element is meant, $ne and $nin if none "
                "is; $contains asks for an element alone. "
                "{} matches everything."
            ),
            "type": ["object", "null"],
            "examples": [{"year": {"$gte": 1960}, "tags": {"$contains": "desert"}}],
        }
    ),
]
Recall = Annotated[
    float | None,
    Field(
        description=(
            "What share of the true nearest the answer should have: less is found faster. What each share takes was "
            "measured when an index was built; what it cannot promise is searched exactly. 1 scores every matching "
            "record. Without it, about 0.98."
        ),
        json_schema_extra={"minimum": RECALL_MIN, "maximum": 1},
    ),
]
MinRecall = Annotated[
    float | None,
    Field(
        description=(
            "What share of the true nearest the answer has at least: never less than the usual, and never slower than "
            "that for a share below it. The answer says in `promised_recall` what it keeps to. Not together with "
            "`recall`."
        ),
        json_schema_extra={"minimum": RECALL_MIN, "maximum": 1},
    ),
]
Version = Annotated[
    str,
    Field(
        description="When and by whom a change was made. Opaque; later versions win.",
        json_schema_extra={"examples": ["018f3c2ab4d10000.local.3f9c2a1b"]},
    ),
]
After = Annotated[
    str | None,
    Field(description="The `version` of an earlier answer: this request is ordered after it, and sees it."),
]
ConsistencyChoice = Annotated[
    Literal["strong", "eventual"],
    Field(
        description="`strong` sees every write that was acknowledged before; `eventual` may be some seconds behind."
    ),
]
Encoding = Annotated[
    Literal["numbers", "base64"],
    Field(description="How vectors are written: as numbers, or as base64 of little-endian 32-bit floats."),
]
Prefix = Annotated[str, Field(description="Only names that begin with this.")]
Cursor = Annotated[
    str | None,
    Field(description="The `cursor` of the page before, with all other parameters the same. None begins."),
]
Limit = Annotated[
    int,
    Field(description="How many to a page.", json_schema_extra={"minimum": 1, "maximum": LIST_LIMIT_MAX}),
]
NextCursor = Annotated[
    str | None, Field(description="Where the next page begins; null at the end of the listing.")
]
TtlSeconds = Annotated[
    float | None,
    Field(
        description="Seconds until the item is gone; for ever without it.",
        json_schema_extra={"minimum": TTL_SECONDS_MIN, "maximum": TTL_SECONDS_MAX},
    ),
]
RecordTtl = Annotated[
    float | None,
    Field(
        description="Seconds until the record expires, from when the server takes the request: nobody sees it then.",
        json_schema_extra={"minimum": TTL_SECONDS_MIN, "maximum": TTL_SECONDS_MAX},
    ),
]
ExpiresAt = Annotated[
    str | None,
    Field(
        description="The same as a moment to come, in RFC 3339 with its time zone, at most ten years away.",
        json_schema_extra={"format": "date-time"},
    ),
]
PatchedExpiry = Annotated[
    str | None,
    Field(
        description="When the record expires from now on, in RFC 3339; null: never. Left out, that stays as it is.",
        json_schema_extra={"format": "date-time"},
    ),
]
Time = Annotated[
    str, Field(description="RFC 3339, in UTC, to the millisecond.", json_schema_extra={"format": "date-time"})
]
ShownExpiry = Annotated[
    str | None,
    Field(
        description="When the record expires: RFC 3339, in UTC, to the millisecond. Not there where it never does.",
        json_schema_extra={"format": "date-time"},
    ),
]
