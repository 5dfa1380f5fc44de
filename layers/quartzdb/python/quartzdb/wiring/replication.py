"""The composition root of replication over any adapters, and over a data directory. Knows nothing of AWS."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from quartzdb.adapters.ed25519 import public_key_text, signing, verifying
from quartzdb.adapters.embedded.sqlite_api_keys import SqliteApiKeys
from quartzdb.adapters.embedded.sqlite_checkpoints import SqliteCheckpoints
from quartzdb.adapters.embedded.sqlite_database import SqliteDatabase
from quartzdb.adapters.embedded.sqlite_leases import SqliteLeases
from quartzdb.adapters.embedded.sqlite_tenant_grants import SqliteTenantGrants
from quartzdb.adapters.http.cloudflare_peer import CloudflarePeer
from quartzdb.adapters.http.http_replica import HttpReplica
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.domain.clock import Clock
from quartzdb.domain.values import dataclass
from quartzdb.replication.api_key_push import ApiKeyPush
from quartzdb.replication.applied import AppliedChanges
from quartzdb.replication.erasure_exchange import ErasureExchange
from quartzdb.replication.grant_push import GrantPush
from quartzdb.replication.lag import ALLOWANCE_MS, lag_ms
from quartzdb.replication.local_replica import LocalReplica
from quartzdb.replication.peer_settings import ApiKeysGo, PeerSettings
from quartzdb.replication.ports import Checkpoints, Direction, Feed, MirrorQueue, Replica
from quartzdb.replication.repair.anti_entropy import AntiEntropy
from quartzdb.replication.retention import PeerRetention
from quartzdb.replication.shared_namespaces import has_shared_keys
from quartzdb.replication.site_endpoint import Peering
from quartzdb.replication.statements import Sealing
from quartzdb.replication.status import PeerKind, ReplicationStatus
from quartzdb.replication.streams.contract_streams import ContractStreams
from quartzdb.replication.streams.driver import Driver
from quartzdb.replication.streams.peer_streams import FullPeerStreams
from quartzdb.replication.streams.replicator import Replicator
from quartzdb.replication.streams.round_statistics import RoundStatistics
from quartzdb.services.ports import ApiKeyTable, TenantGrants
from quartzdb.storage.log.protocol import OVERLAP_MS
from quartzdb.storage.ports import Leases
from quartzdb.wiring.embedded import Database

__all__ = [
    "ORIGIN_SECRET_HEADER",
    "PeerSecrets",
    "ReplicationAdapters",
    "contract_api",
    "embedded_lag_ms",
    "embedded_replication",
    "full_peer",
    "open_driver",
    "open_repairs",
    "open_replicator",
    "peering_of",
    "public_key_text",
    "status_of",
]

ORIGIN_SECRET_HEADER = "x-quartzdb-origin-secret"  # noqa: S105 - the name of a header


@dataclass(frozen=True, slots=True)
class PeerSecrets:
    """What is asked for with each request, and never kept. `replication`: the present one first.

    `api_key` is for a peer that knows only `/api/*`; `headers` are whatever else the way to the peer demands. With
    `signing` API keys are signed, and grants go.
    """

    replication: Callable[[], Sequence[str]]
    api_key: Callable[[], str] | None = None
    headers: Callable[[], Mapping[str, str]] = dict
    signing: Callable[[], str] | None = None


@dataclass(frozen=True, slots=True)
class ReplicationAdapters:
    """What replication is kept in, beside the database's own."""

    checkpoints: Checkpoints
    api_keys: ApiKeyTable
    leases: Leases
    clock: Clock
    grants: TenantGrants
    mirror_queue: MirrorQueue | None = None


def embedded_replication(data_dir: Path) -> ReplicationAdapters:
    """In a data directory, which must exist. Raises Unavailable, Corrupted."""
    catalog_file = SqliteDatabase(data_dir / "catalog.db")
    return ReplicationAdapters(
        SqliteCheckpoints(catalog_file),
        SqliteApiKeys(catalog_file),
        SqliteLeases(catalog_file),
        SystemClock(),
        SqliteTenantGrants(catalog_file),
    )


def peering_of(
    settings: PeerSettings,
    secrets: PeerSecrets,
    checkpoints: Checkpoints,
    clock: Clock,
    *,
    keys_behind_ms: int = OVERLAP_MS,
) -> Peering:
    """What makes a database one of two sites."""
    return Peering(
        settings.site,
        secrets.replication,
        shared=settings.shared,
        named=settings.named,
        keys_behind_ms=keys_behind_ms,
        takes_api_keys=settings.api_keys is ApiKeysGo.HERE,
        verify=verifying(settings.public_keys) if settings.public_keys else None,
        gives_grants=_gives_grants(settings, secrets),
        retention=PeerRetention(settings.site, [settings.peer_site], checkpoints, clock, settings.shared),
        status=status_of(settings, checkpoints, clock),
        applied=AppliedChanges(settings.site, settings.peer_site, checkpoints, clock, settings.shared),
    )


def status_of(settings: PeerSettings, checkpoints: Checkpoints, clock: Clock) -> ReplicationStatus:
    """How replication stands."""
    return ReplicationStatus(settings.site, [settings.peer], checkpoints, clock)


def open_replicator(
    database: Database,
    settings: PeerSettings,
    secrets: PeerSecrets,
    adapters: ReplicationAdapters,
    *,
    jitter: Callable[[], float] = random.random,
) -> Replicator:
    """What moves changes between a database that is one of two sites, and the other. Asks nobody anything yet."""
    local = _local(database)
    clock = adapters.clock
    position_of = local.retained_from
    if settings.kind is PeerKind.CONTRACT:
        api = contract_api(settings, secrets, clock)
        contract = ContractStreams(
            local,
            settings.peer_site,
            api,
            adapters.mirror_queue,
            adapters.checkpoints,
            clock,
            jitter,
            position_of,
            tenant=database.tenant,
            allows=settings.allows,
        )
        return Replicator(contract, clock, jitter, close=api.close)
    peer = full_peer(settings, secrets, clock)
    lines = FullPeerStreams(
        local, peer, adapters.checkpoints, clock, jitter, position_of, shared=settings.shared
    )
    always = [database.tenant] if has_shared_keys(settings.named, database.tenant) else []
    push = ApiKeyPush(adapters.api_keys, peer, clock, jitter, always=always, allows=settings.allows)
    pushes = settings.api_keys is ApiKeysGo.THERE
    # Whoever cannot sign says nothing: the peer would take it from nobody.
    grants = (
        GrantPush(adapters.grants, peer, clock, jitter, goes=settings.grant_goes)
        if _gives_grants(settings, secrets)
        else None
    )
    assert database.replication is not None, "opened with peering"
    erasures = ErasureExchange(database.replication.erasures, peer, adapters.checkpoints, clock, jitter)
    return Replicator(
        lines,
        clock,
        jitter,
        api_keys=push if pushes else None,
        erasures=erasures,
        grants=grants,
        close=peer.close,
    )


def _gives_grants(settings: PeerSettings, secrets: PeerSecrets) -> bool:
    full = settings.kind is PeerKind.FULL and settings.url is not None
    return full and settings.api_keys is ApiKeysGo.THERE and secrets.signing is not None


def open_driver(
    database: Database,
    settings: PeerSettings,
    secrets: PeerSecrets,
    adapters: ReplicationAdapters,
    *,
    observe: Callable[[RoundStatistics], None] = lambda _statistics: None,
) -> Driver:
    """The same, run by one process at a time."""
    return Driver(
        open_replicator(database, settings, secrets, adapters),
        adapters.leases,
        lambda: database.versions.writer,
        adapters.clock,
        interval_seconds=settings.interval_seconds,
        observe=observe,
    )


def open_repairs(
    database: Database, settings: PeerSettings, secrets: PeerSecrets, adapters: ReplicationAdapters
) -> Sequence[tuple[Direction, AntiEntropy]]:
    """A comparison of each feed that both sites share, for an operator who asks for it. Raises QuartzError."""
    local = _local(database)
    peer: Replica = full_peer(settings, secrets, adapters.clock)
    there = {(one.tenant, one.namespace) for one in peer.namespaces()}
    return [
        (outbound, AntiEntropy(outbound, one, local, peer, adapters.checkpoints, adapters.clock))
        for one in local.namespaces()
        if (one.tenant, one.namespace) in there
        for feed in Feed
        if feed is Feed.KEYS or one.holds_records
        for outbound in [Direction(local.site, peer.site, one.tenant, one.namespace, feed)]
    ]


def full_peer(settings: PeerSettings, secrets: PeerSecrets, clock: Clock) -> HttpReplica:
    """The peer, by the protocol."""
    assert settings.url is not None, "who has no address cannot be asked"
    return HttpReplica(
        settings.url,
        lambda: secrets.replication()[0],
        clock,
        site=settings.peer_site,
        headers=secrets.headers,
        seal=Sealing(settings.site, settings.peer_site, signing(secrets.signing), clock)
        if secrets.signing
        else None,
    )


def contract_api(settings: PeerSettings, secrets: PeerSecrets, clock: Clock) -> CloudflarePeer:
    """The peer, by `/api/*`."""
    assert settings.url is not None
    assert secrets.api_key is not None, "such a peer has keys of its own"
    return CloudflarePeer(
        settings.url, secrets.api_key, clock, site=settings.peer_site, headers=secrets.headers
    )


def embedded_lag_ms(
    data_dir: Path, *, allowance_ms: int = ALLOWANCE_MS, at_ms: int | None = None
) -> int | None:
    """The lag that the server of a data directory has left word of, as `replication.lag` defines it, at a unix time.

    `at_ms` None: now. With no allowance, ask for a moment that is some seconds past: of the present one nobody knows.
    """
    adapters = embedded_replication(data_dir)
    everything = adapters.checkpoints.all_checkpoints()
    pairs = {frozenset((one.source, one.destination)) for one in everything}
    lags = [
        lag_ms(
            {one: state for one, state in everything.items() if {one.source, one.destination} == pair},
            max(adapters.checkpoints.listed_ms(site) for site in pair),
            adapters.clock.unix_ms() if at_ms is None else at_ms,
            allowance_ms=allowance_ms,
        )
        for pair in pairs
    ]
    known = [lag for lag in lags if lag is not None]
    return max(known) if known and len(known) == len(lags) else None


def _local(database: Database) -> LocalReplica:
    assert database.replication is not None, "opened with peering"
    return database.replication.replica
