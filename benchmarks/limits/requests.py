"""Requests that go up to a limit or beyond it, and the words for them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from quartzdb.domain import limits

WIDE = "wide"
"""A namespace of vectors as long as they may be, with a thousand records."""
MANY = "many"
"""A namespace of more records than one deletion by filter takes, with a value of `n` that no other record has."""
MANY_RECORDS = limits.DELETE_BY_FILTER_MAX + 1
TEXT = "text"
"""A namespace of text and sparse fields."""


Each = Sequence[tuple[str, int, Callable[[Any], Any]]]
"""Limits with their numbers, and what makes a request that goes up to a number."""


@dataclass(frozen=True, slots=True)
class Request:
    """`body` is JSON, or bytes as they are."""

    method: str
    path: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def sent(self) -> bytes | None:
        """Its body."""
        if self.body is None or isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body).encode()


@dataclass(frozen=True, slots=True)
class Trial:
    """`limits`: constants of domain/limits; `over`: None where the limit is no refusal, but where an answer ends."""

    limits: Sequence[str]
    what: str
    most: Request
    over: Request | None


WHAT: Mapping[str, str] = {
    "ID_BYTES_MAX": f"an id of {limits.ID_BYTES_MAX} bytes",
    "METADATA_BYTES_MAX": f"metadata of {limits.METADATA_BYTES_MAX:,} bytes",
    "METADATA_DEPTH_MAX": f"metadata nested {limits.METADATA_DEPTH_MAX} deep",
    "TEXT_QUERY_CHARACTERS_MAX": f"a text query of {limits.TEXT_QUERY_CHARACTERS_MAX:,} characters",
    "TEXT_CLAUSES_MAX": f"a text query of {limits.TEXT_CLAUSES_MAX} clauses",
    "FUSION_K_MAX": f"a fusion with `k` {limits.FUSION_K_MAX:,}",
    "FUSION_WEIGHT_MAX": f"a fusion with a weight of {limits.FUSION_WEIGHT_MAX:,.0f}",
    "AGGREGATES_MAX": f"{limits.AGGREGATES_MAX} aggregates over {MANY_RECORDS:,} records",
    "PERCENTILES_MAX": f"{limits.PERCENTILES_MAX} percentiles over {MANY_RECORDS:,} records",
    "TOP_VALUES_MAX": f"the commonest {limits.TOP_VALUES_MAX:,} values of a field",
    "GROUP_FIELDS_MAX": f"groups by {limits.GROUP_FIELDS_MAX} fields",
    "GROUPS_SHOWN_MAX": f"{limits.GROUPS_SHOWN_MAX:,} groups shown",
    "KEY_CHARACTERS_MAX": f"a key of {limits.KEY_CHARACTERS_MAX} characters",
    "VALUE_BYTES_MAX": f"a value of {limits.VALUE_BYTES_MAX:,} bytes",
    "CONTENT_TYPE_CHARACTERS_MAX": f"a content type of {limits.CONTENT_TYPE_CHARACTERS_MAX} characters",
    "IDEMPOTENCY_KEY_CHARACTERS_MAX": f"an idempotency key of {limits.IDEMPOTENCY_KEY_CHARACTERS_MAX} characters",
    "TTL_SECONDS_MAX": f"a value that expires after {limits.TTL_SECONDS_MAX:,} s",
    "DIMENSION_MAX": f"a namespace of {limits.DIMENSION_MAX:,} dimensions",
    "TEXT_FIELDS_MAX": f"a namespace with {limits.TEXT_FIELDS_MAX} text fields",
    "SPARSE_FIELDS_MAX": f"a namespace with {limits.SPARSE_FIELDS_MAX} sparse fields",
    "SHARDS_MAX": f"a namespace with {limits.SHARDS_MAX} shards",
    "PURGE_AFTER_DAYS_MAX": f"a namespace that drops rows after {limits.PURGE_AFTER_DAYS_MAX:,} days",
}
"""Of limits that need no more words: what is tried."""


def create(name: str, settings: Mapping[str, Any]) -> Request:
    """Make a namespace."""
    return Request("POST", "/namespaces", {"name": name, **settings})


def upsert(namespace: str, records: Sequence[Mapping[str, Any]]) -> Request:
    """A batch of records."""
    return Request("POST", f"/namespaces/{namespace}/vectors", {"vectors": records})


def query(namespace: str, **question: Any) -> Request:
    """One question."""
    return Request("POST", f"/namespaces/{namespace}/query", question)


def filtered(sizes: Sequence[int]) -> Request:
    """A batch of questions, with so many values in the filter of each."""
    queries = [{"vector": [1.0] * 8, "filter": {"n": {"$in": list(range(size))}}} for size in sizes]
    return Request("POST", f"/namespaces/{MANY}/query/batch", {"queries": queries})


def aggregate(body: Mapping[str, Any]) -> Request:
    """Of the records of MANY."""
    return Request("POST", f"/namespaces/{MANY}/aggregate", body)


def sum_of(field_name: str) -> Mapping[str, Any]:
    """Of the numbers of a field."""
    return {"kind": "sum", "field": field_name}


def _vector(number: int, dimension: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(number).standard_normal(dimension, dtype=np.float32)


def record(number: int, dimension: int, metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """With a vector as JSON, the same for the same number."""
    return {
        "id": f"{number}",
        "vector": [round(float(one), 6) for one in _vector(number, dimension)],
        "metadata": metadata,
    }


def encoded(number: int) -> Mapping[str, Any]:
    """A record of WIDE, with its vector in base64."""
    return {
        "id": f"{number}",
        "vector": base64.b64encode(_vector(number, limits.DIMENSION_MAX).tobytes()).decode(),
    }


def nested(depth: int) -> Mapping[str, Any]:
    """Metadata."""
    inner: dict[str, Any] = {}
    for _ in range(depth - 1):
        inner = {"a": inner}
    return inner


def sparse(entries: int) -> Mapping[str, Any]:
    """A sparse vector whose last index is the greatest that there is."""
    indices = [*range(entries - 1), limits.SPARSE_INDEX_MAX]
    return {"indices": indices, "values": [1.0] * entries}
