"""The other site does an erasure, too, and its word that nothing is left ends up in the report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quartzdb.adapters.http.http_replica import HttpReplica
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.api.app import create_app
from quartzdb.domain.erasure import PeerCopy
from quartzdb.domain.errors import InvalidArgument, NamespaceNotFound, NotFound
from quartzdb.domain.namespace import Namespace, NamespaceSettings
from quartzdb.replication.erasure_exchange import EVERY_SECONDS, ErasureExchange
from quartzdb.replication.local_erasures import LocalErasures
from quartzdb.replication.ports import SharedErasure
from quartzdb.replication.streams.peer_streams import FullPeerStreams
from quartzdb.replication.streams.replicator import Replicator
from quartzdb.services.erasures import Begun, ErasedPlace
from quartzdb.services.keyvalue import NewItem
from quartzdb.services.record_rules import NewRecord
from quartzdb.storage.erasure_ledger import LEDGER, ErasureLedger
from tests.doubles.memory_checkpoints import MemoryCheckpoints
from tests.http_server import serving
from tests.manual_clock import ManualClock
from tests.replica_sites import NAMESPACE, SECRET, LocalSite, sqlite_site

IDS = ["dune", "ubik"]


def erasing(site: LocalSite) -> LocalErasures:
    """What the site serves to the other one."""
    assert site.database.replication is not None
    return site.database.replication.erasures


class Two:
    """Two sites on disks, one of which drives."""

    def __init__(self, directory: Path, clock: ManualClock) -> None:
        self.clock = clock
        self.here = sqlite_site("aws", directory, clock)
        self.there = sqlite_site("other", directory, clock)
        checkpoints = MemoryCheckpoints()
        streams = FullPeerStreams(
            self.here.replica,
            self.there.replica,
            checkpoints,
            clock,
            lambda: 0.5,
            self.here.replica.retained_from,
            shared=lambda _, __: True,
        )
        self.exchange = ErasureExchange(
            erasing(self.here), erasing(self.there), checkpoints, clock, lambda: 0.5
        )
        self.replicator = Replicator(streams, clock, lambda: 0.5, erasures=self.exchange)

    def write(self, site: LocalSite) -> Namespace:
        """Three records and a key, at both sites."""
        database = site.database
        settings = NamespaceSettings(NAMESPACE.dimension, NAMESPACE.metric)
        namespace, _ = database.namespaces.create(NAMESPACE.tenant, NAMESPACE.namespace, settings)
        records = [NewRecord(one, np.ones(3, np.float32), {"n": 1}) for one in [*IDS, "emma"]]
        database.records.upsert(namespace, records)
        database.key_values.put(namespace, NewItem("greeting", b"hello"))
        self.go_on()
        return namespace

    def go_on(self, rounds: int = 3) -> None:
        """Replicate, and maintain both."""
        for _ in range(rounds):
            self.drive()
            for site in (self.here, self.there):
                site.database.maintenance.run_once()

    def drive(self) -> None:
        """One round, a while after the last."""
        self.clock.seconds += EVERY_SECONDS + 1
        self.replicator.run_once(self.clock.monotonic() + 60)


@pytest.fixture
def two(tmp_path: Path, clock: ManualClock) -> Two:
    return Two(tmp_path, clock)


def peer_of(site: LocalSite, namespace: Namespace, begun: Begun) -> ErasedPlace:
    report = site.database.erasures.report(namespace, begun.erasure.id)
    (place,) = [one for one in report.places if one.name == "peer"]
    return place


@pytest.mark.parametrize("drives", [True, False])
def test_the_other_site_says_when_its_copy_is_gone(two: Two, drives: bool) -> None:
    """Whichever of them drives. It has rewritten its own files by then, and its report says so under the same id."""
    first, second = (two.here, two.there) if drives else (two.there, two.here)
    namespace = two.write(first)
    begun = first.database.erasures.of_ids(namespace, IDS)
    place = peer_of(first, namespace, begun)
    assert (place.gone, place.why) == (False, "the other site has not been told of it yet")
    two.go_on()
    place = peer_of(first, namespace, begun)
    assert place.gone
    assert place.at_ms is not None
    copy = second.database.namespaces.get(NAMESPACE.tenant, NAMESPACE.namespace)
    report = second.database.erasures.report(copy, begun.erasure.id)
    assert [one.gone for one in report.places if one.name in {"segments", "log", "files"}] == [True] * 3
    assert second.database.records.list(copy).items == ["emma"]
    assert erasing(first).erasures_waiting() == []


def test_it_is_asked_over_http_as_it_is_here(two: Two, clock: ManualClock) -> None:
    """Listed, begun and told: nothing is lost on the way, and there is no id in it."""
    namespace = two.write(two.there)
    theirs = two.there.database.erasures.of_ids(namespace, IDS)
    mine = SharedErasure(NAMESPACE.tenant, NAMESPACE.namespace, replace(theirs.erasure, id="0" * 23 + "1"))
    with serving(create_app(two.there.database)) as url:
        peer = HttpReplica(url, lambda: SECRET, SystemClock(), site="other")
        assert peer.erasures_waiting() == erasing(two.there).erasures_waiting() != []
        (told,) = peer.erase([mine])
        assert told == PeerCopy(why="the other site has begun to rewrite its files")
        clock.seconds += 5
        two.there.database.maintenance.run_once()
        (told,) = peer.erase([mine])
        assert told.gone_ms is not None
        peer.note_erased([(peer.erasures_waiting()[0], PeerCopy(gone_ms=7))])
        assert peer.erasures_waiting() == []
        assert peer_of(two.there, namespace, theirs).at_ms == 7
        with pytest.raises(InvalidArgument, match="24 hexadecimal digits"):
            peer.erase([replace(mine, erasure=replace(mine.erasure, id="../x"))])
        peer.close()


def test_it_is_told_only_once_it_has_the_deletions(two: Two) -> None:
    """Else it would rewrite its files with them, and say that they are gone."""
    namespace = two.write(two.here)
    begun = two.here.database.erasures.of_ids(namespace, IDS)
    two.clock.seconds += EVERY_SECONDS + 1
    assert two.exchange.run()
    assert peer_of(two.here, namespace, begun).why == "the other site has not been told of it yet"
    two.drive()
    two.drive()
    place = peer_of(two.here, namespace, begun)
    assert (place.gone, place.why) == (False, "the other site has begun to rewrite its files")


def test_names_of_keys_are_waited_for(two: Two) -> None:
    """With a time, here and there; then all of it is gone."""
    namespace = two.write(two.here)
    begun = two.here.database.erasures.of_keys(namespace, ["greeting"])
    two.go_on()
    place = peer_of(two.here, namespace, begun)
    assert not place.gone
    assert place.until_ms is not None
    assert place.until_ms > two.clock.unix_ms()
    two.clock.seconds += 9 * 86_400
    two.go_on(4)
    assert two.here.database.erasures.report(namespace, begun.erasure.id).gone


def test_a_peer_of_an_earlier_release_is_said_to_be_mute(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is not asked every few seconds."""
    namespace = two.write(two.here)
    begun = two.here.database.erasures.of_ids(namespace, IDS)
    asked = []

    def mute() -> None:
        asked.append(1)
        raise NotFound("There is nothing at this path.")

    monkeypatch.setattr(erasing(two.there), "erasures_waiting", mute)
    monkeypatch.setattr(erasing(two.there), "erase", lambda _: mute())
    two.go_on(4)
    assert "erase it there, too" in str(peer_of(two.here, namespace, begun).why)
    assert len(asked) == 1


def test_what_is_not_shared_is_refused(two: Two, tmp_path: Path, clock: ManualClock) -> None:
    """Nothing of the request is begun then."""
    namespace = two.write(two.here)
    begun = two.here.database.erasures.of_ids(namespace, IDS)
    table = two.there.adapters.table
    alone = LocalErasures(
        "other",
        catalog=two.there.adapters.catalog,
        log=two.there.adapters.log,
        table=table,
        clock=clock,
        shared=lambda tenant, _: tenant == NAMESPACE.tenant,
    )
    before = list(table.all_items(LEDGER))
    names = (NAMESPACE.tenant, "foreign")
    asked = [SharedErasure(tenant, NAMESPACE.namespace, begun.erasure) for tenant in names]
    with pytest.raises(NamespaceNotFound):
        alone.erase(asked)
    assert list(table.all_items(LEDGER)) == before


def test_a_deleted_namespace_is_forgotten_with_all_of_it(two: Two) -> None:
    """Also what waits for the other site."""
    namespace = two.write(two.here)
    two.here.database.erasures.of_ids(namespace, IDS)
    two.drive()
    two.drive()
    table = two.here.adapters.table
    assert [item.key for item in table.all_items(LEDGER) if item.key.startswith("peer/")]
    ErasureLedger(table).forget(namespace)
    assert list(table.all_items(LEDGER)) == []
