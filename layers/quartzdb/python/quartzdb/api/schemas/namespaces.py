"""Schemas of namespaces and usage."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from quartzdb.api.schemas.fields import (
    After,
    ConsistencyChoice,
    Cursor,
    Limit,
    NamespaceName,
    NextCursor,
    Prefix,
    Time,
)
from quartzdb.api.schemas.freshness import ReadDocument
from quartzdb.api.schemas.model import Body, Document, QueryString
from quartzdb.domain.limits import (
    DECLARED_NAME_PATTERN,
    DIMENSION_MAX,
    PURGE_AFTER_DAYS_MAX,
    SHARDS_MAX,
    SPARSE_FIELDS_MAX,
    TEXT_FIELDS_MAX,
)
from quartzdb.domain.metadata import PATH_CHARACTERS_MAX
from quartzdb.domain.text_fields import LANGUAGES

MetricChoice = Literal["cosine", "dot", "euclidean"]
Engine = Literal["auto", "exact", "annoy", "ivf", "hnsw"]
PrecisionChoice = Literal["f32", "f16"]
Shards = Annotated[
    int,
    Field(
        description="Over how many partitions the records are spread, by a hash of the id.",
        json_schema_extra={"minimum": 1, "maximum": SHARDS_MAX},
    ),
]
PurgeAfterDays = Annotated[
    int,
    Field(
        description="After so many days at most, rows that were deleted or replaced are dropped from segments.",
        json_schema_extra={"minimum": 1, "maximum": PURGE_AFTER_DAYS_MAX},
    ),
]
Dimension = Annotated[
    int | None,
    Field(
        description=(
            "How many numbers each vector has. Without it records have no vectors; if no text or sparse field is "
            "declared either, the namespace holds key-values only."
        ),
        json_schema_extra={
            "anyOf": [{"type": "integer", "minimum": 1, "maximum": DIMENSION_MAX}, {"type": "null"}]
        },
    ),
]


class TextFieldSettings(Body):
    """How the words of a field are found."""

    language: str = Field(
        "english",
        description="What stop words and stems are those of.",
        json_schema_extra={"enum": list(LANGUAGES)},
    )
    stemming: bool = Field(True, description="Whether words of one stem are alike.")
    stopwords: bool = Field(True, description="Whether the commonest words are left out.")


_FIELD_NAME = {"type": "string", "pattern": DECLARED_NAME_PATTERN, "maxLength": PATH_CHARACTERS_MAX}
TextFields = Annotated[
    dict[str, TextFieldSettings],
    Field(
        description="Metadata fields that are searched as text: strings, or arrays of strings.",
        json_schema_extra={"maxProperties": TEXT_FIELDS_MAX, "propertyNames": _FIELD_NAME},
    ),
]
SparseFields = Annotated[
    list[str],
    Field(
        description='Metadata fields that hold sparse vectors: `{"indices": [], "values": []}`.',
        json_schema_extra={"maxItems": SPARSE_FIELDS_MAX, "uniqueItems": True, "items": _FIELD_NAME},
    ),
]


KeyHistory = Annotated[
    bool,
    Field(
        description="Whether every change of a key-value is kept for change feeds, with its value up to 32 KB; else a "
        "feed tells the last state of each key. Puts cost more with it: docs/changes.md says what."
    ),
]


class NewNamespace(Body):
    """Settings are fixed at creation."""

    name: NamespaceName
    dimension: Dimension = None
    metric: MetricChoice = "cosine"
    engine: Engine = Field("auto", description="How segments are searched; `auto` chooses by their size.")
    precision: PrecisionChoice = Field("f32", description="f16 halves the bytes that vectors take.")
    shards: Shards = 1
    purge_after_days: PurgeAfterDays = 30
    text: TextFields = Field({})
    sparse: SparseFields = Field([])
    key_history: KeyHistory = False


class NamespaceSummary(Document):
    """A namespace and its settings."""

    name: NamespaceName
    dimension: Dimension
    metric: MetricChoice
    engine: Engine
    precision: PrecisionChoice
    shards: Shards
    purge_after_days: PurgeAfterDays
    text: TextFields
    sparse: SparseFields
    key_history: KeyHistory
    created_at: Time


class SegmentSummary(Document):
    """One immutable segment."""

    name: str
    shard: int
    engine: str
    rows: int
    live_rows: int
    bytes: int


class NamespaceStatistics(Document):
    """What a namespace holds."""

    records: int
    deleted_rows: int = Field(
        description="Rows of segments that were replaced or deleted, until a compaction."
    )
    tail_rows: int = Field(description="Rows that are searched from the log, until they are in a segment.")
    segment_bytes: int
    keys: int
    key_value_bytes: int
    segments: list[SegmentSummary]
    degraded: str | None = Field(description="Why an older snapshot is served in place of a damaged one.")


class DescribeNamespace(QueryString):
    """How fresh the figures must be."""

    consistency: ConsistencyChoice = "strong"
    version: After = None


class NamespaceDescription(NamespaceSummary, ReadDocument):
    """A namespace with what it holds."""

    stats: NamespaceStatistics


class NamespacePage(Document):
    """A page of namespaces in name order."""

    namespaces: list[NamespaceSummary]
    cursor: NextCursor


class ListNamespaces(QueryString):
    """Which namespaces."""

    prefix: Prefix = ""
    limit: Limit = 100
    cursor: Cursor = None


class NamespaceDeleted(Document):
    """The name is free again."""

    deleted: bool


class NamespaceUsage(Document):
    """What one namespace uses."""

    name: NamespaceName
    records: int
    segment_bytes: int
    keys: int
    key_value_bytes: int


class UsageTotals(Document):
    """Sums over the namespaces of the answer."""

    namespaces: int
    records: int
    segment_bytes: int
    keys: int
    key_value_bytes: int


class Usage(Document):
    """A page of namespaces with what they use, and the sums of that page."""

    namespaces: list[NamespaceUsage]
    totals: UsageTotals
    cursor: NextCursor
