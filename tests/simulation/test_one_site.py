"""The four promises of the log and the segments, under skewed clocks, late and repeated puts, crashes between any two
steps, and indexers that race each other and the readers.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from quartzdb.log.protocol import OVERLAP
from quartzdb.snapshot.compaction import everything
from tests.simulation.history import Violation
from tests.simulation.site import IDS, NAMESPACE, WRITING_S, Site
from tests.simulation.world import World

SEEDS = int(os.environ.get("QUARTZDB_SIMULATION_SEEDS", "100"))
ANY_LATENESS = 1 << 62
"""A log that accepts a stamp however far behind: DynamoDB. An embedded log accepts none (-1)."""


def play(seed: int, workspace: Path, *, behind_max: int | None = None) -> Site:
    """One whole life of a site; raises Violation."""
    world = World(seed, crash_chance=0.01 if seed % 3 else 0.0)
    site = Site(
        world, workspace, behind_max=(-1, ANY_LATENESS)[seed % 2] if behind_max is None else behind_max
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
    truth = {record_id: state for record_id, state in site.truth().items() if state.live}
    process = site.process(1000, reliable=True)
    steps: list[Callable[[], object]] = [
        lambda: None,
        lambda: process.indexer.fold(NAMESPACE),
        lambda: process.indexer.compact(NAMESPACE, everything),
    ]
    for step in steps:
        step()
        reader = site.process(1001, reliable=True).reader
        seen = reader.view().fetch(IDS)
        assert sorted(seen) == sorted(truth)
        for record_id, record in seen.items():
            state = truth[record_id]
            assert state.vector is not None
            if (record.version, dict(record.metadata)) != (state.version, state.visible_metadata()):
                raise Violation(f"{record_id}: {record.metadata} at {record.version}, not {state}")
            assert record.vector.tobytes() == state.vector.tobytes()
    least = site.history.acknowledged_before(site.world.now + 1)
    for record_id, state in least.items():
        whole = site.truth()[record_id]
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


def test_the_faults_happen(tmp_path: Path) -> None:
    """A run has crashes, publications and refused writes in it: else the one above would prove nothing."""
    sites = [play(seed, tmp_path / str(seed)) for seed in (1, 2, 4)]
    assert sum(site.crashes for site in sites) > 5
    assert sum(site.published for site in sites) > 20
    assert any(write.acknowledged is None for site in sites for write in site.history.writes)
    assert any(len(write.changes) > 1 for site in sites for write in site.history.writes)


def test_it_notices_a_protocol_that_is_too_hasty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an overlap of 50 ms instead of two seconds, acknowledged writes go missing, and the check sees it."""
    monkeypatch.setattr("quartzdb.log.tail.OVERLAP", OVERLAP // 40)
    caught = 0
    for seed in range(12):
        try:
            play(seed, tmp_path / str(seed), behind_max=ANY_LATENESS)
        except (Violation, AssertionError):
            caught += 1
    assert caught > 0
