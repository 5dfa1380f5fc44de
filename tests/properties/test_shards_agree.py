"""A namespace in shards against the same one without: whatever is done to both, nobody can tell them apart.

By answers, that is: scores, ids, order, counts, lists and their pages, records, and what is refused.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from quartzdb.domain.errors import QuartzError, RecordNotFound
from quartzdb.domain.filter import Filter, parse
from quartzdb.domain.grouping import GroupBy
from quartzdb.domain.hlc import Version
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import EngineChoice, Namespace, NamespaceSettings, Precision
from quartzdb.domain.order import Order
from quartzdb.domain.record import Match, Record
from quartzdb.domain.vector import Vector
from quartzdb.maintenance.merge_policy import all_segments, full_tier, idle
from quartzdb.services.consistency import STRONG, Consistency
from quartzdb.services.listing import ListRequest
from quartzdb.services.record_rules import MetadataPatch, NewRecord
from quartzdb.services.search import QueryRequest
from quartzdb.wiring.embedded import Database, EmbeddedSettings, assemble, embedded_adapters
from tests.manual_clock import ManualClock

DIMENSION = 5
IDS = [f"{kind}-{number:02d}" for kind in ("a", "b", "ab") for number in range(16)]
some_ids = st.lists(st.sampled_from(IDS), min_size=1, max_size=20, unique=True)
groups = st.integers(0, 3)
consistencies = st.booleans()


class TwinNamespaces(RuleBasedStateMachine):
    """Each step is done to both. `outcome` is what came of it, versions left out: those are each namespace's own."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="quartzdb-shards-"))
        self.clock = ManualClock()
        self.random = np.random.default_rng(11)
        self.starts = 0
        self.tokens: list[Version | None] = [None, None]

    @initialize(
        shards=st.integers(2, 6), metric=st.sampled_from(Metric), precision=st.sampled_from(Precision)
    )
    def create(self, shards: int, metric: Metric, precision: Precision) -> None:
        """One database holds both."""
        self.database = self._open()
        self.namespaces: list[Namespace] = [
            self.database.namespaces.create(
                "t", f"n{count}", NamespaceSettings(DIMENSION, metric, EngineChoice.EXACT, precision, count)
            )[0]
            for count in (1, shards)
        ]

    @rule(ids=some_ids, group=groups, seconds=st.sampled_from([None, None, 1, 30]))
    def upsert(self, ids: list[str], group: int, seconds: int | None) -> None:
        """Write the same records to both, some of which will expire."""
        moment = None if seconds is None else self.clock.unix_ms() + 1000 * seconds
        records = [
            NewRecord(record_id, vector, {"group": group, "tag": record_id[0]}, moment)
            for record_id, vector in zip(ids, self._vectors(len(ids)), strict=True)
        ]
        self._write(lambda at, after: self.database.records.upsert(at, records, after=after))

    @rule(ids=some_ids, group=groups, unset=st.booleans())
    def patch(self, ids: list[str], group: int, unset: bool) -> None:
        """Records that do not exist make both refuse all of it, and with the same words."""
        patches = [MetadataPatch(one, {"group": group}, ("tag",) if unset else ()) for one in ids]
        self._write(lambda at, after: self.database.records.patch(at, patches, after=after))

    @rule(seconds=st.sampled_from([0.5, 35.0, 90.0]))
    def wait(self, seconds: float) -> None:
        """Nobody writes, and some records expire."""
        self.clock.seconds += seconds

    @rule(ids=some_ids, seconds=st.sampled_from([None, 1, 30]))
    def patch_those_there(self, ids: list[str], seconds: int | None) -> None:
        """The same for records that all exist, and say anew when they expire."""
        there = list(self.database.records.fetch(self.namespaces[0], ids))
        if there:
            moment = None if seconds is None else self.clock.unix_ms() + 1000 * seconds
            patches = [MetadataPatch(one, {"patched": True}, (), moment, moment is None) for one in there]
            self._write(lambda at, after: self.database.records.patch(at, patches, after=after))

    @rule(ids=some_ids)
    def delete(self, ids: list[str]) -> None:
        """By id, there or not."""
        counts = self._both(lambda at: self.database.records.delete(at, ids).deleted)
        assert counts[0] == counts[1]

    @rule(group=groups)
    def delete_matching(self, group: int) -> None:
        """By filter."""
        condition = parse({"group": group})
        counts = self._both(lambda at: self._deletion(at, condition))
        assert counts[0] == counts[1]

    @rule(group=groups, most=st.integers(1, 9))
    def patch_matching(self, group: int, most: int) -> None:
        """By filter, the same records in each part of it, to the end."""
        condition = parse({"group": group})
        fields = MetadataPatch("", {"swept": most, "group": (group + most) % 5}, ("tag",))
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("quartzdb.services.records.PATCH_BY_FILTER_MAX", most)
            counts = self._both(lambda at: self._patchings(at, condition, fields))
        assert counts[0] == counts[1]

    @rule(group=groups, most=st.integers(1, 5))
    def delete_some_matching(self, group: int, most: int) -> None:
        """With a limit that is passed both delete as many and say that there are more. Which ones is left open."""
        condition = parse({"group": group})
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("quartzdb.services.records.DELETE_BY_FILTER_MAX", most)
            counts = self._both(lambda at: self._deletion(at, condition))
        assert counts[0] == counts[1]
        # Brought together again, because which ones went may differ.
        self._both(lambda at: self._deletion(at, condition))

    @rule(seconds=st.sampled_from([1.0, 40.0]), shard=st.integers(0, 5))
    def fold(self, seconds: float, shard: int) -> None:
        """Some shard, or the only one, goes from its log into a segment."""
        self.clock.seconds += seconds
        for namespace in self.namespaces:
            self.database.indexer.fold(namespace.each_shard[shard % namespace.settings.shards])

    @rule(policy=st.sampled_from([full_tier, idle, all_segments]))
    def compact(self, policy: Any) -> None:
        """Segments of every shard are merged."""
        for namespace in self.namespaces:
            for shard in namespace.each_shard:
                self.database.indexer.compact(shard, policy)

    @rule()
    def maintain(self) -> None:
        """What a server does in the background, after a while."""
        self.clock.seconds += 50
        self.database.maintenance.run_once()

    @rule()
    def restart(self) -> None:
        """Another process takes over."""
        self.database = self._open()

    @rule(
        top_k=st.integers(1, 60),
        group=st.one_of(st.none(), groups),
        values=st.booleans(),
        strong=consistencies,
    )
    def query(self, top_k: int, group: int | None, values: bool, strong: bool) -> None:
        """By a vector."""
        question = self._vectors(1)[0]
        self._query(
            QueryRequest(vector=question, top_k=top_k, condition=_in(group), include_values=values), strong
        )

    @rule(
        group=st.one_of(st.none(), groups),
        top_k=st.integers(1, 20),
        record_id=st.one_of(st.none(), st.sampled_from(IDS)),
    )
    def walk_through_a_query(self, group: int | None, top_k: int, record_id: str | None) -> None:
        """Page by page: the same pages of the same records with the same scores, to the bit."""
        question = self._vectors(1)[0] if record_id is None else None
        request = QueryRequest(question, record_id, top_k, _in(group), recall=1.0, paged=True)
        try:
            pages = self._both(lambda at: self._walked(at, request))
        except RecordNotFound:
            return
        assert pages[0] == pages[1]
        ids = [one for page in pages[0] for one, _ in page]
        assert len(set(ids)) == len(ids) == self.database.records.count(self.namespaces[0], _in(group))

    @rule(
        group=st.one_of(st.none(), groups),
        field=st.sampled_from(["tag", "group", "patched"]),
        per_group=st.integers(1, 5),
        count=st.integers(1, 5),
        distinct=st.booleans(),
    )
    def walk_through_groups(
        self, group: int | None, field: str, per_group: int, count: int, distinct: bool
    ) -> None:
        """The same groups with the same records, page by page, though the records of a group lie in many shards."""
        request = QueryRequest(
            self._vectors(1)[0],
            top_k=count,
            condition=_in(group),
            paged=True,
            group_by=None if distinct else GroupBy(field, per_group, count),
            distinct=field if distinct else None,
        )
        pages = self._both(lambda at: self._walked(at, request))
        assert pages[0] == pages[1]

    @rule(record_id=st.sampled_from(IDS), top_k=st.integers(1, 20), strong=consistencies)
    def query_by_id(self, record_id: str, top_k: int, strong: bool) -> None:
        """By a record, there or not."""
        self._query(QueryRequest(id=record_id, top_k=top_k), strong)

    @rule(ids=some_ids, strong=consistencies)
    def fetch(self, ids: list[str], strong: bool) -> None:
        """By id."""
        found = [
            self.database.records.fetch(namespace, ids, self._consistency(number, strong))
            for number, namespace in enumerate(self.namespaces)
        ]
        assert _seen(found[0]) == _seen(found[1])

    @rule(record_id=st.sampled_from(IDS))
    def known(self, record_id: str) -> None:
        """Also what is only remembered as deleted, for as long as both do."""
        live = self._both(lambda at: record_id in self.database.records.fetch(at, [record_id]))
        known = self._both(lambda at: self.database.records.known(at, record_id))
        assert all(known) or not any(live)

    @rule(prefix=st.sampled_from(["", "a", "a-", "ab", "b-1", "zz"]), limit=st.integers(1, 20))
    def pages(self, prefix: str, limit: int) -> None:
        """Page by page to the end: the same pages, each with a cursor or none."""
        pages = self._both(lambda at: self._pages(at, prefix, limit))
        assert pages[0] == pages[1]
        ids = [one for page in pages[1] for one in page]
        assert ids == sorted(set(ids))

    @rule(
        group=st.one_of(st.none(), groups),
        field=st.sampled_from([None, "tag", "group", "patched"]),
        descending=st.booleans(),
        limit=st.integers(1, 20),
    )
    def list_in_order(self, group: int | None, field: str | None, descending: bool, limit: int) -> None:
        """By id or by a field: the same pages of the same records."""
        request = ListRequest(_in(group), Order(field, descending), limit=limit)
        pages = self._both(lambda at: self._listed(at, request))
        assert pages[0] == pages[1]

    @rule(group=st.one_of(st.none(), groups), strong=consistencies)
    def count(self, group: int | None, strong: bool) -> None:
        """All of them, or by filter."""
        counts = [
            self.database.records.count(namespace, _in(group), self._consistency(number, strong))
            for number, namespace in enumerate(self.namespaces)
        ]
        assert counts[0] == counts[1]

    @invariant()
    def stats_count_the_same_records(self) -> None:
        """And nothing of one namespace lies in the other's places."""
        if self.starts:
            held = self._both(self.database.namespaces.stats)
            assert held[0].records == held[1].records

    def teardown(self) -> None:
        """Remove the directory."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def _query(self, request: QueryRequest, strong: bool) -> None:
        outcomes: list[tuple[Sequence[Match], bool, int] | str] = []
        for number, namespace in enumerate(self.namespaces):
            asked = QueryRequest(
                request.vector,
                request.id,
                request.top_k,
                request.condition,
                request.include_values,
                self._consistency(number, strong),
            )
            try:
                answer = self.database.search.query(namespace, asked)
            except QuartzError as error:
                outcomes.append(f"{error.code}: {error.message}")
            else:
                outcomes.append((answer.matches, answer.work.exact, answer.work.matches))
        one, many = outcomes
        if isinstance(one, str) or isinstance(many, str):
            assert one == many
            return
        assert [match.id for match in one[0]] == [match.id for match in many[0]]
        assert [match.score for match in one[0]] == pytest.approx(
            [match.score for match in many[0]], abs=1e-5
        )
        assert one[1:] == many[1:]
        assert one[1], "every matching record was scored"
        for left, right in zip(one[0], many[0], strict=True):
            assert (left.metadata, left.expires_at_ms) == (right.metadata, right.expires_at_ms)
            assert (left.vector is None) == (right.vector is None)
            assert left.vector is None or left.vector.tobytes() == right.vector.tobytes()  # type: ignore[union-attr]

    def _walked(self, namespace: Namespace, request: QueryRequest) -> list[list[Any]]:
        pages: list[list[Any]] = []
        cursor: str | None = None
        while True:
            answer = self.database.search.query(namespace, replace(request, cursor=cursor))
            pages.append([(match.id, match.score) for match in answer.matches])
            pages[-1] += [
                (found.key, [(match.id, match.score) for match in found.matches])
                for found in answer.groups or ()
            ]
            cursor = answer.cursor
            if cursor is None:
                return pages

    def _write(self, write: Callable[[Namespace, Version | None], Version]) -> None:
        outcomes: list[str] = []
        for number, namespace in enumerate(self.namespaces):
            try:
                version = write(namespace, self.tokens[number])
            except QuartzError as error:
                outcomes.append(f"{error.code} {error.field}: {error.message}")
            else:
                before = self.tokens[number]
                assert before is None or version > before
                self.tokens[number] = version
                outcomes.append("written")
        assert outcomes[0] == outcomes[1]

    def _deletion(self, namespace: Namespace, condition: Filter) -> tuple[int, bool]:
        deletion = self.database.records.delete_matching(namespace, condition)
        return deletion.deleted, deletion.more

    def _pages(self, namespace: Namespace, prefix: str, limit: int) -> list[list[str]]:
        pages: list[list[str]] = []
        cursor: str | None = None
        while True:
            page = self.database.records.list(namespace, prefix=prefix, cursor=cursor, limit=limit)
            pages.append(list(page.items))
            cursor = page.cursor
            if cursor is None:
                return pages

    def _patchings(self, namespace: Namespace, condition: Filter, fields: MetadataPatch) -> list[int]:
        counts, cursor = [], None
        while True:
            patching = self.database.records.patch_matching(namespace, condition, fields, cursor=cursor)
            counts.append(patching.count)
            cursor = patching.cursor
            if cursor is None:
                return counts

    def _listed(self, namespace: Namespace, request: ListRequest) -> list[Any]:
        pages: list[Any] = []
        cursor: str | None = None
        while True:
            page = self.database.listing.page(namespace, replace(request, cursor=cursor))
            pages.append([(record_id, *shown) for record_id, _, _, *shown in page.items])
            cursor = page.cursor
            if cursor is None:
                return pages

    def _both(self, ask: Callable[[Namespace], Any]) -> list[Any]:
        return [ask(namespace) for namespace in self.namespaces]

    def _consistency(self, number: int, strong: bool) -> Consistency:
        """Strong, or eventual with the version of the namespace's last write."""
        token = self.tokens[number]
        return STRONG if strong or token is None else Consistency(strong=False, at_least=token)

    def _open(self) -> Database:
        self.starts += 1
        return assemble(
            embedded_adapters(EmbeddedSettings(self.directory), self.clock),
            writer=f"local.{self.starts}",
            workspace=self.directory / "building" / str(self.starts),
        )

    def _vectors(self, count: int) -> list[Vector]:
        return list(self.random.standard_normal((count, DIMENSION)).astype(np.float16).astype(np.float32))


def _in(group: int | None) -> Filter | None:
    return None if group is None else parse({"group": group})


def _seen(found: Mapping[str, Record]) -> dict[str, tuple[bytes, dict[str, object], int | None]]:
    return {
        one: (record.vector.tobytes(), dict(record.metadata), record.expires_at_ms)
        for one, record in found.items()
    }


TestShardsAgree = TwinNamespaces.TestCase
TestShardsAgree.settings = settings(max_examples=12, stateful_step_count=25, deadline=None)
