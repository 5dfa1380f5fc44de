"""All that is tried, and what it is tried on."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.limits.reading import lists, queries
from benchmarks.limits.requests import (
    MANY,
    MANY_RECORDS,
    TEXT,
    WIDE,
    Request,
    Trial,
    create,
    record,
    sparse,
    upsert,
)
from benchmarks.limits.writing import by_filter, key_values, namespaces, records
from quartzdb.domain import limits


def prepared() -> Iterator[Request]:
    """What trials ask of: namespaces, and records in them."""
    yield create(WIDE, {"dimension": limits.DIMENSION_MAX})
    yield create(MANY, {"dimension": 8})
    yield create(TEXT, {"text": {"body": {}}, "sparse": ["weights"]})
    for begin in range(0, MANY_RECORDS, limits.UPSERT_RECORDS_MAX):
        numbers = range(begin, min(begin + limits.UPSERT_RECORDS_MAX, MANY_RECORDS))
        yield upsert(MANY, [record(number, 8, {"n": number, "g": number % 300}) for number in numbers])
    yield upsert(TEXT, [{"id": "a", "metadata": {"body": "desert planet", "weights": sparse(2)}}])


def trials() -> Iterator[Trial]:
    """In the order in which they are made: what deletes comes last."""
    yield from records()
    yield from queries()
    yield from lists()
    yield from key_values()
    yield from namespaces()
    yield from by_filter()
