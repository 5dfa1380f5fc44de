"""Records that expire at two sites: both hide them at their moment, drop them when they like, and end alike."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from quartzdb.domain.change import Change, Patch, Upsert
from quartzdb.domain.expiry import EXPIRY_FIELD, PURGED_AFTER_MS
from quartzdb.domain.filter import parse
from quartzdb.maintenance.merge_policy import all_segments
from quartzdb.replication.ports import Feed
from tests.behaviour.replication.test_anti_entropy import Pair
from tests.manual_clock import ManualClock
from tests.replica_sites import NAMESPACE, LocalSite, version_at

VECTOR = np.array([1, 2, 3], dtype=np.float32)


@pytest.fixture
def pair(tmp_path: Path, clock: ManualClock) -> Pair:
    return Pair(tmp_path, clock)


def shown(site: LocalSite) -> dict[str, tuple[dict[str, object], int | None]]:
    """Every record, by the query that finds them all."""
    namespace = site.database.namespaces.get(NAMESPACE.tenant, NAMESPACE.namespace)
    ids = site.database.records.list(namespace).items
    assert site.database.records.count(namespace, parse({})) == len(ids)
    found = site.database.records.fetch(namespace, ids) if ids else {}
    return {one: (dict(record.metadata), record.expires_at_ms) for one, record in found.items()}


def purge(site: LocalSite) -> None:
    """Whatever has expired for a minute leaves the site's segments."""
    site.fold()
    namespace = site.database.namespaces.get(NAMESPACE.tenant, NAMESPACE.namespace)
    site.database.indexer.compact(namespace, all_segments)
    site.database.readers.of(namespace).reload()


def move(source: LocalSite, destination: LocalSite, clock: ManualClock) -> Sequence[Change]:
    """All of the source's feed."""
    clock.seconds += 40
    page = source.replica.changes(NAMESPACE, Feed.RECORDS, None)
    destination.replica.apply(NAMESPACE, Feed.RECORDS, page.changes)
    changes: Sequence[Change] = page.changes  # type: ignore[assignment]
    return changes


def test_the_moment_goes_along(pair: Pair, clock: ManualClock) -> None:
    """With the record and with patches, in the feed; from it on neither site has the record, nor its digest."""
    moment = clock.unix_ms() + 100_000
    versions = [version_at(clock, "here", counter=n) for n in range(4)]
    made: list[Change] = [
        Upsert("a", versions[0], VECTOR, {"n": 1, EXPIRY_FIELD: moment}),
        Upsert("b", versions[1], VECTOR, {"n": 2}),
        Patch("b", versions[2], {EXPIRY_FIELD: moment + 5_000}),
        Upsert("c", versions[3], VECTOR, {}),
    ]
    pair.here.replica.apply(NAMESPACE, Feed.RECORDS, made)
    move(pair.here, pair.there, clock)
    for site in (pair.here, pair.there):
        assert shown(site) == {"a": ({"n": 1}, moment), "b": ({"n": 2}, moment + 5_000), "c": ({}, None)}
    pair.there.fold()
    clock.seconds = (moment + 2_000) / 1000
    for site in (pair.here, pair.there):
        assert shown(site).keys() == {"b", "c"}
    one, other = pair.digests(Feed.RECORDS)
    assert one == other
    assert sum(count for count, _ in one) == 2


def test_one_site_dropped_it_and_the_other_did_not(pair: Pair, clock: ManualClock) -> None:
    """Nothing differs, nothing is brought over, and a replay of the feed shows nothing again."""
    moment = clock.unix_ms() + 10_000
    version = version_at(clock, "here")
    pair.here.replica.apply(NAMESPACE, Feed.RECORDS, [Upsert("a", version, VECTOR, {EXPIRY_FIELD: moment})])
    move(pair.here, pair.there, clock)
    clock.seconds += 30 + PURGED_AFTER_MS / 1000
    purge(pair.there)
    one, other = pair.digests(Feed.RECORDS)
    assert one == other
    done = pair.run(Feed.RECORDS)
    assert (done.repaired, done.different) == (0, 0)
    move(pair.here, pair.there, clock)
    assert shown(pair.here) == shown(pair.there) == {}


def test_a_patch_that_prolonged_it_comes_after_it_was_dropped(pair: Pair, clock: ManualClock) -> None:
    """The site that dropped it has nothing to prolong; the next comparison brings the record back to it, for good."""
    moment = clock.unix_ms() + 10_000
    pair.here.replica.apply(
        NAMESPACE,
        Feed.RECORDS,
        [Upsert("a", version_at(clock, "here"), VECTOR, {"n": 1, EXPIRY_FIELD: moment})],
    )
    move(pair.here, pair.there, clock)
    prolonged = Patch("a", version_at(clock, "here", counter=7), {EXPIRY_FIELD: moment + 10_000_000})
    pair.here.replica.apply(NAMESPACE, Feed.RECORDS, [prolonged])
    pair.here.fold()
    clock.seconds += 30 + PURGED_AFTER_MS / 1000
    purge(pair.there)
    pair.there.replica.apply(NAMESPACE, Feed.RECORDS, [prolonged])
    assert shown(pair.here) == {"a": ({"n": 1}, moment + 10_000_000)}
    assert shown(pair.there) == {}
    done = pair.run(Feed.RECORDS)
    assert (done.repaired, done.different) == (1, 0)
    assert shown(pair.there) == shown(pair.here)
    purge(pair.there)
    assert shown(pair.there) == shown(pair.here)
    one, other = pair.digests(Feed.RECORDS)
    assert one == other
