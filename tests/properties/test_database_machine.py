"""The whole embedded database against a dictionary: any sequence of writes, folds, compactions, sweeps and restarts, by
two processes on one directory, while time passes and records expire. After every step the four promises hold, and
queries agree with brute force.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from quartzdb.domain.aggregate import Aggregate, AggregateKind, AggregateRequest, Partial, answer_of
from quartzdb.domain.condition import ABSENT, PRESENT, Condition
from quartzdb.domain.errors import PreconditionFailed
from quartzdb.domain.fieldkey import decode
from quartzdb.domain.filter import parse
from quartzdb.domain.fusion import QueryPart
from quartzdb.domain.grouping import GroupBy
from quartzdb.domain.hlc import Version
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import EngineChoice, Namespace, NamespaceSettings, Precision
from quartzdb.domain.order import Order
from quartzdb.domain.text_fields import TextField
from quartzdb.domain.text_query import TextQuery
from quartzdb.domain.vector import Vector, norms_of
from quartzdb.maintenance.merge_policy import MergePolicy, all_segments, full_tier, idle
from quartzdb.maintenance.sweep import sweep
from quartzdb.services.consistency import Consistency
from quartzdb.services.listing import ListRequest
from quartzdb.services.record_rules import MetadataPatch, NewRecord
from quartzdb.services.search import QueryRequest
from quartzdb.storage.ports import ChangeLog
from quartzdb.wiring.embedded import Adapters, Database, EmbeddedSettings, assemble, embedded_adapters
from tests.manual_clock import ManualClock

DIMENSION = 6
IDS = [f"id-{number:02d}" for number in range(40)]
processes = st.integers(0, 1)
some_ids = st.lists(st.sampled_from(IDS), min_size=1, max_size=12, unique=True)
lives = st.sampled_from([None, None, None, 1, 20, 3_000])
"""Seconds until a record expires. Steps take from half a second to over an hour."""


class CountingLog:
    """Counts the looks at the log, and the reads that become of those where something may have been committed."""

    def __init__(self, log: ChangeLog) -> None:
        self._log = log
        self._lock = threading.Lock()
        self.looks = self.reads = 0

    def __getattr__(self, name: str) -> object:
        with self._lock:  # shards are read side by side
            self.looks += name == "data_version"
            self.reads += name == "read"
        return getattr(self._log, name)


class DatabaseMachine(RuleBasedStateMachine):
    """`model` is what the database must hold. `moments` are those at which some of it expires."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="quartzdb-machine-"))
        self.clock = ManualClock()
        self.model: dict[str, tuple[Vector, dict[str, object]]] = {}
        self.moments: dict[str, int] = {}
        self.deleted: set[str] = set()
        self.random = np.random.default_rng(7)
        self.starts = 0
        self.token: Version | None = None

    @property
    def model(self) -> dict[str, tuple[Vector, dict[str, object]]]:
        """What has not expired by now."""
        for record_id in [one for one, moment in self.moments.items() if moment <= self.clock.unix_ms()]:
            del self.moments[record_id]
            self._model.pop(record_id, None)
        return self._model

    @model.setter
    def model(self, model: dict[str, tuple[Vector, dict[str, object]]]) -> None:
        self._model = model

    @initialize(
        engine=st.sampled_from(
            [EngineChoice.EXACT, EngineChoice.ANNOY, EngineChoice.IVF, EngineChoice.HNSW, EngineChoice.AUTO]
        ),
        metric=st.sampled_from(Metric),
        precision=st.sampled_from(Precision),
        shards=st.sampled_from([1, 1, 2, 4]),
    )
    def create(self, engine: EngineChoice, metric: Metric, precision: Precision, shards: int) -> None:
        """A namespace of any kind."""
        self.adapters: list[Adapters] = [self._adapters(), self._adapters()]
        self.databases: list[Database] = [self._database(0), self._database(1)]
        self.namespace: Namespace
        self.namespace, created = self.databases[0].namespaces.create(
            "t",
            "n",
            NamespaceSettings(DIMENSION, metric, engine, precision, shards, text={"tag": TextField("other")}),
        )
        assert created
        assert self.databases[1].namespaces.get("t", "n") == self.namespace

    @rule(process=processes, ids=some_ids, group=st.integers(0, 3), seconds=lives)
    def upsert(self, process: int, ids: list[str], group: int, seconds: int | None) -> None:
        """Write records, some of which will expire."""
        vectors = self._vectors(len(ids))
        moment = self._moment(seconds)
        records = [
            NewRecord(record_id, vector, {"group": group, "tag": record_id}, moment)
            for record_id, vector in zip(ids, vectors, strict=True)
        ]
        self._wrote(self.databases[process].records.upsert(self.namespace, records, after=self.token))
        self.model |= {record.id: (record.vector, dict(record.metadata)) for record in records}
        self._expire(ids, moment)
        self.deleted -= set(ids)

    @rule(
        process=processes,
        ids=some_ids,
        group=st.integers(0, 3),
        wanted=st.sampled_from(["absent", "present", "as seen", "as seen", "older"]),
    )
    def upsert_on_condition(self, process: int, ids: list[str], group: int, wanted: str) -> None:
        """All records are written, or none where one is not as it should be; each that is not is named."""
        seen = self.databases[1 - process].records.fetch(self.namespace, ids)
        conditions = dict.fromkeys(ids, ABSENT)
        if wanted == "present":
            conditions = dict.fromkeys(ids, PRESENT)
        elif wanted in ("as seen", "older"):
            back = 1 if wanted == "older" else 0
            conditions |= {
                i: Condition.at(Version(one.version.stamp - back, one.version.writer))
                for i, one in seen.items()
            }
        failing = {
            "absent": set(seen),
            "present": set(ids) - set(seen),
            "as seen": set(),
            "older": set(seen),
        }[wanted]
        records = [
            NewRecord(record_id, vector, {"group": group, "tag": record_id})
            for record_id, vector in zip(ids, self._vectors(len(ids)), strict=True)
        ]
        upsert = self.databases[process].records.upsert
        if failing:
            with pytest.raises(PreconditionFailed) as refused:
                upsert(self.namespace, records, conditions=conditions, after=self.token)
            assert {one.id for one in refused.value.failures} == failing
            return
        self._wrote(upsert(self.namespace, records, conditions=conditions, after=self.token))
        self.model |= {record.id: (record.vector, dict(record.metadata)) for record in records}
        self._expire(ids, None)
        self.deleted -= set(ids)

    @rule(process=processes, ids=some_ids, seconds=lives)
    def prolong(self, process: int, ids: list[str], seconds: int | None) -> None:
        """Say anew when records expire that exist, or that they never do."""
        present = [record_id for record_id in ids if record_id in self.model]
        if not present:
            return
        moment = self._moment(seconds)
        patches = [MetadataPatch(i, expires_at_ms=moment, keeps=moment is None) for i in present]
        self._wrote(self.databases[process].records.patch(self.namespace, patches, after=self.token))
        self._expire(present, moment)

    @rule(process=processes, ids=some_ids, group=st.integers(0, 3), unset=st.booleans())
    def patch(self, process: int, ids: list[str], group: int, unset: bool) -> None:
        """Change metadata of records that exist; when they expire stays."""
        present = [record_id for record_id in ids if record_id in self.model]
        if not present:
            return
        patches = [MetadataPatch(i, {"group": group}, ("tag",) if unset else ()) for i in present]
        self._wrote(self.databases[process].records.patch(self.namespace, patches, after=self.token))
        for record_id in present:
            self.model[record_id][1]["group"] = group
            if unset:
                self.model[record_id][1].pop("tag", None)

    @rule(process=processes, ids=some_ids)
    def delete(self, process: int, ids: list[str]) -> None:
        """Delete ids, there or not."""
        deletion = self.databases[process].records.delete(self.namespace, ids, after=self.token)
        assert deletion.deleted == len(set(ids) & self.model.keys())
        assert deletion.version is not None
        self._wrote(deletion.version)
        for record_id in ids:
            self.model.pop(record_id, None)
        self._expire(ids, None)
        self.deleted |= set(ids)

    @rule(process=processes, group=st.integers(0, 3), to=st.integers(0, 3))
    def patch_group(self, process: int, group: int, to: int) -> None:
        """Patch by filter."""
        fields = MetadataPatch("", {"group": to, "moved": True})
        patching = self.databases[process].records.patch_matching(
            self.namespace, parse({"group": group}), fields, after=self.token
        )
        moved = [metadata for _, metadata in self.model.values() if metadata["group"] == group]
        assert (patching.count, patching.cursor) == (len(moved), None)
        for metadata in moved:
            metadata |= {"group": to, "moved": True}
        if patching.version is not None:
            self._wrote(patching.version)

    @rule(process=processes, group=st.integers(0, 3))
    def delete_group(self, process: int, group: int) -> None:
        """Delete by filter."""
        doomed = {record_id for record_id, (_, metadata) in self.model.items() if metadata["group"] == group}
        deletion = self.databases[process].records.delete_matching(self.namespace, parse({"group": group}))
        assert deletion.deleted == len(doomed)
        self.model = {record_id: kept for record_id, kept in self.model.items() if record_id not in doomed}
        self._expire(list(doomed), None)
        if deletion.version is not None:
            self._wrote(deletion.version)

    @rule(seconds=st.sampled_from([0.5, 25.0, 100.0]))
    def wait(self, seconds: float) -> None:
        """Nobody writes, and some records expire."""
        self.clock.seconds += seconds

    @rule(process=processes, seconds=st.sampled_from([0.5, 3.0, 40.0]), number=st.integers(0, 3))
    def fold(self, process: int, seconds: float, number: int) -> None:
        """Time passes and the indexer folds the log of a shard."""
        self.clock.seconds += seconds
        self.databases[process].indexer.fold(self._shard(number))

    @rule(
        process=processes, policy=st.sampled_from([full_tier, idle, all_segments]), number=st.integers(0, 3)
    )
    def compact(self, process: int, policy: MergePolicy, number: int) -> None:
        """Segments of a shard are merged."""
        self.databases[process].indexer.compact(self._shard(number), policy)

    @rule(process=processes)
    def maintain(self, process: int) -> None:
        """The background work of a server, then a sweep long afterwards."""
        self.databases[process].maintenance.run_once()
        self.clock.seconds += 4_000
        for partition in self.namespace.partitions:
            sweep(self.databases[process].store, self.clock, partition)

    @rule(process=processes, number=st.integers(0, 3))
    def reload(self, process: int, number: int) -> None:
        """A reader moves to the newest snapshot."""
        self.databases[process].readers.of(self._shard(number)).reload()

    @rule(process=processes)
    def restart(self, process: int) -> None:
        """A process is killed and another one opens the directory."""
        self.adapters[process] = self._adapters()
        self.databases[process] = self._database(process)

    @rule(process=processes, ids=some_ids)
    def fetch(self, process: int, ids: list[str]) -> None:
        """By id, exactly as written, in either process."""
        found = self.databases[process].records.fetch(self.namespace, ids)
        assert set(found) == set(ids) & self.model.keys()
        for record_id, record in found.items():
            vector, metadata = self.model[record_id]
            assert record.vector.tobytes() == vector.tobytes()
            assert dict(record.metadata) == metadata
            assert record.expires_at_ms == self.moments.get(record_id)

    @rule(process=processes, top_k=st.integers(1, 50), group=st.one_of(st.none(), st.integers(0, 3)))
    def query(self, process: int, top_k: int, group: int | None) -> None:
        """Scores are exact, and recall of the true best is at least .95; filters are exact."""
        question = self._vectors(1)[0]
        condition = None if group is None else parse({"group": group})
        answer = self.databases[process].search.query(
            self.namespace, QueryRequest(vector=question, top_k=top_k, condition=condition)
        )
        eligible = {i: v for i, (v, m) in self.model.items() if group is None or m["group"] == group}
        assert len(answer.matches) == min(top_k, len(eligible))
        if not eligible:
            return
        rows = np.stack(list(eligible.values()))
        scores = self.namespace.settings.metric.scores(rows, norms_of(rows), question)
        true = dict(zip(eligible, scores.tolist(), strict=True))
        for match in answer.matches:
            assert match.score == pytest.approx(true[match.id], abs=1e-3)
            assert match.expires_at_ms == self.moments.get(match.id)
        cut = sorted(true.values(), reverse=True)[len(answer.matches) - 1]
        hits = sum(true[match.id] >= cut - 1e-4 for match in answer.matches)
        assert hits >= 0.95 * len(answer.matches)

    @rule(
        process=processes,
        top_k=st.integers(1, 15),
        group=st.one_of(st.none(), st.integers(0, 3)),
        recall=st.sampled_from([None, 0.8, 1.0]),
    )
    def walk_through_a_query(self, process: int, top_k: int, group: int | None, recall: float | None) -> None:
        """Every record that matches comes once, and in the order of its score, whichever process answers a page."""
        condition = None if group is None else parse({"group": group})
        request = QueryRequest(self._vectors(1)[0], None, top_k, condition, recall=recall, paged=True)
        seen: list[tuple[float, str]] = []
        while True:
            answer = self.databases[process].search.query(self.namespace, request)
            seen += [(-match.score, match.id) for match in answer.matches]
            process = 1 - process
            request = replace(request, cursor=answer.cursor)
            if answer.cursor is None:
                break
        assert seen == sorted(set(seen))
        eligible = {i for i, (_, m) in self.model.items() if group is None or m["group"] == group}
        assert {record_id for _, record_id in seen} == eligible

    @rule(process=processes, number=st.integers(0, 39), group=st.one_of(st.none(), st.integers(0, 3)))
    def query_by_words(self, process: int, number: int, group: int | None) -> None:
        """Exactly the records that have a word, as of this moment, with one read of each log; fused with all others."""
        condition = None if group is None else parse({"group": group})
        search, log = self.databases[process].search, self.adapters[process].log
        assert isinstance(log, CountingLog)
        eligible = {i: m for i, (_, m) in self.model.items() if group is None or m["group"] == group}
        tagged = {i for i, m in eligible.items() if "tag" in m}
        of_all = QueryRequest(text=TextQuery("id"), condition=condition, top_k=100)
        assert {match.id for match in search.query(self.namespace, of_all).matches} == tagged
        before, shards = (log.looks, log.reads), self.namespace.settings.shards
        of_one = replace(of_all, text=TextQuery(f"{number:02d}"))
        found = [match.id for match in search.query(self.namespace, of_one).matches]
        assert found == sorted({IDS[number]} & tagged)
        assert log.looks == before[0] + shards
        assert log.reads <= before[1] + shards
        hybrid = replace(of_one, vector=self._vectors(1)[0], recall=1.0)
        fused = search.query(self.namespace, hybrid).matches
        assert {match.id for match in fused} == set(eligible)
        assert all((QueryPart.TEXT in (one.explained or {})) == (one.id in found) for one in fused)
        for match in fused:
            assert match.metadata == eligible[match.id]

    @rule(process=processes, per_group=st.integers(1, 12), groups=st.integers(1, 5))
    def query_in_groups(self, process: int, per_group: int, groups: int) -> None:
        """As many groups as there are, each with its best records; which groups these are, an index may get wrong."""
        question = self._vectors(1)[0]
        answer = self.databases[process].search.query(
            self.namespace, QueryRequest(question, group_by=GroupBy("group", per_group, groups))
        )
        members: dict[object, list[str]] = {}
        for record_id, (_, metadata) in self.model.items():
            members.setdefault(metadata["group"], []).append(record_id)
        assert answer.groups is not None
        assert len(answer.groups) == min(groups, len(members))
        best = [group.matches[0] for group in answer.groups]
        assert [(-one.score, one.id) for one in best] == sorted((-one.score, one.id) for one in best)
        for group in answer.groups:
            ids = members[decode(group.key)]
            rows = np.stack([self.model[record_id][0] for record_id in ids])
            scores = self.namespace.settings.metric.scores(rows, norms_of(rows), question)
            expected = sorted(scores.tolist(), reverse=True)[:per_group]
            assert [match.score for match in group.matches] == pytest.approx(expected, abs=1e-3)

    @rule(process=processes, group=st.one_of(st.none(), st.integers(0, 3)), descending=st.booleans())
    def list_by_tag(self, process: int, group: int | None, descending: bool) -> None:
        """In the order of a field that some records have lost, equals and those without it by id."""
        condition = None if group is None else parse({"group": group})
        order, cursor, listed = Order("tag", descending), None, []
        while True:
            request = ListRequest(condition, order, cursor, 11)
            page = self.databases[process].listing.page(self.namespace, request)
            listed += [record_id for record_id, *_ in page.items]
            for record_id, _, _, metadata, expires_at_ms in page.items:
                assert metadata == self.model[record_id][1]
                assert expires_at_ms == self.moments.get(record_id)
            cursor = page.cursor
            if cursor is None:
                break
        eligible = {i: m for i, (_, m) in self.model.items() if group is None or m["group"] == group}
        tagged = sorted((i for i, m in eligible.items() if "tag" in m), reverse=descending)
        assert listed == tagged + sorted(i for i, m in eligible.items() if "tag" not in m)

    @rule(process=processes, group=st.one_of(st.none(), st.integers(0, 3)))
    def facets(self, process: int, group: int | None) -> None:
        """Groups with their sizes, how many records have lost a field, and how often which of its values is there."""
        condition = None if group is None else parse({"group": group})
        top = Aggregate(AggregateKind.TOP, "tag", limit=50)
        request = AggregateRequest({"tags": top, "tagged": Aggregate(AggregateKind.COUNT, "tag")}, ("group",))
        counted = self.databases[process].aggregates.tally(self.namespace, request, condition)
        members: dict[object, list[str]] = {}
        for record_id, (_, metadata) in self.model.items():
            if group is None or metadata["group"] == group:
                members.setdefault(metadata["group"], []).append(record_id)
        assert counted.matched == sum(map(len, members.values()))
        assert {decode(key): found.records for (key,), found in counted.groups.items()} == {
            value: len(ids) for value, ids in members.items()
        }
        for (key,), found in counted.groups.items():
            tags = sorted(i for i in members[decode(key)] if "tag" in self.model[i][1])
            assert answer_of(request.aggregates["tagged"], found.partials.get("tagged", Partial())) == len(
                tags
            )
            told = answer_of(top, found.partials.get("tags", Partial()))
            assert told == [{"value": tag, "count": 1} for tag in tags]

    @rule(process=processes)
    def one_read_a_query(self, process: int) -> None:
        """A warm strongly consistent query looks at each shard's log exactly once, and reads it once at most; an
        eventual one does neither.
        """
        database, log = self.databases[process], self.adapters[process].log
        assert isinstance(log, CountingLog)
        request = QueryRequest(vector=self._vectors(1)[0])
        database.search.query(self.namespace, request)
        before, shards = (log.looks, log.reads), self.namespace.settings.shards
        database.search.query(self.namespace, request)
        once = log.looks, log.reads
        assert once[0] == before[0] + shards
        assert once[1] <= before[1] + shards
        eventual = replace(request, consistency=Consistency(strong=False))
        database.search.query(self.namespace, eventual)
        assert (log.looks, log.reads) == once

    @rule(process=processes)
    def token_is_honoured(self, process: int) -> None:
        """An eventual read that carries a token sees at least that write."""
        if self.token is None:
            return
        ids = list(self.model)[:5]
        if ids:
            consistency = Consistency(strong=False, at_least=self.token)
            assert set(self.databases[process].records.fetch(self.namespace, ids, consistency)) == set(ids)

    @invariant()
    def both_processes_list_the_same(self) -> None:
        """Every acknowledged write shows everywhere, at once."""
        if not self.starts:
            return
        for database in self.databases:
            assert list(database.records.list(self.namespace, limit=1000).items) == sorted(self.model)
            assert database.records.count(self.namespace) == len(self.model)
            assert database.namespaces.stats(self.namespace).records == len(self.model)

    def teardown(self) -> None:
        """Remove the directory."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def _adapters(self) -> Adapters:
        adapters = embedded_adapters(EmbeddedSettings(self.directory), self.clock)
        return replace(adapters, log=CountingLog(adapters.log))  # type: ignore[arg-type]

    def _database(self, process: int) -> Database:
        self.starts += 1
        return assemble(
            self.adapters[process],
            writer=f"local.{process}-{self.starts}",
            workspace=self.directory / "building" / str(self.starts),
        )

    def _moment(self, seconds: int | None) -> int | None:
        return None if seconds is None else self.clock.unix_ms() + 1000 * seconds

    def _expire(self, ids: list[str], moment: int | None) -> None:
        for record_id in ids:
            self.moments.pop(record_id, None)
        if moment is not None:
            self.moments |= dict.fromkeys(ids, moment)

    def _shard(self, number: int) -> Namespace:
        """Some shard of the namespace, or the only one."""
        return self.namespace.each_shard[number % self.namespace.settings.shards]

    def _vectors(self, count: int) -> list[Vector]:
        drawn = self.random.standard_normal((count, DIMENSION)).astype(np.float16).astype(np.float32)
        return list(drawn)

    def _wrote(self, version: Version) -> None:
        assert self.token is None or version > self.token, "a write that carries a token is ordered after it"
        self.token = version


TestDatabase = DatabaseMachine.TestCase
TestDatabase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
