"""Aggregates and fields against counting every record by hand."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from quartzdb.domain.aggregate import Aggregate, AggregateKind, AggregateRequest, answer_of, groups_in_order
from quartzdb.domain.errors import TooManyGroups
from quartzdb.domain.fieldkey import decode, encode
from quartzdb.domain.filter import matches, parse
from quartzdb.domain.metadata import Kind, flatten
from quartzdb.storage.index import partial_answers
from tests.embedded import embedded
from tests.spread_namespace import Model, filled

FIELDS = ("v", "few", "o.deep", "tags", "group", "nowhere")
FILTERS = [None, {"group": {"$lt": 3}}, {"group": 99}]
GROUPS: list[tuple[str, ...]] = [
    (),
    ("few",),
    ("tags",),
    ("v",),
    ("tags", "few"),
    ("o.deep", "tags"),
    ("nowhere",),
]


def values(metadata: Mapping[str, Any], path: str) -> list[Any]:
    """Each once, by its key."""
    found = {
        encode(value): value
        for where, kind, value in flatten(metadata)
        if where == path and kind is not Kind.CONTAINER and value is not None
    }
    return list(found.values())


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def expected(kind: AggregateKind, found: Sequence[Any]) -> Any:
    numbers = sorted(value for value in found if is_number(value))
    texts = sorted(value for value in found if isinstance(value, str))
    ordered = numbers or texts
    match kind:
        case AggregateKind.COUNT:
            return len(found)
        case AggregateKind.DISTINCT:
            return len({encode(value) for value in found})
        case AggregateKind.MIN:
            return shown(ordered[0]) if ordered else None
        case AggregateKind.MAX:
            return shown(ordered[-1]) if ordered else None
        case AggregateKind.SUM:
            return pytest.approx(float(sum(numbers)))
        case AggregateKind.AVERAGE:
            return pytest.approx(sum(numbers) / len(numbers)) if numbers else None
        case AggregateKind.PERCENTILES:
            return {
                f"{one:g}": float(numbers[max(0, math.ceil(one / 100 * len(numbers)) - 1)])
                if numbers
                else None
                for one in (0, 50, 99.5)
            }
        case AggregateKind.TOP:
            counts = Counter(encode(value) for value in found)
            often = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:4]
            return [{"value": decode(key), "count": count} for key, count in often]


def shown(value: Any) -> Any:
    return decode(encode(value))


def of(kind: AggregateKind, path: str) -> Aggregate:
    return Aggregate(kind, path, (0, 50, 99.5) if kind is AggregateKind.PERCENTILES else (), 4)


def by_hand(model: Model, group_by: Sequence[str]) -> tuple[dict[tuple[bytes, ...], list[Any]], int]:
    groups: dict[tuple[bytes, ...], list[Any]] = defaultdict(list)
    missing = 0
    for metadata in model.values():
        keys: list[tuple[bytes, ...]] = [()]
        for path in group_by:
            keys = [(*key, encode(value)) for key in keys for value in values(metadata, path)]
        missing += not keys
        for key in keys:
            groups[key].append(metadata)
    return groups, missing


@pytest.mark.parametrize(("seed", "shards"), [(1, 1), (2, 3)])
def test_aggregates_are_what_counting_by_hand_gives(tmp_path: Path, seed: int, shards: int) -> None:
    """Of every kind, over every field, in every grouping: of segments with dead rows, of the tail, of shards."""
    database, namespace, model = filled(embedded(tmp_path), seed, shards)
    aggregates = {f"{kind} {path}": of(kind, path) for kind in AggregateKind for path in FIELDS}
    for document in FILTERS:
        condition = None if document is None else parse(document)
        eligible = {i: m for i, m in model.items() if condition is None or matches(condition, m)}
        for group_by in GROUPS:
            groups, missing = by_hand(eligible, group_by)
            some = dict(list(aggregates.items())[len(group_by) :: 5][:16])
            tally = database.aggregates.tally(namespace, AggregateRequest(some, group_by), condition)
            assert tally.matched == len(eligible)
            assert tally.missing == missing
            assert {key: group.records for key, group in tally.groups.items()} == {
                key: len(records) for key, records in groups.items()
            }, (document, group_by)
            for key, group in tally.groups.items():
                for name, aggregate in some.items():
                    found = [value for metadata in groups[key] for value in values(metadata, aggregate.path)]
                    answer = answer_of(aggregate, group.partials[name])
                    assert answer == expected(aggregate.kind, found), (document, group_by, key, name)


def test_the_largest_groups_come_first(tmp_path: Path) -> None:
    database, namespace, model = filled(embedded(tmp_path), 3, 1)
    tally = database.aggregates.tally(namespace, AggregateRequest({}, ("group",)))
    order = [(-group.records, decode(key[0])) for key, group in groups_in_order(tally.groups, 4)]
    counts = Counter(metadata["group"] for metadata in model.values())
    assert order == sorted((-count, group) for group, count in counts.items())[:4]


@pytest.mark.parametrize(
    "request_",
    [
        AggregateRequest({}, ("o.deep",)),
        AggregateRequest({}, ("v", "o.deep")),
        AggregateRequest({"top": of(AggregateKind.TOP, "o.deep")}),
        AggregateRequest({"distinct": of(AggregateKind.DISTINCT, "o.deep")}, ("few",)),
    ],
)
def test_more_groups_than_are_counted_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request_: AggregateRequest
) -> None:
    monkeypatch.setattr(partial_answers, "GROUPS_MAX", 20)
    database, namespace, _ = filled(embedded(tmp_path), 4, 1)
    with pytest.raises(TooManyGroups, match="20 different"):
        database.aggregates.tally(namespace, request_)


@pytest.mark.parametrize(("seed", "shards"), [(5, 1), (6, 2)])
def test_fields_are_described_by_what_records_have(tmp_path: Path, seed: int, shards: int) -> None:
    """Those of deleted and replaced records are not there."""
    database, namespace, model = filled(embedded(tmp_path), seed, shards)
    records: Counter[str] = Counter()
    found: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for metadata in model.values():
        records.update({path for path, kind, _ in flatten(metadata) if kind is not Kind.ELEMENT})
        for path in {path for path, _, _ in flatten(metadata)}:
            for value in values(metadata, path):
                name = "boolean" if isinstance(value, bool) else "number" if is_number(value) else "string"
                found[path][name].append(value)
    fields, more = database.aggregates.fields(namespace)
    assert not more
    assert list(fields) == sorted(records)
    assert {path: one.records for path, one in fields.items()} == records
    for path, summary in fields.items():
        assert summary.types.keys() == found[path].keys()
        for name, of_type in summary.types.items():
            assert of_type.count == len(found[path][name])
            assert of_type.least == min(map(encode, found[path][name]))
            assert of_type.greatest == max(map(encode, found[path][name]))
