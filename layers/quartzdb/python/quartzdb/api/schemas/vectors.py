"""Schemas of records: upsert, fetch, list, patch, delete, count, query."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from quartzdb.api.schemas.fields import (
    After,
    ConsistencyChoice,
    Cursor,
    Encoding,
    ExpiresAt,
    Filter,
    Limit,
    Metadata,
    MetadataFields,
    MinRecall,
    NextCursor,
    PatchedExpiry,
    Prefix,
    Recall,
    RecordId,
    RecordTtl,
    ShownExpiry,
    Vector,
    Version,
)
from quartzdb.api.schemas.freshness import ReadDocument
from quartzdb.api.schemas.model import Array, Body, Document, QueryString
from quartzdb.api.schemas.query_parts import Explain, Explanation, FusionChoice, SparsePart, TextPart
from quartzdb.api.schemas.receipt import DryRun, Receipt
from quartzdb.domain.limits import (
    CHOSEN_FIELDS_MAX,
    DELETE_IDS_MAX,
    FETCH_IDS_MAX,
    GROUP_MATCHES_MAX,
    GROUPS_ASKED_MAX,
    QUERIES_MAX,
    TOP_K_MAX,
    UPSERT_RECORDS_MAX,
)
from quartzdb.domain.metadata import PATH_CHARACTERS_MAX


def _boolean_or_base64(value: object) -> object:
    # Compared by hand, because to Python 1 is True.
    if isinstance(value, bool) or value == "base64":
        return value
    raise PydanticCustomError("literal_error", "", {"expected": "true, false or 'base64'"})


VectorForm = Annotated[
    bool | str,
    PlainValidator(_boolean_or_base64),
    WithJsonSchema({"enum": [True, False, "base64"], "description": "`base64` is the compact form."}),
]


def _boolean_or_fields(value: object) -> object:
    if isinstance(value, bool):
        return value
    if not isinstance(value, list) or not all(isinstance(path, str) for path in value):
        raise PydanticCustomError("literal_error", "", {"expected": "true, false or an array of field names"})
    return value


MetadataForm = Annotated[
    bool | list[str],
    PlainValidator(_boolean_or_fields),
    WithJsonSchema(
        {
            "description": "Whether metadata is shown, or which fields of it; `a.b` names a nested one.",
            "anyOf": [
                {"type": "boolean"},
                {"type": "array", "items": {"type": "string"}, "maxItems": CHOSEN_FIELDS_MAX},
            ],
        }
    ),
]


IfVersion = Annotated[
    str | None,
    Field(
        description="Write only if the record is at this version. Otherwise nothing of the batch is written."
    ),
]


class RecordToUpsert(Body):
    """A record to be written."""

    id: RecordId
    vector: Vector = None
    metadata: Metadata = None
    ttl_seconds: RecordTtl = None
    expires_at: ExpiresAt = None
    if_version: IfVersion = None
    if_absent: bool = Field(False, description="Write only if there is no record with this id.")


class UpsertRequest(Body):
    """Records to be written together: all of them or none."""

    vectors: Array[RecordToUpsert] = Field(json_schema_extra={"minItems": 1, "maxItems": UPSERT_RECORDS_MAX})
    version: After = None
    dry_run: DryRun = False


class Upserted(Document):
    """How many records were written, at which version."""

    upserted: int
    version: Version
    usage: Receipt


class RecordInList(Document):
    """A record."""

    id: RecordId
    vector: Vector = None
    metadata: Annotated[dict[str, Any], Field(description="{} where there is none.")]
    version: Version
    expires_at: ShownExpiry = None


class RecordDocument(RecordInList, ReadDocument):
    """A record."""

    usage: Receipt


class FetchOne(QueryString):
    """How to read a record."""

    encoding: Encoding = "numbers"
    consistency: ConsistencyChoice = "strong"
    version: After = None


class Fetch(Body):
    """Which records to read."""

    ids: Array[RecordId] = Field(json_schema_extra={"minItems": 1, "maxItems": FETCH_IDS_MAX})
    encoding: Encoding = "numbers"
    consistency: ConsistencyChoice = "strong"
    version: After = None
    dry_run: DryRun = False


class Fetched(ReadDocument):
    """The records that exist, in the order asked for, and the ids of those that do not."""

    records: list[RecordInList]
    missing: list[RecordId]
    usage: Receipt


class ListRecords(QueryString):
    """Which ids."""

    prefix: Prefix = ""
    limit: Limit = 100
    cursor: Cursor = None
    consistency: ConsistencyChoice = "strong"
    version: After = None


class IdPage(ReadDocument):
    """A page of ids in order."""

    ids: list[RecordId]
    cursor: NextCursor
    usage: Receipt


class OrderBy(Body):
    """By what records are listed. Equals are in id order."""

    field: str | None = Field(
        None,
        description=(
            "A metadata field; `a.b` names a nested one. Booleans come before numbers, numbers before strings, which "
            "are compared by their first 256 characters. Records where it is missing, null, an object or an array come "
            "last, in both directions. Without it records are ordered by id."
        ),
        json_schema_extra={"minLength": 1, "maxLength": PATH_CHARACTERS_MAX},
    )
    direction: Literal["asc", "desc"] = "asc"


class ListMatching(Body):
    """Which records, in which order, and what of each."""

    filter: Filter = None
    order_by: OrderBy | None = None
    limit: Limit = 100
    cursor: Cursor = None
    include_vectors: VectorForm = False
    include_metadata: MetadataForm = True
    consistency: ConsistencyChoice = "strong"
    version: After = None
    dry_run: DryRun = False


class ListedRecord(Document):
    """A record, with what was asked for."""

    id: RecordId
    version: Version
    vector: Vector = None
    metadata: dict[str, Any] | None = None
    expires_at: ShownExpiry = None


class RecordPage(ReadDocument):
    """A page of records in order."""

    records: list[ListedRecord]
    cursor: NextCursor
    usage: Receipt


class PatchOne(Body):
    """Changes to one record's metadata, and to when it expires."""

    set: MetadataFields = None
    unset: Array[str] = Field([], description="Top-level metadata fields to remove.")
    ttl_seconds: RecordTtl = None
    expires_at: PatchedExpiry = None
    version: After = None
    dry_run: DryRun = False


class RecordPatch(Body):
    """Changes to one record's metadata, and to when it expires, in a batch."""

    id: RecordId
    set: MetadataFields = None
    unset: Array[str] = Field([], description="Top-level metadata fields to remove.")
    ttl_seconds: RecordTtl = None
    expires_at: PatchedExpiry = None


class PatchRequest(Body):
    """Changes to be made together, all of them or none: `patches`, or the fields of one for what a filter accepts."""

    patches: Array[RecordPatch] | None = Field(
        None, json_schema_extra={"minItems": 1, "maxItems": UPSERT_RECORDS_MAX}
    )
    filter: Filter = None
    set: MetadataFields = None
    unset: Array[str] = Field([], description="Top-level metadata fields to remove.")
    ttl_seconds: RecordTtl = None
    expires_at: PatchedExpiry = None
    cursor: Annotated[
        str | None,
        Field(
            description="With a filter: the `cursor` of the answer before, for the records that were left."
        ),
    ] = None
    version: After = None
    dry_run: DryRun = False


class PatchResult(Document):
    """How many records were patched, at which version."""

    patched: int
    version: Version | None = Field(
        description="Null where a filter matched nothing, so nothing was written."
    )
    cursor: NextCursor = Field(
        default=None, description="With a filter: sent again with it, the request goes on; null at the end."
    )
    usage: Receipt


class DeleteOne(QueryString):
    """After which version to delete."""

    version: After = None


class DeleteRequest(Body):
    """What to delete: exactly one of `ids` and `filter`."""

    ids: Array[RecordId] | None = Field(None, json_schema_extra={"minItems": 1, "maxItems": DELETE_IDS_MAX})
    filter: Filter = None
    version: After = None
    dry_run: DryRun = False


class Deleted(Document):
    """How many records existed and are gone now."""

    deleted: int
    version: Version | None = Field(
        description="Null where a filter matched nothing, so nothing was written."
    )
    more: bool = Field(description="Whether the filter matches further records: send the request again.")
    usage: Receipt


class Count(Body):
    """Which records to count; all of them without a filter."""

    filter: Filter = None
    consistency: ConsistencyChoice = "strong"
    version: After = None
    dry_run: DryRun = False


class CountResult(ReadDocument):
    """How many records there are, or match."""

    count: int
    usage: Receipt


class GroupByField(Body):
    """Groups of matches by the value of a metadata field."""

    field: str = Field(
        description=(
            "`a.b` names a nested one. A record is in the group of each of its values, elements of arrays included; "
            "without any, or with null, it is in none."
        ),
        json_schema_extra={"minLength": 1, "maxLength": PATH_CHARACTERS_MAX},
    )
    per_group: int = Field(
        3,
        description="How many matches of each group.",
        json_schema_extra={"minimum": 1, "maximum": GROUP_MATCHES_MAX},
    )
    groups: int = Field(
        10,
        description=f"How many groups; with `per_group` matches each, {TOP_K_MAX} matches at most.",
        json_schema_extra={"minimum": 1, "maximum": GROUPS_ASKED_MAX},
    )


class QueryInBatch(Body):
    """A question: one of `vector` and `id`, or `text`, or `sparse`, or several of these."""

    vector: Vector = None
    id: str | None = Field(
        None, description="The record whose vector is the question. It is among the matches."
    )
    text: TextPart = None
    sparse: SparsePart = None
    fusion: FusionChoice = None
    explain: Explain = False
    top_k: int = Field(10, json_schema_extra={"minimum": 1, "maximum": TOP_K_MAX})
    recall: Recall = None
    min_recall: MinRecall = None
    min_score: float | None = Field(
        None,
        description=(
            "Of the `top_k` best, only those with at least this score; higher is better by every metric. Of several "
            "parts it is the fused score that counts: by `rrf` at most 1 / (k + 1) for each part."
        ),
    )
    filter: Filter = None
    include_vectors: VectorForm = False
    include_metadata: bool = True
    group_by: GroupByField | None = Field(
        None, description="Groups in the place of matches; `top_k` is not used then."
    )
    distinct: str | None = Field(
        None,
        description="A metadata field: of each of its values the best match. Not together with `group_by`.",
        json_schema_extra={"minLength": 1, "maxLength": PATH_CHARACTERS_MAX},
    )
    page: bool = Field(False, description="Whether the answer shall have a `cursor` for what comes after it.")
    cursor: Annotated[
        str | None,
        Field(
            description="The `cursor` of the page before, with all that decides the order the same; `top_k` may differ."
        ),
    ] = None


class Query(QueryInBatch):
    """A question: one of `vector` and `id`, or `text`, or `sparse`, or several of these."""

    consistency: ConsistencyChoice = "strong"
    version: After = None
    dry_run: DryRun = False


class QueryBatch(Body):
    """Several questions about one moment."""

    queries: Array[QueryInBatch] = Field(json_schema_extra={"minItems": 1, "maxItems": QUERIES_MAX})
    consistency: ConsistencyChoice = "strong"
    version: After = None
    dry_run: DryRun = False


class MatchDocument(Document):
    """One match. Scores are higher for better matches, distances lower; only a search by vector alone has distances."""

    id: RecordId
    score: float
    distance: float | None = None
    explain: Explanation | None = None
    version: Version
    vector: Vector = None
    metadata: dict[str, Any] | None = None
    expires_at: ShownExpiry = None


class QueryUsage(Document):
    """What the answer took, in records."""

    records_matched: int = Field(description="Records that the filter accepts; all of them without one.")
    records_scored: int
    records_returned: int


class QueryReceipt(QueryUsage, Receipt):
    """What the request used, in records and in units."""


class QueryPerformance(Document):
    """How the answer was found."""

    milliseconds: float
    mode: Literal["exact", "approximate"] = Field(
        description="`exact`: every matching record was scored, so nothing better can have been missed."
    )
    segments: int
    rows_scored: int
    tail_rows: int
    promised_recall: float | None = Field(
        None,
        description=(
            "What share of the true nearest the answer has, as was measured when indexes were built; 1 where it is "
            "`exact`. Only where the query has `recall` or `min_recall`; of several parts it is that of the vector."
        ),
    )


class MatchGroup(Document):
    """Matches with one value, best first. Of a string longer than 256 characters the value is the beginning."""

    value: bool | float | str
    matches: list[MatchDocument]


Groups = Annotated[
    list[MatchGroup],
    Field(description="Only with `group_by`: the group with the best match first. `matches` is empty then."),
]
PageCursor = Annotated[
    str | None,
    Field(
        description="Only where pages were asked for: where the next one begins; null where nothing more matches."
    ),
]


class QueryResult(ReadDocument):
    """Matches, best first."""

    matches: list[MatchDocument]
    groups: Groups = Field(default_factory=list)
    cursor: PageCursor = None
    usage: QueryReceipt
    performance: QueryPerformance


class QueryResultInBatch(Document):
    """Matches, best first."""

    matches: list[MatchDocument]
    groups: Groups = Field(default_factory=list)
    cursor: PageCursor = None
    usage: QueryUsage
    performance: QueryPerformance


class QueryBatchAnswer(ReadDocument):
    """One answer for each question, in order. The time of each is that of all."""

    answers: list[QueryResultInBatch]
    usage: Receipt
