"""Two sites that keep the same records in another number of shards: nothing between them depends on it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from quartzdb.domain.errors import InvalidCursor
from quartzdb.domain.namespace import Namespace, NamespaceSettings
from quartzdb.replication.feeds.shard_positions import at_start, parse_shard_positions
from quartzdb.replication.ports import Direction, Feed, FeedGap
from quartzdb.replication.streams.pump import PassOutcome, Pump
from quartzdb.services.record_rules import MetadataPatch, NewRecord
from quartzdb.storage.log.protocol import MARGIN_MS
from tests.doubles.memory_checkpoints import MemoryCheckpoints
from tests.embedded import vector_of
from tests.manual_clock import ManualClock
from tests.replica_sites import NAMESPACE, LocalSite, memory_site, sharded_site

RECORDS = Feed.RECORDS


@pytest.fixture(params=[-1, 1 << 62], ids=["ordered", "by clocks"])
def sites(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> tuple[LocalSite, LocalSite]:
    """The first has 3 shards, the second one."""
    return sharded_site("here", tmp_path, clock, behind_max=request.param), memory_site(
        "there", tmp_path, clock
    )


def namespace_of(site: LocalSite) -> Namespace:
    settings = NamespaceSettings(3, shards=3 if site.name == "here" else 1)
    return site.database.namespaces.create(NAMESPACE.tenant, "default", settings)[0]


def write(site: LocalSite, numbers: range) -> None:
    records = [NewRecord(f"r{number}", vector_of(number, 3), {"site": site.name}) for number in numbers]
    site.database.records.upsert(namespace_of(site), records)


def pumps(one: LocalSite, other: LocalSite, clock: ManualClock) -> list[Pump]:
    checkpoints = MemoryCheckpoints()
    return [
        Pump(
            Direction(source.name, destination.name, NAMESPACE.tenant, NAMESPACE.namespace, RECORDS),
            NAMESPACE,
            source.replica,
            destination.replica,
            checkpoints,
            clock,
            lambda: 0.5,
        )
        for source, destination in ((one, other), (other, one))
    ]


def level(moving: list[Pump], clock: ManualClock) -> None:
    """Pump until both directions have no more."""
    for pump in moving:
        clock.seconds += 5
        while (outcome := pump.run().outcome) is PassOutcome.MOVED:
            pass
        assert outcome is PassOutcome.LEVEL


def held(site: LocalSite) -> Mapping[str, object]:
    namespace = namespace_of(site)
    ids = site.database.records.list(namespace, limit=1000).items
    found = site.database.records.fetch(namespace, ids) if ids else {}
    return {one: (record.version, dict(record.metadata)) for one, record in found.items()}


def test_both_come_to_the_same_state(sites: tuple[LocalSite, LocalSite], clock: ManualClock) -> None:
    """With writes, patches and deletes on either side, folded or not, and the same digests in the end."""
    here, there = sites
    moving = pumps(here, there, clock)
    write(here, range(60))
    write(there, range(40, 100))
    level(moving, clock)
    here.database.records.delete(namespace_of(here), ["r1", "r70"])
    there.database.records.patch(namespace_of(there), [MetadataPatch("r2", {"patched": True})])
    clock.seconds += 5
    here.fold()
    write(here, range(100, 600))
    level(moving, clock)
    assert len(held(here)) == 598
    assert held(here) == held(there)
    assert (
        here.replica.digests(NAMESPACE, RECORDS).buckets == there.replica.digests(NAMESPACE, RECORDS).buckets
    )
    assert namespace_of(here).settings.shards == 3
    assert namespace_of(there).settings.shards == 1
    # Nothing goes back to where it was born, so a further round finds nothing.
    assert [pump.run().applied for pump in moving] == [0, 0]


def test_entries_are_listed_over_all_shards(sites: tuple[LocalSite, LocalSite], clock: ManualClock) -> None:
    """Page by page in the order of ids, tombstones included, as without shards."""
    here, there = sites
    write(here, range(200))
    here.database.records.delete(namespace_of(here), [f"r{number}" for number in range(0, 200, 7)])
    level(pumps(here, there, clock), clock)
    for bucket in range(0, 256, 16):
        pages: dict[str, list[str]] = {}
        for site in sites:
            after, more = None, True
            while more:
                page = site.replica.entries(NAMESPACE, RECORDS, bucket, after=after, limit=1)
                pages.setdefault(site.name, []).extend(entry.id for entry in page.entries)
                after, more = page.entries[-1].id if page.entries else None, page.more
        assert pages["here"] == sorted(pages["here"])
        assert set(pages["here"]) == set(pages["there"])


def test_one_shard_that_was_trimmed_is_a_gap(sites: tuple[LocalSite, LocalSite], clock: ManualClock) -> None:
    """The cursor that comes with it goes on in all of them after everything that is there."""
    here, _ = sites
    write(here, range(50))
    clock.seconds += 5
    first = here.replica.changes(NAMESPACE, RECORDS, None, limit=5, exclude_site=None)
    partition = namespace_of(here).partitions[1]
    here.adapters.log.trim(partition, here.adapters.log.head(partition))
    with pytest.raises(FeedGap) as gap:
        here.replica.changes(NAMESPACE, RECORDS, first.cursor, limit=500, exclude_site=None)
    write(here, range(50, 60))
    clock.seconds += 5
    after = here.replica.changes(NAMESPACE, RECORDS, gap.value.cursor, limit=500, exclude_site=None)
    assert sorted(change.id for change in after.changes) == [f"r{number}" for number in range(50, 60)]  # type: ignore[union-attr]


def test_what_a_cursor_still_needs_is_kept_in_every_shard(
    sites: tuple[LocalSite, LocalSite], clock: ManualClock
) -> None:
    """The lowest place of all: no entry that was not given out lies before it."""
    here, _ = sites
    namespace = namespace_of(here)
    write(here, range(50))
    clock.seconds += 5
    page = here.replica.changes(NAMESPACE, RECORDS, None, limit=10, exclude_site=None)
    assert page.more
    kept_from = here.replica.retained_from(NAMESPACE, RECORDS, page.cursor)
    assert kept_from <= min(
        key.stamp for one in namespace.partitions for key, _ in here.adapters.log.read(one, 0).entries
    )
    assert kept_from >= (namespace.created_at_ms - MARGIN_MS) << 16


def test_cursors_of_another_form_are_refused() -> None:
    """A cursor belongs to a number of shards, and is read back as it was given out."""
    positions = at_start(3).going_on(2)
    assert parse_shard_positions(str(positions), 3) == positions
    for text in (
        str(at_start(2)),
        "shards:3/0,0,/0,0,/0,0,",
        "shards:0/0,0/0,0,/0,0,",
        "shards:x/0,0,",
        "0/0/",
    ):
        with pytest.raises(InvalidCursor):
            parse_shard_positions(text, 3)
