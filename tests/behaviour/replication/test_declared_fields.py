"""Text and sparse fields that one of two sites declares: the other takes them over, and nothing of them is lost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quartzdb.domain.change import Change, Upsert
from quartzdb.domain.errors import NamespaceDiffers
from quartzdb.domain.namespace import Namespace, NamespaceSettings
from quartzdb.domain.text_fields import TextField
from quartzdb.domain.text_query import TextQuery, sparse_query
from quartzdb.maintenance.backlog import Backlog
from quartzdb.maintenance.policy import EMBEDDED_THRESHOLDS, MaintenancePolicy, MergeReason
from quartzdb.replication.ports import Feed, SharedNamespace
from quartzdb.replication.shared_namespaces import all_namespaces
from quartzdb.replication.streams.peer_streams import FullPeerStreams
from quartzdb.replication.streams.replicator import Replicator
from quartzdb.services.record_rules import NewRecord
from quartzdb.services.search import QueryAnswer, QueryRequest
from tests.doubles.memory_checkpoints import MemoryCheckpoints
from tests.manual_clock import ManualClock
from tests.replica_sites import LocalSite, memory_site, version_at

DECLARED: Any = {"text": {"body": TextField("german")}, "sparse": ("splade",)}
TEXTS = {"a": "Die Häuser am Meer", "b": "Ein Haus", "c": "Wälder"}


class Pair:
    """Two sites, of which the first drives."""

    def __init__(self, directory: Path, clock: ManualClock) -> None:
        self.clock = clock
        self.here, self.there = (memory_site(name, directory, clock) for name in ("here", "there"))

    def replicate(self) -> None:
        """Until both are level."""
        self.clock.seconds += 40
        streams = FullPeerStreams(
            self.here.replica,
            self.there.replica,
            MemoryCheckpoints(),
            self.clock,
            lambda: 0.0,
            lambda *_: 0,
            shared=all_namespaces,
        )
        for _ in range(2):  # what was declared is a new stream
            replicator = Replicator(streams, self.clock, lambda: 0.0)
            assert replicator.run_once(self.clock.monotonic() + 60).failed == 0


@pytest.fixture
def pair(tmp_path: Path, clock: ManualClock) -> Pair:
    return Pair(tmp_path, clock)


def made(site: LocalSite, dimension: int | None = 3, **settings: Any) -> Namespace:
    """A namespace of a site's own."""
    return site.database.namespaces.create("t", "n", NamespaceSettings(dimension, **settings))[0]


def write(site: LocalSite, texts: Mapping[str, str] = TEXTS, numbers: int = 3) -> None:
    """Records with texts and sparse vectors."""
    namespace = site.database.namespaces.get("t", "n")
    vector = np.ones(numbers, np.float32)
    site.database.records.upsert(
        namespace,
        [
            NewRecord(name, vector, {"body": text, "splade": {"indices": [len(text)], "values": [1.0]}})
            for name, text in texts.items()
        ],
    )


def asked(site: LocalSite, words: str = "hauses") -> QueryAnswer:
    """By words, strongly consistent."""
    namespace = site.database.namespaces.get("t", "n")
    return site.database.search.query(namespace, QueryRequest(text=TextQuery(words)))


def found(site: LocalSite, words: str = "hauses") -> set[str]:
    """The ids, and by the sparse vector of one record that one."""
    namespace = site.database.namespaces.get("t", "n")
    request = QueryRequest(sparse=sparse_query("splade", [len(TEXTS["a"])], [1.0]))
    assert [match.id for match in site.database.search.query(namespace, request).matches] == ["a"]
    return {match.id for match in asked(site, words).matches}


@pytest.mark.parametrize("drives", [True, False], ids=["declared by who drives", "declared by the other"])
def test_a_site_that_declares_nothing_takes_over_what_the_other_declares(pair: Pair, drives: bool) -> None:
    """Whichever it is, also where there is no change to bring; from then on both find by words."""
    one, other = (pair.here, pair.there) if drives else (pair.there, pair.here)
    made(one, **DECLARED)
    made(other)
    pair.replicate()
    assert other.database.namespaces.get("t", "n").settings == NamespaceSettings(3, **DECLARED)
    write(one)
    pair.replicate()
    assert found(one) == found(other) == {"a", "b"}
    write(other, {"d": "Noch ein Haus"})
    pair.replicate()
    assert found(one) == found(other) == {"a", "b", "d"}


def test_what_was_folded_before_is_indexed_by_maintenance(pair: Pair) -> None:
    """Until then an answer says that it may lack something. Which fields there are is seen by readers that are open."""
    made(pair.here, **DECLARED)
    made(pair.there)
    write(pair.there)
    pair.clock.seconds += 40
    namespace = pair.there.database.namespaces.get("t", "n")
    pair.there.database.indexer.fold(namespace)
    pair.there.database.readers.of(namespace).reload()
    assert pair.there.database.records.count(namespace) == 3
    pair.replicate()
    write(pair.here, {"d": "Noch ein Haus"})
    pair.replicate()
    late = asked(pair.there)
    assert [match.id for match in late.matches] == ["d"]
    assert not late.work.exact
    assert asked(pair.here).work.exact

    database = pair.there.database
    pair.clock.seconds += EMBEDDED_THRESHOLDS.fold_after_ms / 1000
    for _ in range(3):
        database.maintenance.run_once()
        pair.clock.seconds += 60
    whole = asked(pair.there)
    assert {match.id for match in whole.matches} == {"a", "b", "d"}
    assert whole.work.exact
    assert found(pair.there) == found(pair.here) == {"a", "b", "d"}
    pointer = database.store.pointer(namespace.partition)
    assert pointer is not None
    names = {segment.name for segment in database.store.manifest(pointer.current).segments}
    database.maintenance.run_once()
    again = database.store.pointer(namespace.partition)
    assert again is not None
    assert {one.name for one in database.store.manifest(again.current).segments} == names  # rewritten once


def test_there_and_back(pair: Pair, tmp_path: Path) -> None:
    """A site that lost everything, and began again without knowing of it, has declarations and texts from the other."""
    made(pair.here, **DECLARED)
    write(pair.here)
    pair.replicate()
    assert found(pair.there) == {"a", "b"}
    pair.here = memory_site("here", tmp_path / "again", pair.clock)
    made(pair.here)
    write(pair.here, {"e": "Häuschen"})
    pair.replicate()
    assert found(pair.here) == found(pair.there) == {"a", "b"}
    assert {match.id for match in asked(pair.here, "häuschen").matches} == {"e"}


def test_records_without_vectors(pair: Pair) -> None:
    """A namespace of key-values alone becomes one of texts, too, as it is at the peer."""
    made(pair.here, None, **DECLARED)
    made(pair.there, None)
    write(pair.here, numbers=0)
    pair.replicate()
    assert found(pair.there) == {"a", "b"}


def test_two_that_declare_otherwise_stay_apart(pair: Pair) -> None:
    """Nobody's declarations are replaced."""
    made(pair.here, **DECLARED)
    made(pair.there, text={"title": TextField()})
    for one, other in ((pair.here, pair.there), (pair.there, pair.here)):
        (shared,) = one.replica.namespaces()
        with pytest.raises(NamespaceDiffers, match="declares other text"):
            other.replica.apply(shared, Feed.RECORDS, [])
    assert set(pair.there.database.namespaces.get("t", "n").settings.text) == {"title"}


def test_what_a_later_release_declares_stops_nothing(pair: Pair) -> None:
    """Data come all the same, and what is declared once it is known."""
    metric = made(pair.here).settings.metric
    later = SharedNamespace("t", "n", 3, metric, '{"text":{"body":{"language":"quenya"}}}')
    change: list[Change] = [
        Upsert("a", version_at(pair.clock, "there"), np.ones(3, np.float32), {"body": "x"})
    ]
    assert pair.here.replica.apply(later, Feed.RECORDS, change).applied == 1
    assert pair.there.replica.apply(later, Feed.RECORDS, change).applied == 1
    for site in (pair.here, pair.there):
        assert not site.database.namespaces.get("t", "n").settings.searched


def test_maintenance_rewrites_only_where_something_is_declared(pair: Pair) -> None:
    """And says why."""
    namespace = made(pair.there)
    write(pair.there)
    pair.clock.seconds += 40
    pair.there.database.indexer.fold(namespace)
    pointer = pair.there.database.store.pointer(namespace.partition)
    assert pointer is not None
    manifest = pair.there.database.store.manifest(pointer.current)
    seen = Backlog(manifest, None, 0, 0, manifest.created_at_ms)
    policy = MaintenancePolicy(EMBEDDED_THRESHOLDS)
    assert policy.due(seen).merge is None
    due = policy.due(seen, searched=True).merge
    assert due is not None
    assert (due.reason, due.segments) == (MergeReason.DECLARED, manifest.segments)
