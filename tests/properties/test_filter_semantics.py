"""Every index answers every filter exactly as plain comparison of the values does."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quartzdb.domain.filter import Filter, matches, parse
from quartzdb.storage.index.fields.field_index import FieldIndex
from quartzdb.storage.index.fields.filtering import evaluate
from quartzdb.storage.index.fields.memory_fields import MemoryFields
from quartzdb.storage.index.fields.sqlite_field_writer import FieldLayout
from quartzdb.storage.index.fields.sqlite_fields import SqliteFields, write_fields

Document = Mapping[str, Any]

# Few names and values, so that fields collide, types mix in one field and filters hit.
NAMES = st.sampled_from(["a", "b", "a.b", "é", "𝒳", ""])
PATHS = st.sampled_from(["a", "b", "a.b", "a.b.a", "b.a", "é", "𝒳", "", ".", "a.𝒳", "none"])
NUMBER_POOL = [
    0, -0.0, 0.0, 1, 1.0, -1, 2, 0.5, 2**53, 2**53 + 1, float(2**53), 2**63, 2**63 + 1, 2**64 - 1, -(2**63), 1e300,
]  # fmt: skip
TEXT_POOL = [
    "", "a", "ab", "abc", "b", "\x00", "a\x00", "é", "\uffff", "𝒳", "𝒳y",
    "x" * 255, "x" * 256, "x" * 257, "x" * 257 + "y",
]  # fmt: skip
SCALAR_POOL = [None, True, False, *NUMBER_POOL, *TEXT_POOL]
NUMBERS = st.sampled_from(NUMBER_POOL)
TEXTS = st.sampled_from(TEXT_POOL)
SHORT_TEXTS = TEXTS.map(lambda text: text[:256])
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
DOCUMENTS = st.lists(st.none() | st.dictionaries(NAMES, VALUES, max_size=4), max_size=20)

CONDITIONS = st.one_of(
    st.tuples(st.sampled_from(["$eq", "$ne", "$contains"]), SCALARS),
    st.tuples(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), NUMBERS | SHORT_TEXTS),
    st.tuples(st.sampled_from(["$in", "$nin"]), st.lists(SCALARS, min_size=1, max_size=12)),
    st.tuples(st.just("$exists"), st.booleans()),
    st.tuples(st.just("$prefix"), SHORT_TEXTS),
)
OPERATORS = st.lists(CONDITIONS, min_size=1, max_size=2).map(dict)
FIELDS = st.dictionaries(
    PATHS, SCALARS | OPERATORS | OPERATORS.map(lambda inner: {"$not": inner}), min_size=1, max_size=2
)
FILTERS = st.recursive(
    FIELDS,
    lambda inner: (
        st.builds(
            lambda name, clauses: {name: clauses},
            st.sampled_from(["$and", "$or"]),
            st.lists(inner, min_size=1, max_size=3),
        )
        | inner.map(lambda clause: {"$not": clause})
        | st.just({})
    ),
    max_leaves=5,
)


LAYOUTS = [FieldLayout(), *(FieldLayout(keys_per_block=keys, column_rows_min=1) for keys in (1, 3, 128))]


def in_sqlite(documents: Sequence[Document | None], layout: FieldLayout = LAYOUTS[0]) -> SqliteFields:
    """The documents as a segment has them."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    assert write_fields(connection, documents, layout=layout) == len(documents)
    return SqliteFields(connection, len(documents))


def answers(clause: Filter, fields: FieldIndex) -> list[bool]:
    """Evaluated twice, the second time from what was cached."""
    first, second = evaluate(clause, fields), evaluate(clause, fields)
    assert first.shape == (fields.row_count,)
    assert first.dtype == np.bool_
    kept: list[bool] = first.tolist()
    first[:] = True  # the mask is ours: writing to it must change no later answer
    assert second.tolist() == kept
    assert evaluate(clause, fields).tolist() == kept
    return kept


@given(DOCUMENTS, st.lists(FILTERS, min_size=3, max_size=8), st.sampled_from(LAYOUTS))
def test_a_segment_answers_as_plain_comparison(
    documents: list[Document | None], filters: list[Document], layout: FieldLayout
) -> None:
    """Whatever form a field takes on disk, and however its keys are cut into blocks."""
    fields = in_sqlite(documents, layout)
    for document in filters:
        clause = parse(document)
        assert answers(clause, fields) == [matches(clause, metadata or {}) for metadata in documents]
    fields._connection.close()


@given(DOCUMENTS, DOCUMENTS, st.lists(FILTERS, min_size=3, max_size=8))
def test_the_tail_answers_as_plain_comparison(
    before: list[Document | None], after: list[Document | None], filters: list[Document]
) -> None:
    """Also when rows arrive between two filters."""
    fields = MemoryFields()
    seen: list[Document | None] = []
    for documents in (before, after):
        for metadata in documents:
            assert fields.append(metadata) == len(seen)
            seen.append(metadata)
        for document in filters:
            clause = parse(document)
            assert answers(clause, fields) == [matches(clause, metadata or {}) for metadata in seen]


@pytest.mark.parametrize("unranked_max", [0, 1_024])
def test_every_operator_with_every_operand_over_every_value(
    unranked_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All pairs of a stored value and an operand, where arrays, objects and nothing at all stand in other rows."""
    documents: list[dict[str, Any]] = [{"a": value, "c": value, "t": [value]} for value in SCALAR_POOL]
    documents += [
        {"a": [value, 7], "t": [value, 7, value], "c.d": value, "c": {"d": 1}} for value in SCALAR_POOL
    ]
    documents += [{}, {"a": {}}, {"a": [], "t": {"u": 1}}, {"a": [[1]], "t": None}]
    filters: list[Document] = [
        {path: {operator: operand}}
        for path in ("a", "c", "c.d", "t")
        for operand in SCALAR_POOL
        for operator in ("$eq", "$ne", "$contains")
    ]
    filters += [
        {path: {operator: operand}}
        for path in ("a", "c", "c.d")
        for operand in (*NUMBER_POOL, *TEXT_POOL[:-2])
        for operator in ("$gt", "$gte", "$lt", "$lte", "$prefix")
        if operator != "$prefix" or isinstance(operand, str)
    ]
    filters += [
        {path: {"$exists": flag}} for path in ("a", "c", "c.d", "t", "t.u", "u") for flag in (True, False)
    ]
    filters += [{path: {"$in": SCALAR_POOL[start:]}} for path in ("a", "c.d") for start in (0, 3, 20, 33)]
    monkeypatch.setattr("quartzdb.storage.index.fields.memory_fields._UNRANKED_MAX", unranked_max)
    tail = MemoryFields()
    for metadata in documents:
        tail.append(metadata)
    indexes: list[FieldIndex] = [
        tail,
        *(in_sqlite(documents, layout) for layout in LAYOUTS),
        in_sqlite(documents[::-1], LAYOUTS[2]),
    ]
    for document in filters:
        clause = parse(document)
        expected = [matches(clause, metadata) for metadata in documents]
        for fields in indexes[:-1]:
            assert answers(clause, fields) == expected, document
        assert answers(clause, indexes[-1]) == expected[::-1], document


@given(st.dictionaries(NAMES, VALUES, max_size=4), FILTERS)
def test_not_is_an_exact_complement(metadata: Document, document: Document) -> None:
    """A record matches either a filter or its $not, never both and never neither."""
    assert matches(parse({"$not": document}), metadata) != matches(parse(document), metadata)


@pytest.mark.parametrize(
    ("document", "metadata", "expected"),
    [
        # equality
        ({"n": 1}, {"n": 1.0}, True),
        ({"n": 1}, {"n": True}, False),
        ({"n": True}, {"n": 1}, False),
        ({"n": 0}, {"n": -0.0}, True),
        ({"n": 2**53}, {"n": 2**53 + 1}, False),
        ({"n": 2**64 - 1}, {"n": 2**64 - 1}, True),
        ({"n": "1"}, {"n": 1}, False),
        ({"n": {"$ne": 1}}, {}, True),
        ({"n": {"$ne": 1}}, {"n": "1"}, True),
        ({"n": {"$in": [1, "x", None]}}, {"n": None}, True),
        ({"n": {"$in": [1, "x", None]}}, {}, False),
        ({"n": {"$nin": [1, "x"]}}, {}, True),
        # null and missing
        ({"n": None}, {"n": None}, True),
        ({"n": None}, {}, False),
        ({"n": {"$ne": None}}, {}, True),
        ({"n": {"$exists": True}}, {"n": None}, True),
        ({"n": {"$exists": False}}, {}, True),
        ({"n": {"$exists": False}}, {"n": None}, False),
        # order
        ({"n": {"$gt": 2**53}}, {"n": 2**53 + 1}, True),
        ({"n": {"$gt": float(2**53)}}, {"n": 2**53 + 1}, True),
        ({"n": {"$gte": 3}}, {"n": "9"}, False),
        ({"n": {"$lt": "b"}}, {"n": "a"}, True),
        ({"n": {"$lt": "\U00010000"}}, {"n": "\uffff"}, True),
        ({"n": {"$gt": 0}}, {"n": True}, False),
        ({"n": {"$lte": 0}}, {"n": None}, False),
        ({"n": {"$not": {"$gt": 0}}}, {}, True),
        ({"n": {"$gte": 2000, "$lt": 2010}}, {"n": 2010}, False),
        ({"n": {"$gte": 2000, "$lt": 2010}}, {"n": 2000}, True),
        # strings
        ({"s": {"$prefix": "ab"}}, {"s": "abc"}, True),
        ({"s": {"$prefix": ""}}, {"s": "x"}, True),
        ({"s": {"$prefix": ""}}, {"s": 1}, False),
        # nesting
        ({"a.b": 1}, {"a": {"b": 1}}, True),
        ({"a.b": 1}, {"a.b": 1}, True),
        ({"a.b": {"$in": [1, 2]}, "a": {"$exists": True}}, {"a.b": 1, "a": {"b": 2}}, True),
        ({"a": {"$exists": True}}, {"a": {"b": 1}}, True),
        ({"a": {"$exists": True}}, {"a": {}}, True),
        ({"a": {"$exists": True}}, {"a.b": 1}, False),
        # arrays
        ({"t": {"$contains": 1}}, {"t": [2, 1.0]}, True),
        ({"t": {"$contains": None}}, {"t": [None]}, True),
        ({"t": {"$contains": 1}}, {"t": 1}, False),
        ({"t": 1}, {"t": [1]}, True),
        ({"t": {"$eq": "b"}}, {"t": ["a", "b"]}, True),
        ({"t": {"$eq": "c"}}, {"t": ["a", "b"]}, False),
        ({"t": None}, {"t": []}, False),
        ({"t": None}, {"t": [None]}, True),
        ({"t": 1}, {"t": [[1], {"a": 1}]}, False),
        ({"t": True}, {"t": [1]}, False),
        ({"t": {"$in": ["x", "b"]}}, {"t": ["a", "b"]}, True),
        ({"t": {"$in": ["x", "y"]}}, {"t": ["a", "b"]}, False),
        ({"t": {"$ne": "b"}}, {"t": ["a", "b"]}, False),
        ({"t": {"$ne": "c"}}, {"t": ["a", "b"]}, True),
        ({"t": {"$nin": ["x", "b"]}}, {"t": ["a", "b"]}, False),
        ({"t": {"$nin": ["x", "y"]}}, {"t": ["a", "b"]}, True),
        ({"a.t": 2}, {"a": {"t": [1, 2]}}, True),
        ({"t": {"$prefix": "a"}}, {"t": ["ab"]}, False),
        ({"t": {"$gt": 0}}, {"t": [1]}, False),
        ({"t": {"$contains": 1}}, {"t": [[1]]}, False),
        ({"t.a": 1}, {"t": [{"a": 1}]}, False),
        ({"t": {"$exists": True}}, {"t": []}, True),
        # logic
        ({}, {}, True),
        ({"$not": {}}, {"a": 1}, False),
        ({"a": 1, "b": 2}, {"a": 1}, False),
        ({"$or": [{"a": 2}, {"a": 1, "b": {"$exists": False}}]}, {"a": 1}, True),
        ({"$and": [{"a": 1}, {"$not": {"b": 2}}]}, {"a": 1, "b": 2}, False),
    ],
)
def test_what_filters_mean(document: Document, metadata: Document, expected: bool) -> None:
    """The documented cases, for plain comparison and for both indexes."""
    clause = parse(document)
    tail = MemoryFields()
    tail.append(metadata)
    assert matches(clause, metadata) == expected
    assert evaluate(clause, tail).tolist() == [expected]
    assert evaluate(clause, in_sqlite([metadata])).tolist() == [expected]


@pytest.mark.parametrize("distinct", [1, 255, 256, 65_535, 65_536])
@pytest.mark.parametrize("missing", [0, 1, 20])
def test_columns_of_any_width(distinct: int, missing: int) -> None:
    """Around the places where a field's ordinals take another byte, and however many rows lack the field."""
    documents: list[dict[str, Any]] = []
    for value in range(distinct):
        documents += [{"n": value}, *([{}] * missing)][: 1 + missing if value < 300 else 1]
    fields = in_sqlite(documents)
    values = np.array([document.get("n", -1) for document in documents])
    last = distinct - 1
    for low, high in ((0, 0), (0, last), (last // 2, last), (last, last + 5)):
        mask = evaluate(parse({"n": {"$gte": low, "$lte": high}}), fields)
        assert np.array_equal(mask, (values >= low) & (values <= high))
    assert np.array_equal(evaluate(parse({"n": last}), fields), values == last)
    assert np.array_equal(evaluate(parse({"n": {"$exists": False}}), fields), values < 0)
    some = [*range(0, distinct, max(1, distinct // 50)), last]
    assert np.array_equal(evaluate(parse({"n": {"$in": [*some, -7]}}), fields), np.isin(values, some))


def test_a_text_column_larger_than_the_recent_keys() -> None:
    """Keys that are forgotten and met again while a segment is built are still one key."""
    documents = [{"s": f"{row % 20_000:05d}", "t": [row % 20_000]} for row in range(50_000)]
    fields = in_sqlite(documents)
    assert np.flatnonzero(evaluate(parse({"s": "00003"}), fields)).tolist() == [3, 20_003, 40_003]
    assert np.flatnonzero(evaluate(parse({"t": {"$contains": 19_999}}), fields)).tolist() == [19_999, 39_999]
    assert int(evaluate(parse({"s": {"$prefix": "1000"}}), fields).sum()) == 20


def test_a_growing_tail_answers_ranges_at_any_size() -> None:
    """Before its keys were ever ranked, after, and while more have come since."""
    tail = MemoryFields()
    values: list[int] = []
    for size in (1, 1_000, 1_100, 1_200, 2_000, 3_000, 6_000):
        while len(values) < size:
            values.append(len(values) * 7_919 % 6_007)
            tail.append({"n": values[-1], "s": str(values[-1])})
        found = evaluate(parse({"n": {"$gt": 500, "$lte": 3_000}}), tail)
        assert np.array_equal(found, (np.array(values) > 500) & (np.array(values) <= 3_000))
        found = evaluate(parse({"s": {"$prefix": "12"}}), tail)
        assert found.tolist() == [str(value).startswith("12") for value in values]


def test_a_metadata_key_longer_than_any_path_is_harmless() -> None:
    """It is stored with the record, but no filter can name it and no index holds it."""
    metadata = {"k" * 513: 1, "k" * 512: 1, "p": {"k" * 511: 1}}
    fields = in_sqlite([metadata])
    assert evaluate(parse({"k" * 512: 1}), fields).tolist() == [True]
    assert evaluate(parse({"p": {"$exists": True}}), fields).tolist() == [True]
    assert fields._connection.execute("SELECT COUNT(*) FROM fields WHERE LENGTH(path) > 512").fetchone() == (
        0,
    )


def test_several_threads_share_one_reader_within_its_bound() -> None:
    """Answers do not depend on what other threads ask for, even where nearly nothing can stay cached."""
    documents = [{"n": row, "s": f"s{row % 100}", "t": [row % 7, row % 11]} for row in range(5_000)]
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    write_fields(connection, documents)
    clauses = [
        parse(
            {
                "n": {"$gte": start, "$lt": start + 1000},
                "$or": [{"s": f"s{start % 100}"}, {"t": {"$contains": 3}}],
            }
        )
        for start in range(0, 4_000, 200)
    ]
    expected = [[matches(clause, document) for document in documents] for clause in clauses]
    for bound in (0, 30_000, None):
        fields = SqliteFields(connection, len(documents), cache_bytes_max=bound)
        with ThreadPoolExecutor(8) as threads:
            masks = list(threads.map(evaluate, clauses * 4, repeat(fields)))
        assert [mask.tolist() for mask in masks] == expected * 4
        assert bound is None or fields.resident_bytes <= bound


def test_rows_can_be_read_from_the_same_file_while_it_is_indexed() -> None:
    """A segment's metadata is streamed from the table beside the index, within one transaction."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE records (row INTEGER PRIMARY KEY, n INTEGER)")
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO records VALUES (?, ?)", ((row, row % 3) for row in range(1_000)))
    rows = connection.execute("SELECT n FROM records ORDER BY row")
    assert write_fields(connection, ({"n": n} for (n,) in rows)) == 1_000
    connection.execute("COMMIT")
    assert int(evaluate(parse({"n": 2}), SqliteFields(connection, 1_000)).sum()) == 333


def test_an_empty_segment_and_an_empty_tail() -> None:
    """No rows, no error."""
    for fields in (in_sqlite([]), MemoryFields()):
        for document in ({}, {"a": 1}, {"a": {"$gt": 1, "$nin": [1]}}, {"$not": {"a": {"$exists": True}}}):
            assert evaluate(parse(document), fields).shape == (0,)
