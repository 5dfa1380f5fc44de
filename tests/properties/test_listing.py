"""Listings against sorting everything: whatever lies in segments or in the tail, in whichever order, page by page."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quartzdb.domain.filter import Filter, matches, parse
from quartzdb.domain.namespace import Namespace
from quartzdb.domain.order import Order
from quartzdb.services.listing import ListRequest
from quartzdb.services.record_rules import NewRecord
from quartzdb.storage.index import sources
from quartzdb.wiring.embedded import Database
from tests.embedded import embedded
from tests.spread_namespace import Model, filled, metadata

FILTERS = [None, {"group": 1}, {"v": {"$exists": True}}, {"group": 99}]
ORDERS = [Order(field, way) for field in (None, "v", "few", "o.deep", "nowhere") for way in (False, True)]


def sort_key(value: Any) -> tuple[int, Any] | None:
    """What is no value to sort by is None. Long strings share their beginning here, so they are equals."""
    if isinstance(value, bool):
        return 0, value
    if isinstance(value, int | float):
        return 1, value
    if isinstance(value, str):
        return 2, value
    return None


def in_order(model: Model, condition: Filter | None, order: Order) -> list[str]:
    ids = sorted(i for i, m in model.items() if condition is None or matches(condition, m))
    if order.field is None:
        return ids[::-1] if order.descending else ids

    def value(record_id: str) -> Any:
        at: Any = model[record_id]
        for key in str(order.field).split("."):
            at = at.get(key) if isinstance(at, Mapping) else None
        return sort_key(at)

    keyed = [one for one in ids if value(one) is not None]
    keyed.sort(key=value, reverse=order.descending)
    return keyed + [one for one in ids if value(one) is None]


def walked(database: Database, namespace: Namespace, request: ListRequest) -> Iterator[list[str]]:
    cursor = request.cursor
    while True:
        page = database.listing.page(
            namespace,
            ListRequest(request.condition, request.order, cursor, request.limit, include_metadata=False),
        )
        yield [record[0] for record in page.items]
        cursor = page.cursor
        if cursor is None:
            return


@pytest.mark.parametrize(("read_max", "walked_share"), [(4_096, 1.0), (3, 0.0), (3, 2.0)])
@pytest.mark.parametrize(("seed", "shards"), [(1, 1), (2, 3)])
def test_pages_are_what_sorting_everything_gives(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    shards: int,
    read_max: int,
    walked_share: float,
) -> None:
    """By each of the ways in which equals are found: reading their ids, walking along all ids, ranking all ids."""
    monkeypatch.setattr(sources, "READ_MAX", read_max)
    monkeypatch.setattr(sources, "WALKED_SHARE_MIN", walked_share)
    database, namespace, model = filled(embedded(tmp_path), seed, shards)
    for document in FILTERS:
        condition = None if document is None else parse(document)
        for order in ORDERS:
            expected = in_order(model, condition, order)
            for limit in (1, 1_000) if document == {"group": 1} else (23, 1_000):
                pages = list(walked(database, namespace, ListRequest(condition, order, limit=limit)))
                assert [one for page in pages for one in page] == expected, (document, order, limit)
                assert all(len(page) == limit for page in pages[:-1])
                assert len(pages) == max(1, -(-len(expected) // limit)), (
                    "no page is empty but that of nothing"
                )


@pytest.mark.parametrize("order", ORDERS)
def test_a_walk_has_what_was_there_throughout_once(tmp_path: Path, order: Order) -> None:
    """While others write, delete, fold and merge: a record that nobody touched comes exactly once."""
    site = embedded(tmp_path)
    database, namespace, model = filled(site, 3, 1)
    draw = random.Random(5)
    condition = parse({"group": {"$gte": 2}})
    touched: set[str] = set()
    seen: list[str] = []
    for page in walked(database, namespace, ListRequest(condition, order, limit=9)):
        seen += page
        ids = [f"r{draw.randrange(150)}" for _ in range(3)] + [f"new{draw.randrange(100)}"]
        records = [NewRecord(one, np.ones(2, np.float32), metadata(draw)) for one in dict.fromkeys(ids)]
        database.records.upsert(namespace, records)
        gone = draw.choice(sorted(model))
        database.records.delete(namespace, [gone])
        touched |= {*ids, gone}
        site.clock.seconds += 5
        database.maintenance.run_once()
    untouched = [one for one in in_order(model, condition, order) if one not in touched]
    assert len(untouched) > 20
    assert [one for one in seen if one in set(untouched)] == untouched
