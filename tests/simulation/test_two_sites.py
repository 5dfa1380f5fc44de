"""Two sites that both take writes end in one state, whatever happens between them, and lag is zero only when it is."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from quartzdb.domain.change import OWN, Change
from quartzdb.domain.namespace import Namespace
from quartzdb.replication.change_applier import ChangeApplier
from quartzdb.replication.feeds.key_feed import KeyFeed
from quartzdb.replication.local_replica import LocalReplica
from quartzdb.replication.ports import Applied, Checkpoint, Feed, FeedPage, SharedNamespace
from quartzdb.replication.streams.pump import Pass, PassOutcome, Pump
from quartzdb.services.keyvalue import KeyValues
from tests.simulation.replicated_site import WRITING_S
from tests.simulation.two_sites import QUIET_S, SETTLED_S_MAX, TROUBLED_S, Conditions, TwoSites
from tests.simulation.world import World

SEEDS = int(os.environ.get("QUARTZDB_SIMULATION_SEEDS", "30"))
"""Every pair of conditions is among thirty; `make simulate` plays all of them together, many times over."""


def play(seed: int, workspace: Path, conditions: Conditions | None = None) -> TwoSites:
    """One whole life of two sites; raises Violation."""
    conditions = conditions or Conditions.of(seed)
    world = World(seed, crash_chance=0.004 if conditions.crashes else 0.0)
    sites = TwoSites(world, workspace, conditions)
    sites.start()
    try:
        world.run(WRITING_S + TROUBLED_S)
        sites.line.mended, world.crash_chance = True, 0.0
        world.run(WRITING_S + TROUBLED_S + QUIET_S)
        while not sites.settled and world.now < WRITING_S + TROUBLED_S + SETTLED_S_MAX:
            world.run(world.now + 5)
    finally:
        world.stop()
    sites.check_settled()
    return sites


@pytest.fixture(autouse=True)
def _quiet() -> None:
    """What is logged of each lost request would take longer than the simulation."""
    logging.getLogger("quartzdb").setLevel(logging.CRITICAL)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_two_sites_end_in_one_state(seed: int, tmp_path: Path) -> None:
    """Records, patches, keys and API keys; no acknowledged write is missing, and no change comes home."""
    try:
        play(seed, tmp_path)
    except BaseException as error:
        error.add_note(
            f"seed {seed}: QUARTZDB_SIMULATION_SEEDS={seed + 1} pytest tests/simulation/test_two_sites.py"
        )
        raise


def test_the_faults_happen(tmp_path: Path) -> None:
    """Crashes, lost and repeated requests, gaps, repairs; and lag is often zero, else its check would prove nothing."""
    runs = [play(seed, tmp_path / str(seed)) for seed in (2, 3, 7, 8, 9)]
    assert sum(run.a.crashes + run.b.crashes for run in runs) > 5
    assert sum(run.line.lost for run in runs) > 20
    assert sum(run.line.repeated for run in runs) > 2
    assert sum(run.repaired for run in runs) > 10
    assert sum(run.gaps for run in runs) > 0
    assert all(run.line.delivered > 20 for run in runs)
    assert 0.2 < sum(run.lag_zero for run in runs) / sum(run.lag_asked for run in runs) < 0.95


@pytest.mark.parametrize("seed", range(8))
def test_both_sites_go_by_the_last_grant(seed: int, tmp_path: Path) -> None:
    """Whatever is lost, said twice, or comes long after a later one."""
    sites = play(seed, tmp_path, replace(Conditions.of(seed), grants=True, late_puts=False))
    assert [grant.revision for grant in sites.b.grants.list()] == [8, 8]


def without_comparisons(seed: int) -> Conditions:
    """No comparisons every now and then, which mend what was broken, nor the late puts that only they find."""
    return replace(Conditions.of(seed), repair_every_ms=1 << 40, late_puts=False)


@pytest.mark.parametrize("seed", range(max(12, SEEDS // 10)))
def test_feeds_and_gaps_are_enough_where_no_put_is_late(seed: int, tmp_path: Path) -> None:
    """What the next test breaks is whole before. Of keys, too: one that is late and then fails a comparison finds."""
    play(seed, tmp_path, replace(without_comparisons(seed), slow_keys=False))


def checkpoint_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pump keeps the place after a page before the page is applied."""

    def run(pump: Pump) -> Pass:
        def changes(
            namespace: SharedNamespace,
            feed: Feed,
            cursor: str | None,
            *,
            limit: int,
            exclude_site: str | None,
        ) -> FeedPage:
            page = source.changes(namespace, feed, cursor, limit=limit, exclude_site=exclude_site)
            before = pump._checkpoints.read(pump.direction) or Checkpoint()
            pump._checkpoints.write(pump.direction, pump._after(before, page, Applied(0, 0)))
            return page

        source, pump._source = pump._source, SimpleNamespace(changes=changes)
        try:
            return honest(pump)
        finally:
            pump._source = source

    honest = Pump.run
    monkeypatch.setattr(Pump, "run", run)
    # A failed pass writes what it read before the page: the early place must not be taken back by that.
    monkeypatch.setattr(Pump, "_failed", lambda *_: Pass(PassOutcome.FAILED))


def everything_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A feed gives a site also what was born there."""
    honest = LocalReplica.changes

    def changes(replica: LocalReplica, *arguments: Any, exclude_site: str | None, **others: Any) -> FeedPage:
        del exclude_site
        return honest(replica, *arguments, exclude_site=None, **others)

    monkeypatch.setattr(LocalReplica, "changes", changes)


def stamped_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A site takes changes over as if they were made there, now."""

    def records(applier: ChangeApplier, namespace: Namespace, changes: Sequence[Change]) -> Applied:
        applier._writer.append(namespace.partition, [replace(change, version=OWN) for change in changes])
        return Applied(len(changes), 0)

    monkeypatch.setattr(ChangeApplier, "records", records)


def gaps_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a gap the feed is read on without a repair."""
    honest = Pump.run

    def run(pump: Pump) -> Pass:
        done = honest(pump)
        if done.gap is None:
            return done
        pump.go_on(done.gap)
        return Pass(PassOutcome.MOVED)

    monkeypatch.setattr(Pump, "run", run)


def hasty_feed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A feed gives out what has landed, without waiting for what may still come before it."""
    monkeypatch.setattr("quartzdb.replication.feeds.record_feed.overlap_of", lambda _: 0)


def old_keys_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that was put again has left its old place, and is given out only at its new one."""
    monkeypatch.setattr(KeyFeed, "_take_young", lambda *_: None)


def late_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key is acknowledged however long its put took to land."""
    monkeypatch.setattr(KeyValues, "_in_time", lambda _, __, ___, version, begun: version)


def lag_of_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The middle of a feed counts as its end."""
    honest = Pump._after

    def after(pump: Pump, before: Checkpoint, page: FeedPage, applied: Applied) -> Checkpoint:
        return honest(pump, before, page._replace(more=False, through_ms=pump._clock.unix_ms()), applied)

    monkeypatch.setattr(Pump, "_after", after)


# With each, the first seed that was found to notice it, which is tried first.
@pytest.mark.parametrize(
    ("sabotage", "noticed_by"),
    [
        (checkpoint_first, 15),
        (everything_comes_back, 0),
        (stamped_again, 0),
        (gaps_ignored, 5),
        (hasty_feed, 18),
        (old_keys_only, 4),
        (late_keys, 91),
        (lag_of_what_runs, 3),
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
    for seed in dict.fromkeys([noticed_by, *range(60)]):
        try:
            play(seed, tmp_path / str(seed), without_comparisons(seed))
        except AssertionError:
            return
    pytest.fail("no seed noticed")
