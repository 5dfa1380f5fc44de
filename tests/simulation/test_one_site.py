"""The four promises of the log and the segments, under skewed clocks, late and repeated puts, crashes between any two
steps, and indexers that race each other and the readers.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from quartzdb.domain.errors import QuartzError
from quartzdb.maintenance.indexer import Indexer
from quartzdb.maintenance.merge_plan import BuiltShard, MergePlan
from quartzdb.maintenance.merge_policy import all_segments
from quartzdb.maintenance.merger import Merger
from quartzdb.storage.log.protocol import MARGIN, OVERLAP
from quartzdb.storage.snapshot.manifest import Manifest
from quartzdb.storage.snapshot.store import SnapshotStore
from tests.simulation.history import Violation
from tests.simulation.site import WRITING_S, Site
from tests.simulation.unreliable import UnreliableBlobs, UnreliableLog
from tests.simulation.world import World

SEEDS = int(os.environ.get("QUARTZDB_SIMULATION_SEEDS", "20"))
ANY_LATENESS = 1 << 62
"""A log that accepts a stamp however far behind: DynamoDB. An embedded log accepts none (-1)."""


def play(seed: int, workspace: Path, *, behind_max: int | None = None, shards: int = 1) -> Site:
    """One whole life of a site; raises Violation."""
    world = World(seed, crash_chance=0.01 if seed % 3 else 0.0)
    site = Site(
        world,
        workspace,
        behind_max=(-1, ANY_LATENESS)[seed % 2] if behind_max is None else behind_max,
        shards=shards,
    )
    site.start()
    try:
        world.run(WRITING_S + 40)
    finally:
        world.stop()
    _check_settled(site)
    return site


def _check_settled(site: Site) -> None:
    """When all is quiet, a cold reader and one after full compaction both show the join of all that landed."""
    truth = {record_id: state for record_id, state in site.history.truth().items() if state.live}
    process = site.process(1000, reliable=True)
    steps: list[Callable[[], object]] = [
        lambda: None,
        lambda: [process.indexer.fold(shard) for shard in site.namespace.each_shard],
        lambda: [process.indexer.compact(shard, all_segments) for shard in site.namespace.each_shard],
    ]
    for step in steps:
        step()
        seen = site.process(1001, reliable=True).seen()
        assert sorted(seen) == sorted(truth)
        for record_id, record in seen.items():
            state = truth[record_id]
            assert state.vector is not None
            if (record.version, dict(record.metadata)) != (state.version, state.visible_metadata()):
                raise Violation(f"{record_id}: {record.metadata} at {record.version}, not {state}")
            assert record.vector.tobytes() == state.vector.tobytes()
    least = site.history.acknowledged_before(site.world.now + 1)
    for record_id, state in least.items():
        whole = site.history.truth()[record_id]
        assert whole.base >= state.base, f"{record_id}: an acknowledged write never landed"


@pytest.mark.parametrize("seed", range(SEEDS))
def test_promises_hold_through_every_fault(seed: int, tmp_path: Path) -> None:
    """Acknowledged writes show in every later strong read, and every replica ends in one state."""
    try:
        play(seed, tmp_path)
    except BaseException as error:
        error.add_note(
            f"seed {seed}: QUARTZDB_SIMULATION_SEEDS={seed + 1} pytest 'tests/simulation' -k '[{seed}]'"
        )
        raise


@pytest.mark.parametrize("seed", range(max(3, SEEDS // 10)))
def test_promises_hold_in_shards(seed: int, tmp_path: Path) -> None:
    """Where a write is a transaction over the logs of several shards, each folded by whoever comes first."""
    site = play(seed, tmp_path, shards=2 + seed % 3)
    assert {partition.shard for partition in site.log.partitions()} <= set(range(2 + seed % 3))


def test_the_faults_happen(tmp_path: Path) -> None:
    """A run has crashes, publications and refused writes in it: else the one above would prove nothing."""
    sites = [play(seed, tmp_path / str(seed)) for seed in (1, 2, 4)]
    assert sum(site.crashes for site in sites) > 5
    assert sum(site.published for site in sites) > 20
    assert sum(site.merged for site in sites) > 5
    assert any(
        not write.acknowledged_before(site.world.now) for site in sites for write in site.history.writes
    )


def hasty_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader asks again for 50 ms only, not for the whole overlap."""
    monkeypatch.setattr("quartzdb.storage.log.tail.overlap_of", lambda _: OVERLAP // 40)


def hasty_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer acknowledges a put however long it took to land."""
    monkeypatch.setattr("quartzdb.storage.log.append.answered_in_time", lambda *_: True)


def hasty_trim(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is trimmed a minute past what the manifests need."""
    trim = UnreliableLog.trim
    monkeypatch.setattr(
        UnreliableLog, "trim", lambda log, partition, upto: trim(log, partition, upto + 2 * MARGIN)
    )


def forgetful_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of replaced records stay alive in older segments."""
    monkeypatch.setattr(Indexer, "_with_dead_rows", lambda _, snapshot, *__: list(snapshot.manifest.segments))


def careless_publication(monkeypatch: pytest.MonkeyPatch) -> None:
    """The manifest pointer is set without looking whether somebody else did, after a stall of the process."""

    def publish(store: SnapshotStore, manifest: Manifest, tag: str | None) -> str | None:
        if isinstance(store.blobs, UnreliableBlobs):
            store.blobs.stall()
        pointer = store.pointer(manifest.partition)
        return honest(store, manifest, pointer.tag if pointer else tag)

    honest = SnapshotStore.publish
    monkeypatch.setattr(SnapshotStore, "publish", publish)


def careless_merge(monkeypatch: pytest.MonkeyPatch) -> None:
    """A merge is published as it was built, whatever was folded since."""

    def as_built(merger: Merger, plan: MergePlan, built: Sequence[BuiltShard], live: object) -> object:
        return [one.segment for one in built]

    monkeypatch.setattr(Merger, "_rebased", as_built)


# With each, the first seed that was found to notice it. It is tried first: otherwise careless publication
# would take 58 lives to find.
@pytest.mark.parametrize(
    ("sabotage", "noticed_by"),
    [
        (hasty_reader, 4),
        (hasty_writer, 6),
        (hasty_trim, 0),
        (forgetful_fold, 0),
        (careless_publication, 58),
        (careless_merge, 0),
    ],
)
def test_it_notices_a_broken_protocol(
    sabotage: Callable[[pytest.MonkeyPatch], None],
    noticed_by: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each safeguard is needed: without it some seed breaks a promise, and the check sees it."""
    sabotage(monkeypatch)
    for seed in dict.fromkeys([noticed_by, *range(100)]):
        try:
            play(seed, tmp_path / str(seed), behind_max=ANY_LATENESS)
        except (AssertionError, QuartzError, sqlite3.IntegrityError):
            return
    pytest.fail("no seed noticed")
