"""Two sites that both take writes, and whoever moves changes between them; every promise is checked while they do."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path

from quartzdb.domain.errors import QuartzError
from quartzdb.domain.grant import TenantGrant, TenantStatus
from quartzdb.domain.merge import UNKNOWN, apply, join
from quartzdb.replication.api_key_push import ApiKeyPush
from quartzdb.replication.grant_push import GrantPush
from quartzdb.replication.lag import lag_ms
from quartzdb.replication.local_replica import LocalReplica
from quartzdb.replication.ports import Feed, FeedPage, Replica, SharedNamespace
from quartzdb.replication.shared_namespaces import all_namespaces
from quartzdb.replication.streams.peer_streams import FullPeerStreams
from quartzdb.replication.streams.replicator import Replicator
from quartzdb.services.ports import ApiKey
from quartzdb.storage.log.protocol import CLOCK_ERROR_MAX_MS, MARGIN_MS
from quartzdb.storage.ports import Item
from tests.doubles.memory_checkpoints import MemoryCheckpoints
from tests.simulation.history import Violation
from tests.simulation.link import Line, Link
from tests.simulation.replicated_answers import check_answers
from tests.simulation.replicated_history import (
    Acknowledged,
    missing_item,
    missing_record,
    shows,
    truth,
)
from tests.simulation.replicated_site import TENANT, WRITING_S, Process, ReplicatedSite
from tests.simulation.unreliable import GIVES_UP_AFTER_S
from tests.simulation.unreliable_checkpoints import UnreliableCheckpoints
from tests.simulation.world import EPOCH_S, SkewedClock, World

ANY_LATENESS = 1 << 62
TROUBLED_S = 24.0
"""After the last write: things still go wrong."""
QUIET_S = 20.0
"""Then nothing does."""
SETTLED_S_MAX = 150.0
"""How long it may take from then until both are level: the longest back-off, and some comparisons after it."""
ALLOWANCE_MS = 8_000
CLOCKS_FROM = "aws"


@dataclass(frozen=True)
class Conditions:
    """What differs from seed to seed. `declares`: which sites declare text and sparse fields. `keeps_feeds`: logs are
    trimmed only behind the checkpoints; `long_cut`: there is no line for longer than they are kept otherwise; `grants`:
    tenants are given some.
    """

    crashes: bool = True
    keeps_feeds: bool = False
    both_drive: bool = False
    late_namespace: bool = False
    long_cut: bool = False
    late_puts: bool = True
    slow_keys: bool = True
    grants: bool = False
    declares: tuple[str, ...] = ("aws", "cloudflare")
    repair_every_ms: int = 15_000

    @staticmethod
    def of(seed: int) -> Conditions:
        """Of a seed."""
        return Conditions(
            crashes=seed % 3 != 0,
            keeps_feeds=seed % 2 == 0,
            both_drive=seed % 5 == 1,
            late_namespace=seed % 4 == 3,
            long_cut=seed % 4 == 1,
            declares=(("aws", "cloudflare"), ("aws",), ("cloudflare",))[seed % 3 if seed % 4 != 3 else 1],
        )


class Watched:
    """A replica at the driver's own site, whose feed must not give the peer what was born there."""

    def __init__(self, replica: LocalReplica, stream: Line, peer: str) -> None:
        self._replica = replica
        self._stream = stream
        self._peer = peer
        self.site = replica.site
        self.namespaces, self.apply = replica.namespaces, replica.apply
        self.digests, self.entries, self.fetch = replica.digests, replica.entries, replica.fetch
        self.apply_api_keys, self.apply_grants = replica.apply_api_keys, replica.apply_grants

    def changes(
        self,
        namespace: SharedNamespace,
        feed: Feed,
        cursor: str | None,
        *,
        limit: int,
        exclude_site: str | None,
    ) -> FeedPage:
        """As the port says."""
        page = self._replica.changes(namespace, feed, cursor, limit=limit, exclude_site=exclude_site)
        self._stream.feeds_to(self._peer, page)
        return page


@dataclass
class TwoSites:
    """One run."""

    world: World
    workspace: Path
    conditions: Conditions
    acknowledged: list[Acknowledged] = field(default_factory=list)
    drivers_crashed: int = 0
    gaps: int = 0
    repaired: int = 0
    lag_zero: int = 0
    lag_asked: int = 0

    def __post_init__(self) -> None:
        self.line = Line()
        self.checkpoints = {"aws": MemoryCheckpoints(), "cloudflare": MemoryCheckpoints()}
        self.a = self._site("aws", ANY_LATENESS, takes_api_keys=False, has_namespace=True)
        self.b = self._site(
            "cloudflare", -1, takes_api_keys=True, has_namespace=not self.conditions.late_namespace
        )

    def start(self) -> None:
        """Set every actor going."""
        world = self.world
        for site, writers in ((self.a, 2), (self.b, 1)):
            for _ in range(writers):
                world.spawn(lambda site=site: site.live(site.write))  # type: ignore[misc]
            world.spawn(lambda site=site: site.live(site.maintain, stalls=True))  # type: ignore[misc]
        world.spawn(lambda: self.a.live(self._drive_from_a))
        if self.conditions.both_drive:
            world.spawn(lambda: self.b.live(self._drive_from_b))
        world.spawn(self._cut)
        world.spawn(self._manage_api_keys)
        if self.conditions.grants:
            world.spawn(self._give_grants)
        world.spawn(self._watch_lag)

    def _site(
        self, name: str, behind_max: int, *, takes_api_keys: bool, has_namespace: bool
    ) -> ReplicatedSite:
        return ReplicatedSite(
            self.world,
            name,
            self.workspace,
            behind_max,
            self.acknowledged,
            self._forget_before_ms,
            self.conditions.keeps_feeds,
            late_puts=self.conditions.late_puts,
            slow_keys=self.conditions.slow_keys,
            index_lag_s=0.4 if behind_max >= 0 else 0.0,
            takes_api_keys=takes_api_keys,
            has_namespace=has_namespace,
            declares=name in self.conditions.declares,
        )

    def _forget_before_ms(self) -> int:
        """Nothing older can be needed by either site: every direction of the one who drives is past it by a margin.

        A deletion that landed late is in no feed. It has to be kept until a comparison has found it.
        """
        through = [state.through_ms for state in self.checkpoints["aws"].all_checkpoints().values()]
        margin_ms = MARGIN_MS
        if self.conditions.late_puts:
            margin_ms += int(GIVES_UP_AFTER_S * 1000) + 2 * self.conditions.repair_every_ms
        return max(0, min(through) - margin_ms) if len(through) == 4 else 0

    # --- who drives ---

    def _drive_from_a(self, process: Process) -> None:
        self._drive(process, self.a, self.b)

    def _drive_from_b(self, process: Process) -> None:
        self._drive(process, self.b, self.a)

    def _drive(self, process: Process, here: ReplicatedSite, there: ReplicatedSite) -> None:
        world, chance = self.world, self.world.random
        server = there.process()
        bare = there.process(reliable=True)
        peer = Link(world, self.line, server.replica, bare.replica, here.name)
        local: Replica = Watched(process.replica, self.line, there.name)
        checkpoints = UnreliableCheckpoints(world, self.checkpoints[here.name], self.line)
        streams = FullPeerStreams(
            local,
            peer,
            checkpoints,
            process.clock,
            chance.random,
            process.replica.retained_from,
            shared=all_namespaces,
            repair_every_ms=self.conditions.repair_every_ms,
        )
        push = ApiKeyPush(here.api_keys, peer, process.clock, chance.random) if here is self.a else None
        gives = self.conditions.grants and here is self.a
        grants = GrantPush(here.grants, peer, process.clock, chance.random, goes=lambda _grant: True)
        replicator = Replicator(
            streams, process.clock, chance.random, api_keys=push, grants=grants if gives else None
        )
        while True:
            world.pause(chance.uniform(0.5, 2.5))
            try:
                statistics = replicator.run_once(world.now + chance.uniform(0.5, 5))
            except QuartzError:
                continue
            assert statistics.broken == 0, "see the log"
            self.gaps += statistics.gaps
            self.repaired += statistics.repaired

    # --- what happens to them ---

    def _cut(self) -> None:
        chance = self.world.random
        if self.conditions.long_cut:
            # For longer than the margin, so that feeds which are not kept have a gap.
            self.world.pause(chance.uniform(2, 5))
            self.line.cut = True
            self.world.pause(chance.uniform(42, 48))
        while True:
            self.line.cut = False
            self.world.pause(chance.uniform(5, 25))
            self.line.cut = self.world.now < WRITING_S and chance.random() < 0.7
            self.world.pause(chance.uniform(1, 12))

    def _manage_api_keys(self) -> None:
        chance = self.world.random
        for number in range(5):
            self.world.pause(chance.uniform(2, 10))
            now_ms = SkewedClock(self.world, 0).unix_ms()
            made = ApiKey(f"{number:012x}", TENANT, "ci", frozenset({"read"}), bytes(32), now_ms)
            self.a.api_keys.add(made)
            if number % 2:
                self.a.api_keys.revoke(TENANT, f"{number - 1:012x}", now_ms)

    def _give_grants(self) -> None:
        chance = self.world.random
        for revision in range(1, 9):
            self.world.pause(chance.uniform(1, 8))
            said = TenantGrant(TENANT, revision, chance.choice(list(TenantStatus)), plan=f"plan {revision}")
            assert self.a.grants.put(said)
            other = TenantGrant("other", revision, TenantStatus.SUSPENDED, gone_at_ms=revision)
            assert self.a.grants.put(other if revision % 3 else replace(other, gone_at_ms=None))

    # --- what must hold ---

    def _watch_lag(self) -> None:
        chance = self.world.random
        clock = SkewedClock(self.world, chance.uniform(-CLOCK_ERROR_MAX_MS, CLOCK_ERROR_MAX_MS) / 2000)
        while True:
            self.world.pause(chance.uniform(0.5, 2.5))
            self.check_lag(clock)

    def check_lag(self, clock: SkewedClock) -> int | None:
        """The lag as told; Violation where it is told to be zero and something is missing."""
        now_ms = clock.unix_ms()
        lag = self._lag("aws", "cloudflare", now_ms)
        if lag == 0 and self.conditions.both_drive:
            # A driver that is behind the other gives out once more what has been superseded, until it is level, too.
            lag = self._lag("cloudflare", "aws", now_ms)
        self.lag_asked += 1
        if self.line.returned:
            raise Violation(self.line.returned[0])
        if lag == 0:
            self.lag_zero += 1
            before = now_ms / 1000 - EPOCH_S - ALLOWANCE_MS / 1000
            for write in self.acknowledged:
                if write.at <= before:
                    self._check_at_both(write, now_ms)
        return lag

    def _lag(self, driver: str, peer: str, now_ms: int) -> int | None:
        checkpoints = self.checkpoints[driver]
        return lag_ms(
            checkpoints.all_checkpoints(), checkpoints.listed_ms(peer), now_ms, allowance_ms=ALLOWANCE_MS
        )

    def _check_at_both(self, write: Acknowledged, now_ms: int) -> None:
        change = write.change
        for site in (self.a, self.b):
            if isinstance(change, Item):
                latest = site.table.latest.get(change.key)
                # One that has expired since may be left out, where nothing older shows in its place.
                shows = change.live(now_ms) or (latest is not None and latest.live(now_ms))
                missing = missing_item(latest, change) and shows
            else:
                missing = missing_record(site.landed, change) and self._shows(change.id, now_ms)
            if missing:
                raise Violation(
                    f"at {self.world.now:.1f} lag is zero, but {site.name} lacks {change} of {write.at:.1f}"
                )

    def _shows(self, record_id: str, now_ms: int) -> bool:
        """Whether either site shows the record, or should. Sites forget what does not show at different times."""
        states = [site.landed.states.get(record_id, UNKNOWN) for site in (self.a, self.b)]
        return any(shows(state, now_ms) for state in [*states, reduce(join, states)])

    @property
    def settled(self) -> bool:
        """Whether both say that they are level, and have the same digests."""
        if self.check_lag(SkewedClock(self.world, 0)) != 0:
            return False
        a, b = (site.process(reliable=True).replica for site in (self.a, self.b))
        (namespace,) = a.namespaces()
        return all(
            list(a.digests(namespace, feed).buckets) == list(b.digests(namespace, feed).buckets)
            for feed in Feed
        )

    def check_settled(self) -> None:
        """When all is quiet, both sites show the join of all that ever landed at either, and lag is zero."""
        assert self.check_lag(SkewedClock(self.world, 0)) == 0, self.checkpoints["aws"].all_checkpoints()
        a, b = (site.process(reliable=True).replica for site in (self.a, self.b))
        now_ms = SkewedClock(self.world, 0).unix_ms()
        expected = truth([self.a.landed, self.b.landed], now_ms)
        (namespace,) = a.namespaces()
        assert list(b.namespaces()) == [namespace]
        assert self.settled, "the digests differ"
        ids = sorted({*self.a.landed.states, *self.b.landed.states})
        shown = [_live_records(replica, namespace, ids, now_ms) for replica in (a, b)]
        assert shown[0] == shown[1]
        assert sorted(shown[0]) == sorted(expected), (sorted(shown[0]), sorted(expected))
        for record_id, state in expected.items():
            base, vector, metadata, patches = shown[0][record_id]
            assert (base, dict(patches)) == (state.base, {n: p.version for n, p in state.patches.items()})
            assert state.vector is not None
            assert vector == state.vector.tobytes()
            assert metadata == state.visible_metadata()
        self._check_keys()
        for site in (self.a, self.b):
            check_answers(site, expected)
        assert list(self.a.api_keys.list(TENANT)) == list(self.b.api_keys.list(TENANT))
        assert list(self.a.grants.list()) == list(self.b.grants.list())
        for write in self.acknowledged:
            self._check_at_both(write, now_ms)

    def _check_keys(self) -> None:
        now_ms = SkewedClock(self.world, 0).unix_ms()
        keys = {write.change.key for write in self.acknowledged if isinstance(write.change, Item)}
        for key in keys:
            here, there = self.a.item(key), self.b.item(key)
            live = [item for item in (here, there) if item is not None and item.live(now_ms)]
            if live:
                assert here is not None
                assert there is not None
                assert _shown(here) == _shown(there)


def _shown(item: Item) -> tuple[object, ...]:
    return item.version, item.value, item.content_type, item.expires_at_ms


def _live_records(
    replica: LocalReplica, namespace: SharedNamespace, ids: list[str], now_ms: int
) -> dict[str, tuple]:  # type: ignore[type-arg]
    states: dict[str, list] = {}  # type: ignore[type-arg]
    for change in replica.fetch(namespace, Feed.RECORDS, ids):
        assert not isinstance(change, Item)
        states.setdefault(change.id, []).append(change)
    shown = {}
    for record_id, changes in states.items():
        state = reduce(apply, changes, UNKNOWN)
        if state.vector is not None and shows(state, now_ms):
            patches = tuple(sorted((name, patch.version) for name, patch in state.patches.items()))
            shown[record_id] = (state.base, state.vector.tobytes(), state.visible_metadata(), patches)
    return shown
