"""Schemas of the Cloudflare-compatible paths: that deployment's wire contract."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from quartzdb.api.schemas.fields import ContractId, Key, Metadata, Vector
from quartzdb.api.schemas.model import Array, Document, LenientBody

Done = Annotated[bool, Field(json_schema_extra={"const": True})]


class PutValue(LenientBody):
    """A value to be stored."""

    key: Key
    value: str = Field(description="At most 10 MB as UTF-8.")


class KeyDone(Document):
    """Done, to this key."""

    success: Done
    key: str
    message: str


class ValueFound(Document):
    """A stored value."""

    success: Done
    key: str
    value: str
    source: Literal["cache", "storage"]


class InsertVector(LenientBody):
    """A record to be stored; one with the same id is replaced."""

    id: ContractId
    vector: Vector
    metadata: Metadata = None


class IdDone(Document):
    """Done, to this record."""

    success: Done
    id: str
    message: str


class BatchInsert(LenientBody):
    """1 to 100 records, each of which succeeds or fails by itself."""

    vectors: Array[Any] = Field(
        json_schema_extra={
            "minItems": 1,
            "maxItems": 100,
            "items": {"$ref": "#/components/schemas/InsertVector"},
        }
    )


class BatchResult(Document):
    """What became of one record."""

    success: bool
    id: str
    message: str


class BatchInserted(Document):
    """What became of all of them."""

    success: bool
    total: int
    inserted: int
    failed: int
    results: list[BatchResult]


class VectorFound(Document):
    """A stored record."""

    id: str
    vector: list[float]
    metadata: dict[str, Any]


class SearchVectors(LenientBody):
    """A question, as `vector` or, for older clients, `query`."""

    vector: Vector = None
    query: Vector = None
    k: int = Field(
        10, description="At most 100 results come back.", json_schema_extra={"minimum": 1, "maximum": 1000}
    )


class SearchResult(Document):
    """One match: `distance` is 1 - cosine, `score` is 1 - distance."""

    id: str
    distance: float
    score: float
    metadata: dict[str, Any]


class SearchAnswer(Document):
    """Matches, nearest first."""

    success: Done
    results: list[SearchResult]
    count: int
    algorithm: str


class DeleteVector(LenientBody):
    """The record to delete."""

    id: ContractId


class VectorStats(Document):
    """What the index holds."""

    success: Done
    algorithm: str
    num_vectors: int
    num_active: int
    num_deleted: int
    dimension: int
    deletion_ratio_percent: str
    recommendation: str
