"""Two sites, and a tenant whose data has to stay in a region: it goes to the other site only where both are in it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from quartzdb.domain.errors import NamespaceNotFound, Unavailable, WrongRegion
from quartzdb.domain.grant import TenantGrant
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.replication.api_key_push import ApiKeyPush
from quartzdb.replication.peer_settings import PeerSettings, SharedData
from quartzdb.replication.ports import ContractApi, Feed, SharedNamespace
from quartzdb.replication.residency import REMEMBERED_SECONDS
from quartzdb.replication.streams.contract_streams import ContractStreams
from quartzdb.replication.streams.peer_streams import FullPeerStreams
from quartzdb.replication.streams.replicator import Replicator
from quartzdb.services.keys import ApiKeys
from quartzdb.services.keyvalue import NewItem
from quartzdb.services.record_rules import NewRecord
from tests.doubles.memory_checkpoints import MemoryCheckpoints
from tests.doubles.memory_tenant_grants import MemoryTenantGrants
from tests.manual_clock import ManualClock
from tests.replica_sites import LocalSite, memory_adapters

TENANTS = ("anywhere", "european")


class Pair:
    """Two sites in regions, of which the first drives."""

    def __init__(self, directory: Path, clock: ManualClock, here: str | None, there: str | None) -> None:
        adapters = memory_adapters(clock)
        self.clock = clock
        self.settings = PeerSettings(
            "aws", "other", "https://other.example.com", shares=SharedData.ALL, region=here, peer_region=there
        ).residing(adapters.grants, clock)
        self.here = LocalSite("aws", adapters, directory / "a", shared=self.settings.shared)
        self.there = LocalSite("other", memory_adapters(clock), directory / "b")
        streams = FullPeerStreams(
            self.here.replica,
            self.there.replica,
            MemoryCheckpoints(),
            clock,
            lambda: 0.5,
            self.here.replica.retained_from,
            shared=self.settings.shared,
        )
        push = ApiKeyPush(
            adapters.api_keys,
            self.there.replica,
            clock,
            lambda: 0.5,
            always=["european"],
            allows=self.settings.allows,
        )
        self.replicator = Replicator(streams, clock, lambda: 0.5, api_keys=push)
        adapters.grants.put(TenantGrant("european", 1, region="eu"))
        for tenant in TENANTS:
            ApiKeys(adapters.api_keys, clock).create(tenant, "k", ["read"])
            namespace, _ = self.here.database.namespaces.create(
                tenant, "default", NamespaceSettings(2, Metric.COSINE)
            )
            self.here.database.records.upsert(namespace, [NewRecord("a", np.array([1, 2], np.float32))])
            self.here.database.key_values.put(namespace, NewItem("k", b"v"))

    def replicate(self) -> None:
        for _ in range(10):
            self.clock.sleep(5)
            self.replicator.run_once(self.clock.monotonic() + 60)

    def tenants_there(self) -> Sequence[str]:
        """Of which anything at all has come."""
        found = {one.tenant for one in self.there.adapters.catalog.all_namespaces()}
        with_keys = {tenant for tenant in TENANTS if self.there.adapters.api_keys.list(tenant)}
        assert found == with_keys
        return sorted(found)


def test_data_leaves_its_region_by_no_way(
    tmp_path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither pushed nor pulled, nor its keys; everybody else's goes as ever. The log says why, once."""
    caplog.set_level(logging.WARNING)
    pair = Pair(tmp_path, clock, "eu", "us")
    pair.replicate()
    assert pair.tenants_there() == ["anywhere"]
    place = SharedNamespace("european", "default", 2, Metric.COSINE)
    assert [one.tenant for one in pair.here.replica.namespaces()] == ["anywhere"]
    for ask in (
        lambda: pair.here.replica.changes(place, Feed.RECORDS, None),
        lambda: pair.here.replica.digests(place, Feed.KEYS),
        lambda: pair.here.replica.fetch(place, Feed.RECORDS, ["a"]),
        lambda: pair.here.replica.apply(place, Feed.RECORDS, []),
    ):
        with pytest.raises(NamespaceNotFound) as refused:
            ask()
        assert "stay in a region" in str(refused.value.hint)
    told = [one.getMessage() for one in caplog.records if "is not replicated" in one.getMessage()]
    assert told == [
        "the tenant european is not replicated: its data stays in eu, this site is in eu and the peer in us"
    ]


@pytest.mark.parametrize(("here", "there"), [("us", "eu"), ("us", "us"), (None, None), ("eu", None)])
def test_a_site_that_is_not_known_to_be_there_is_not_there(
    tmp_path: Path, clock: ManualClock, here: str | None, there: str | None
) -> None:
    """Both have to be in the region."""
    pair = Pair(tmp_path, clock, here, there)
    pair.replicate()
    assert pair.tenants_there() == ["anywhere"]


def test_within_the_region_it_goes_as_ever(tmp_path: Path, clock: ManualClock) -> None:
    """And a grant that changes is gone by within half a minute."""
    pair = Pair(tmp_path, clock, "eu", "eu")
    pair.replicate()
    assert pair.tenants_there() == ["anywhere", "european"]
    pair.here.adapters.grants.put(TenantGrant("european", 2, region="us"))
    clock.sleep(REMEMBERED_SECONDS)
    assert [one.tenant for one in pair.here.replica.namespaces()] == ["anywhere"]


def test_a_grant_that_cannot_be_read_shares_nothing(clock: ManualClock) -> None:
    """Whoever asks is told so, and asks again."""

    class Away(MemoryTenantGrants):
        def get(self, tenant: str) -> TenantGrant | None:
            raise Unavailable("away")

    settings = PeerSettings("aws", "other", region="eu", peer_region="eu").residing(Away(), clock)
    with pytest.raises(Unavailable):
        settings.shared("t", "default")
    assert not settings.shared("t", "not-shared-anyway")


def test_nor_does_it_go_to_a_peer_that_knows_only_the_contract(tmp_path: Path, clock: ManualClock) -> None:
    """No round begins, and the log says why."""
    pair = Pair(tmp_path, clock, "eu", None)
    streams = ContractStreams(
        pair.here.replica,
        "cloudflare",
        cast(ContractApi, None),
        None,
        MemoryCheckpoints(),
        clock,
        lambda: 0.5,
        pair.here.replica.retained_from,
        tenant="european",
        allows=pair.settings.allows,
    )
    with pytest.raises(WrongRegion):
        streams.refresh()
