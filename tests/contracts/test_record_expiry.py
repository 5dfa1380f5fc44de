"""Records that expire, on every kind of storage: nobody is shown one from its moment on, wherever it is by then."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from quartzdb.domain.aggregate import Aggregate, AggregateKind, AggregateRequest
from quartzdb.domain.condition import ABSENT, Condition
from quartzdb.domain.errors import PreconditionFailed, RecordNotFound
from quartzdb.domain.expiry import EXPIRY_FIELD, PURGED_AFTER_MS
from quartzdb.domain.filter import parse
from quartzdb.domain.grouping import GroupBy
from quartzdb.domain.namespace import Namespace, NamespaceSettings
from quartzdb.domain.order import Order
from quartzdb.domain.text_fields import TextField
from quartzdb.domain.text_query import TextQuery
from quartzdb.maintenance.merge_policy import all_segments
from quartzdb.maintenance.sweep import sweep
from quartzdb.services.consistency import Consistency
from quartzdb.services.listing import ListRequest
from quartzdb.services.record_rules import MetadataPatch, NewRecord
from quartzdb.services.search import QueryRequest
from quartzdb.storage.index.text_search import search_text, statistics
from quartzdb.wiring.backup import restore_backup, take_backup
from quartzdb.wiring.embedded import Database, EmbeddedSettings, assemble, embedded_adapters
from tests.aws_deployment import Deployment
from tests.aws_emulators import Emulators
from tests.embedded import Embedded, embedded
from tests.manual_clock import ManualClock

SIDE = 4
QUESTION = np.ones(SIDE, dtype=np.float32)
EVENTUAL = Consistency(strong=False)


@pytest.fixture(params=["embedded", "ministack"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Embedded | Deployment:
    if request.param == "embedded":
        return embedded(tmp_path / "data")
    aws: Emulators = request.getfixturevalue("aws")
    emulator = aws.get(request.param)
    return Deployment(request.param, emulator.endpoint_url, emulator.new_place(), tmp_path)


@pytest.fixture
def directory(tmp_path: Path) -> Embedded:
    return embedded(tmp_path / "data")


class Place:
    """A namespace of one database, and its clock."""

    def __init__(self, site: Embedded | Deployment) -> None:
        self.site = site
        self.database: Database = site.open()
        self.namespace: Namespace
        self.namespace, _ = self.database.namespaces.create("t", "n", NamespaceSettings(SIDE))

    def put(self, record_id: str, seconds: float | None = None, /, **metadata: object) -> None:
        moment = None if seconds is None else self.now + int(1000 * seconds)
        self.database.records.upsert(self.namespace, [NewRecord(record_id, QUESTION, metadata, moment)])

    @property
    def now(self) -> int:
        return self.site.clock.unix_ms()

    def wait(self, seconds: float) -> None:
        self.site.clock.seconds += seconds

    def fold(self) -> None:
        self.wait(5)
        assert self.database.indexer.fold(self.namespace).published
        self.database.readers.of(self.namespace).reload()

    def merge(self) -> None:
        assert self.database.indexer.compact(self.namespace, all_segments).published
        self.database.readers.of(self.namespace).reload()

    def stored(self) -> dict[str, object]:
        """What segments have: rows by id with their vectors, and the names of tombstones."""
        snapshot = self.database.readers.of(self.namespace)
        snapshot.view()
        assert snapshot.snapshot is not None
        segments = snapshot.snapshot.segments
        return {
            "rows": sorted(record.id for segment in segments for record in segment.records.all_rows()),
            "tombstones": sorted(one.id for segment in segments for one in segment.records.all_tombstones()),
        }


def seen(place: Place, database: Database, consistency: Consistency) -> Sequence[list[str]]:
    """What each read shows, as ids in order; reads that only count say how many."""
    namespace, named = place.namespace, list("abcdefg")
    everything = parse({"kind": "x"})
    request = QueryRequest(vector=QUESTION, top_k=10, consistency=consistency)
    filtered = QueryRequest(vector=QUESTION, top_k=10, condition=everything, consistency=consistency)
    batch = database.search.query_batch(namespace, [request, filtered], consistency)
    listed = [
        database.listing.page(namespace, ListRequest(condition, order, consistency=consistency)).items
        for condition in (None, everything)
        for order in (Order(None), Order("n"))
    ]
    return [
        sorted(database.records.fetch(namespace, named, consistency)),
        list(database.records.list(namespace, consistency=consistency).items),
        *(sorted(match.id for match in answer.matches) for answer in batch),
        sorted(match.id for match in database.search.query(namespace, request).matches),
        *(sorted(record_id for record_id, *_ in page) for page in listed),
    ]


def counted(place: Place, database: Database) -> set[int]:
    """How many records each read says there are."""
    namespace = place.namespace
    request = AggregateRequest({"n": Aggregate(AggregateKind.COUNT, "kind")})
    tally = database.aggregates.tally(namespace, request)
    fields, _ = database.aggregates.fields(namespace)
    return {
        database.records.count(namespace),
        database.records.count(namespace, parse({"kind": "x"})),
        database.namespaces.stats(namespace).records,
        tally.matched,
        fields["kind"].records if "kind" in fields else 0,
    }


def shows(place: Place, *ids: str, cold: bool = False) -> None:
    """Hold every read of this process to show these records alone; also those of one that opens everything now, on
    AWS, where that takes long, only if it is `cold`.
    """
    databases = [place.database]
    if cold or isinstance(place.site, Embedded):
        databases.append(place.site.open())
    for database in databases:
        assert seen(place, database, Consistency()) == [list(ids)] * 9
        if isinstance(place.site, Embedded):
            assert seen(place, database, EVENTUAL) == [list(ids)] * 9
        assert counted(place, database) == {len(ids)}
        assert EXPIRY_FIELD not in database.aggregates.fields(place.namespace)[0]


def test_no_read_has_a_record_from_its_moment_on(site: Embedded | Deployment) -> None:
    """In the tail, in a segment, in both, and merged; every step of time alone changes what is seen."""
    place = Place(site)
    place.put("a", None, kind="x", n=1)
    place.put("b", 10, kind="x", n=2)
    place.put("c", 20, kind="x", n=3)
    shows(place, "a", "b", "c")
    place.wait(9.999)
    shows(place, "a", "b", "c")
    place.wait(0.001)
    shows(place, "a", "c")
    place.fold()
    shows(place, "a", "c")
    place.put("d", 6, kind="x", n=4)
    shows(place, "a", "c", "d")
    place.wait(5)
    shows(place, "a", "d", cold=True)
    place.fold()
    shows(place, "a")
    place.put("b", 100, kind="x", n=5)
    shows(place, "a", "b")
    place.wait(PURGED_AFTER_MS / 1000)
    place.fold()
    place.merge()
    shows(place, "a", "b")
    place.wait(100)
    shows(place, "a", cold=True)


def test_a_record_says_when_it_expires(directory: Embedded) -> None:
    """Beside its metadata, in every answer that shows it, from the tail and from a segment."""
    place = Place(directory)
    moment = place.now + 50_000
    place.put("a", 50, kind="x")
    place.put("b", None, kind="x")
    for step in ("tail", "segment"):
        if step == "segment":
            place.fold()
        database, namespace = place.database, place.namespace
        found = database.records.fetch(namespace, ["a", "b"])
        assert {one: record.expires_at_ms for one, record in found.items()} == {"a": moment, "b": None}
        for with_metadata in (True, False):
            request = QueryRequest(vector=QUESTION, include_metadata=with_metadata)
            matches = {match.id: match for match in database.search.query(namespace, request).matches}
            assert (matches["a"].expires_at_ms, matches["b"].expires_at_ms) == (moment, None)
            assert matches["a"].metadata == ({"kind": "x"} if with_metadata else None)
        page = database.listing.page(namespace, ListRequest(order=Order(EXPIRY_FIELD)))
        assert [(one, metadata, at) for one, _, _, metadata, at in page.items] == [
            ("a", {"kind": "x"}, moment),
            ("b", {"kind": "x"}, None),
        ]


def test_patches_prolong_set_and_take_back(directory: Embedded) -> None:
    """One at a time, by filter, and of a record in a segment. An upsert without a moment takes it back, too."""
    place = Place(directory)
    records, namespace = place.database.records, place.namespace
    for one in "abcd":
        place.put(one, 10, kind="x")
    records.patch(
        namespace, [MetadataPatch("a", {"n": 1}), MetadataPatch("b", expires_at_ms=place.now + 30_000)]
    )
    place.fold()
    records.patch(namespace, [MetadataPatch("c", keeps=True)])
    place.put("d", None, kind="x")
    place.wait(10)
    shows(place, "b", "c", "d")
    later = place.now + 60_000
    assert records.patch_matching(namespace, parse({}), MetadataPatch("", expires_at_ms=later)).count == 3
    found = records.fetch(namespace, list("bcd"))
    assert {record.expires_at_ms for record in found.values()} == {later}
    place.wait(30)
    place.fold()
    shows(place, "b", "c", "d")
    place.wait(60)
    shows(place)


def test_what_has_expired_is_not_there_for_writes(site: Embedded | Deployment) -> None:
    """Conditions, patches, deletions, by id and by filter; what is written in its place is new."""
    place = Place(site)
    records, namespace = place.database.records, place.namespace
    for step in ("tail", "segment"):
        place.put("a", 10, kind="x", step=step)
        version = records.fetch_one(namespace, "a").version
        with pytest.raises(PreconditionFailed):
            records.upsert(namespace, [NewRecord("a", QUESTION)], conditions={"a": ABSENT})
        if step == "segment":
            place.fold()
        place.wait(10)
        with pytest.raises(RecordNotFound):
            records.patch(namespace, [MetadataPatch("a", keeps=True)])
        with pytest.raises(RecordNotFound):
            records.fetch_one(namespace, "a")
        with pytest.raises(RecordNotFound):
            place.database.search.query(namespace, QueryRequest(id="a"))
        with pytest.raises(PreconditionFailed):
            records.delete(namespace, ["a"], conditions={"a": Condition.at(version)})
        assert records.delete_matching(namespace, parse({})).version is None
        assert records.patch_matching(namespace, parse({}), MetadataPatch("", {"n": 1})).version is None
        assert records.delete(namespace, ["a"]).deleted == 0
        records.upsert(namespace, [NewRecord("a", QUESTION, {"kind": "x"})], conditions={"a": ABSENT})
        shows(place, "a")


def test_it_leaves_storage_a_minute_after_its_moment(site: Embedded | Deployment) -> None:
    """With the next fold, or the next merge of its segment; until then a patch that comes late may still need it."""
    place = Place(site)
    place.put("a", 10, kind="x")
    place.put("b", 200, kind="x")
    place.put("c", None, kind="x")
    place.fold()
    place.wait(30)
    place.put("e", 1, kind="x")
    place.put("d", None, kind="x")
    place.fold()
    place.merge()
    assert place.stored() == {"rows": ["a", "b", "c", "d", "e"], "tombstones": []}
    place.wait(PURGED_AFTER_MS / 1000)
    place.put("f", 1, kind="x")
    place.wait(PURGED_AFTER_MS / 1000 + 2)
    place.fold()
    # Younger than what may still come late, so its name stays until the next merge; the vector is gone.
    assert place.stored() == {"rows": ["a", "b", "c", "d", "e"], "tombstones": ["f"]}
    place.merge()
    assert place.stored()["rows"] == ["b", "c", "d"]
    shows(place, "b", "c", "d")
    place.wait(200)
    place.put("g", None, kind="x")
    place.fold()
    place.merge()
    assert place.stored() == {"rows": ["c", "d", "g"], "tombstones": []}
    shows(place, "c", "d", "g")


def test_nothing_is_dropped_while_a_patch_may_wait_in_the_log(site: Embedded | Deployment) -> None:
    """A record that was prolonged in time lives on, however late its patch is folded."""
    place = Place(site)
    place.put("a", 10, kind="x")
    place.put("b", 10, kind="x")
    place.fold()
    place.database.records.patch(place.namespace, [MetadataPatch("a", keeps=True)])
    place.wait(10 * PURGED_AFTER_MS / 1000)
    place.database.indexer.compact(place.namespace, all_segments)
    place.database.readers.of(place.namespace).reload()
    shows(place, "a")
    place.fold()
    place.merge()
    assert place.stored()["rows"] == ["a"]
    shows(place, "a")


def test_moments_are_read_when_the_first_of_them_comes(site: Embedded | Deployment) -> None:
    """By a reader that opened the segment long before; whose files were swept since, or are damaged, by then."""
    place = Place(site)
    for number in range(40):
        place.put(f"r{number:02}", 10 if number % 2 else None, kind="x")
    place.fold()
    late = site.open()
    assert late.records.count(place.namespace) == 40
    place.put("more", None, kind="x")
    place.fold()
    place.merge()
    place.wait(100)
    sweep(place.database.store, site.clock, place.namespace.partition, superseded_ms=0)
    for database in (late, place.database):
        assert database.records.count(place.namespace) == 21
        request = QueryRequest(vector=QUESTION, top_k=50)
        found = database.search.query(place.namespace, request).matches
        assert sorted(match.id for match in found) == sorted(["more", *(f"r{n:02}" for n in range(0, 40, 2))])


def test_texts_and_groups_of_what_has_expired_count_for_nothing(tmp_path: Path) -> None:
    """Neither found, nor in the statistics that scores are made of, nor a group."""
    clock = embedded(tmp_path / "data")
    database = clock.open()
    settings = NamespaceSettings(SIDE, text={"body": TextField()})
    namespace, _ = database.namespaces.create("t", "n", settings)
    moment = clock.clock.unix_ms() + 10_000
    database.records.upsert(
        namespace,
        [
            NewRecord("a", QUESTION, {"body": "a quiet desert", "kind": "x"}),
            NewRecord("b", QUESTION, {"body": "a loud desert", "kind": "y"}, moment),
        ],
    )
    asked = TextQuery("desert")
    for step in ("tail", "segment"):
        view = database.readers.of(namespace).view()
        live = ["a", "b"] if step == "tail" else ["a"]
        counted = statistics(view, asked)
        assert counted.records == len(live)
        found = search_text(view, asked, counted, 10, None)
        assert sorted(match.id for match in found.matches) == live
        grouped = database.search.query(namespace, QueryRequest(vector=QUESTION, group_by=GroupBy("kind")))
        assert grouped.groups is not None
        assert len(grouped.groups) == len(live)
        clock.clock.seconds += 5
        assert database.indexer.fold(namespace).published or step == "segment"
        database.readers.of(namespace).reload()
        clock.clock.seconds += 5


class AskedClock(ManualClock):
    """Counts how often it is asked what time it is."""

    asked = 0

    def unix_ms(self) -> int:
        """Wall clock in milliseconds."""
        self.asked += 1
        return super().unix_ms()


def test_where_nothing_expires_no_clock_is_asked(tmp_path: Path) -> None:
    """By a warm read, from a segment and the tail; where something does, once for each."""
    place = Place(embedded(tmp_path / "data"))
    place.put("a", None, kind="x")
    place.fold()
    place.put("b", None, kind="x")
    clock = AskedClock()
    clock.seconds = place.site.clock.seconds
    database = assemble(
        embedded_adapters(EmbeddedSettings(tmp_path / "data"), clock), writer="l.2", workspace=tmp_path / "b"
    )

    def asked_by_a_query() -> int:
        place_of_count = clock.asked
        found = database.search.query(place.namespace, QueryRequest(vector=QUESTION)).matches
        assert {match.id for match in found} >= {"a", "b"}
        return clock.asked - place_of_count

    asked_by_a_query()
    assert asked_by_a_query() == 0
    place.put("c", 60, kind="x")
    asked_by_a_query()
    assert asked_by_a_query() == 1


def test_a_restored_backup_keeps_the_moments(tmp_path: Path) -> None:
    """What expired in the backup meanwhile is not shown; what had not is as it was."""
    place = Place(embedded(tmp_path / "data"))
    place.put("a", 10, kind="x")
    place.put("b", 1_000, kind="x")
    place.fold()
    moment = place.database.records.fetch_one(place.namespace, "b").expires_at_ms
    take_backup(tmp_path / "data", tmp_path / "backups", link=False, read_only=False)
    restore_backup(tmp_path / "backups", None, tmp_path / "restored")
    again = embedded(tmp_path / "restored")
    again.clock.seconds = place.site.clock.seconds
    database = again.open()
    namespace = database.namespaces.get("t", "n")
    assert set(database.records.fetch(namespace, ["a", "b"])) == {"a", "b"}
    again.clock.seconds += 10
    found = database.records.fetch(namespace, ["a", "b"])
    assert {one: record.expires_at_ms for one, record in found.items()} == {"b": moment}
