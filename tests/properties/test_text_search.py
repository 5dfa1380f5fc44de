"""Text and sparse search against looking at every record: segments, dead rows, the tail, deletes, patches, merges."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
import pytest

from quartzdb.domain.filter import Filter, parse
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.domain.text_query import SparseQuery, TextQuery, sparse_query
from quartzdb.maintenance.merge_policy import all_segments
from quartzdb.services.record_rules import MetadataPatch, NewRecord
from quartzdb.storage.index.query import Found
from quartzdb.storage.index.sparse_search import search_sparse
from quartzdb.storage.index.text import evaluation, occurrences
from quartzdb.storage.index.text_search import search_text, statistics
from quartzdb.wiring.embedded import Database
from tests.embedded import Embedded, embedded
from tests.text_model import SPARSE, TEXT, best, found, found_sparse, metadata, queries, same_scores, text

CONDITIONS = [None, {"group": 1}, {"group": {"$ne": 3}}, {"group": 99}]


class World:
    """A namespace and a dictionary that has what it should have."""

    def __init__(self, site: Embedded, draw: random.Random, shards: int) -> None:
        self.site, self.draw = site, draw
        self.database: Database = site.open()
        settings = NamespaceSettings(2, shards=shards, text=TEXT, sparse=SPARSE)
        self.namespace, _ = self.database.namespaces.create("t", "n", settings)
        self.model: dict[str, dict[str, object]] = {}

    def write(self, count: int) -> None:
        """New records, replaced ones, deletes and patches."""
        draw = self.draw
        ids = draw.sample([f"r{number}" for number in range(2 * count)], count)
        fields = {one: metadata(draw) for one in ids}
        vectors = np.ones(2, np.float32)
        self.database.records.upsert(self.namespace, [NewRecord(one, vectors, fields[one]) for one in ids])
        self.model |= fields
        doomed = draw.sample(sorted(self.model), 6)
        self.database.records.delete(self.namespace, doomed)
        for one in doomed:
            del self.model[one]
        for one in draw.sample(sorted(self.model), 4):
            body = text(draw, 9)
            self.database.records.patch(self.namespace, [MetadataPatch(one, {"body": body}, ("note",))])
            self.model[one] = {k: v for k, v in self.model[one].items() if k != "note"} | {"body": body}

    def fold(self) -> None:
        self.site.clock.seconds += 40
        for shard in self.namespace.each_shard:
            self.database.indexer.fold(shard)
            self.database.readers.of(shard).reload()

    def merge(self) -> None:
        for shard in self.namespace.each_shard:
            self.database.indexer.compact(shard, all_segments)
            self.database.readers.of(shard).reload()

    def searched(self, query: TextQuery, top_k: int, condition: Filter | None) -> list[tuple[str, float]]:
        """Over all shards, as a service does it."""
        views = [self.database.readers.of(shard).view() for shard in self.namespace.each_shard]
        whole = reduce(add, [statistics(view, query) for view in views])
        return joined([search_text(view, query, whole, top_k, condition) for view in views], top_k)

    def searched_sparse(
        self, query: SparseQuery, top_k: int, condition: Filter | None
    ) -> list[tuple[str, float]]:
        views = [self.database.readers.of(shard).view() for shard in self.namespace.each_shard]
        return joined([search_sparse(view, query, top_k, condition) for view in views], top_k)

    def check(self) -> None:
        """Every query has the records and scores that it should have; those of the best are the best."""
        for number, query in enumerate(queries(self.draw)):
            for document in (None, CONDITIONS[number % len(CONDITIONS)]):
                condition = None if document is None else parse(document)
                expected = found(self.model, query, condition)
                everything = dict(self.searched(query, 1_000, condition))
                assert everything.keys() == expected.keys(), (query, document)
                ids = sorted(expected)
                assert same_scores([everything[i] for i in ids], [expected[i] for i in ids]), (
                    query,
                    document,
                )
                few = self.searched(query, 5, condition)
                assert same_scores([score for _, score in few], best(expected, 5)), (query, document)
                assert all(abs(everything[i] - score) < 1e-5 for i, score in few)
        for indices, values in (([3], [1.0]), ([1, 2, 5, 2**32 - 1], [0.5, -2.0, 1.0, 3.0]), ([77], [1.0])):
            asked = sparse_query("splade", indices, values)
            for document in CONDITIONS:
                condition = None if document is None else parse(document)
                products = found_sparse(self.model, asked, condition)
                answer = self.searched_sparse(asked, 1_000, condition)
                assert {i for i, _ in answer} == products.keys()
                assert same_scores([score for _, score in answer], best(products, 1_000))
                assert same_scores(
                    [score for _, score in self.searched_sparse(asked, 3, condition)], best(products, 3)
                )


def joined(answers: Sequence[Found], top_k: int) -> list[tuple[str, float]]:
    matches = [(match.id, match.score) for answer in answers for match in answer.matches]
    return sorted(matches, key=lambda one: (-one[1], one[0]))[:top_k]


@pytest.mark.parametrize(("seed", "shards", "looked_at", "together"), [(1, 1, 0, 1 << 20), (2, 3, 512, 50)])
def test_text_is_found_as_by_looking_at_every_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, shards: int, looked_at: int, together: int
) -> None:
    """In the tail alone, over segments with dead rows, and after merges; with lists that are added, and looked up; with
    words that are put in order together, and a few at a time.
    """
    monkeypatch.setattr(evaluation, "_LOOKED_AT_MIN", looked_at)
    monkeypatch.setattr(occurrences, "_TOGETHER", together)
    world = World(embedded(tmp_path), random.Random(seed), shards)
    world.write(45)
    world.check()
    world.fold()
    world.write(30)
    world.fold()
    world.write(20)
    world.check()
    world.fold()
    world.merge()
    world.check()


def test_an_answer_is_the_same_wherever_records_lie(tmp_path: Path) -> None:
    """To the last bit of every score: in the tail, in a segment, in a merged one, and after a restart."""
    world = World(embedded(tmp_path), random.Random(3), 1)
    world.write(60)
    asked = list(queries(world.draw))

    def answers() -> list[list[tuple[str, float]]]:
        return [world.searched(query, 1_000, None) for query in asked]

    in_tail = answers()
    world.fold()
    assert answers() == in_tail
    world.write(1)
    world.database.records.delete(world.namespace, sorted(world.model)[:1])
    del world.model[sorted(world.model)[0]]
    before = answers()
    world.fold()
    world.merge()
    assert answers() == before
    world.database = world.site.open()
    assert answers() == before
