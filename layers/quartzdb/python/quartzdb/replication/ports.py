"""What two sites need of each other, as Protocols. docs/replication.md is the protocol that these follow.

The local database and the peer over HTTP are both a `Replica`, so whatever moves changes between two sites works in
either direction, and is tested without a network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from quartzdb.domain.change import Change, Metadata
from quartzdb.domain.erasure import Erasure, PeerCopy
from quartzdb.domain.grant import TenantGrant
from quartzdb.domain.hlc import Version, stamp_at
from quartzdb.domain.metric import Metric
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Vector
from quartzdb.services.ports import ApiKey
from quartzdb.storage.ports import Item


class Feed(StrEnum):
    """The two kinds of changes of a namespace."""

    RECORDS = "records"
    KEYS = "keys"


@dataclass(frozen=True, slots=True, order=True)
class SharedNamespace:
    """A namespace that both sites have, by name: each site has a generation of its own.

    `declared`: the fields that it declares as text and as sparse, as the text of one JSON object; "" where there are
    none. It is a text so that a site passes on what it does not understand.
    """

    tenant: str
    namespace: str
    dimension: int | None
    metric: Metric
    declared: str = ""

    @property
    def holds_records(self) -> bool:
        """Whether there are records: without, the namespace is for keys only."""
        return self.dimension is not None or bool(self.declared)


Changes = Sequence[Change] | Sequence[Item]
"""Of the feed `records`, or of the feed `keys`. `appended` of an Item says nothing to another site."""


class FeedPage(NamedTuple):
    """Changes in feed order, and the position after them. Once not `more`, everything up to `through_ms` was given."""

    changes: Changes
    cursor: str
    more: bool
    through_ms: int


class FeedGap(Exception):
    """The feed is no longer kept from that cursor on. Repair first, then go on from `cursor`."""

    def __init__(self, cursor: str) -> None:
        super().__init__("the feed is not kept from that position on")
        self.cursor = cursor


class Applied(NamedTuple):
    """How many changes changed something, how many were known already, and how many a lesser peer cannot be told."""

    applied: int
    known: int
    unreplayable: int = 0


class Digests(NamedTuple):
    """(count, sum of state hashes) of each of the 256 buckets; as of `through_ms`."""

    buckets: Sequence[tuple[int, int]]
    through_ms: int


class Entry(NamedTuple):
    """The state of one id: versions only. `base` None: no upsert or delete of it is known."""

    id: str
    base: Version | None
    patches: Mapping[str, Version]
    live: bool


class EntryPage(NamedTuple):
    """Entries of one bucket in order of id."""

    entries: Sequence[Entry]
    more: bool


class Replica(Protocol):
    """One site of two. Errors: `Unavailable` for what may pass, `Conflict` and `InvalidArgument` for what will not."""

    @property
    def site(self) -> str:
        """Its name."""
        ...

    def namespaces(self) -> Sequence[SharedNamespace]:
        """What it shares."""
        ...

    def changes(
        self,
        namespace: SharedNamespace,
        feed: Feed,
        cursor: str | None,
        *,
        limit: int,
        exclude_site: str | None,
    ) -> FeedPage:
        """A page of its feed. Raises FeedGap."""
        ...

    def apply(self, namespace: SharedNamespace, feed: Feed, changes: Changes) -> Applied:
        """Make changes of the other site its own, with their versions: all durably, or none. Idempotent.

        Raises ClockSkew where a version is too far ahead, Conflict where its namespace has other settings.
        """
        ...

    def digests(self, namespace: SharedNamespace, feed: Feed) -> Digests:
        """What it has, in 256 numbers."""
        ...

    def entries(
        self, namespace: SharedNamespace, feed: Feed, bucket: int, *, after: str | None, limit: int
    ) -> EntryPage:
        """What is behind one digest, tombstones that are still known included."""
        ...

    def fetch(self, namespace: SharedNamespace, feed: Feed, ids: Sequence[str]) -> Changes:
        """The changes that make the present state of those ids."""
        ...

    def apply_api_keys(self, keys: Sequence[ApiKey]) -> int:
        """Take over API keys. How many changed something."""
        ...

    def apply_grants(self, grants: Sequence[TenantGrant]) -> int:
        """Take over grants of tenants, the later of two. How many changed something."""
        ...


@dataclass(frozen=True, slots=True)
class SharedErasure:
    """An erasure of a shared namespace, as one site tells it to the other. Without ids: deletions are in the feed."""

    tenant: str
    namespace: str
    erasure: Erasure


class ErasingSite(Protocol):
    """One site of two, as the other one sees its erasures. Errors: as a Replica's."""

    @property
    def site(self) -> str:
        """Its name."""
        ...

    def erasures_waiting(self) -> Sequence[SharedErasure]:
        """Those of its own of which it has not heard that the other site's copy is gone; some, if there are many."""
        ...

    def erase(self, asked: Sequence[SharedErasure]) -> Sequence[PeerCopy]:
        """Do the other site's: whatever is dead by now has to leave the files. How far each is, in their order.

        To be asked once this site has the deletions. Asking again only tells how far it is.
        """
        ...

    def note_erased(self, told: Sequence[tuple[SharedErasure, PeerCopy]]) -> None:
        """Take note of how far its own are at the other site."""
        ...


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far one direction of one feed is. `cursor` None: at its beginning.

    `through_ms`: the destination has everything that the source took up to then (unix ms at the source); 0: not known.
    `retained_from`: the lowest append stamp of this site's own log or key feed that the direction may still need; 0 for
    a direction that reads the peer. `pending`: changes that were read and could not be applied. `error`: what went
    wrong at `failed_ms`, since when nothing succeeded; `stopped`: it will not pass by itself. `unreplayable`: changes,
    ever, that the destination cannot be told of.
    """

    cursor: str | None = None
    through_ms: int = 0
    retained_from: int = 0
    last_success_ms: int = 0
    error: str | None = None
    failed_ms: int = 0
    stopped: bool = False
    pending: int = 0
    unreplayable: int = 0


@dataclass(frozen=True, slots=True, order=True)
class Direction:
    """One feed of one namespace, from one site to another."""

    source: str
    destination: str
    tenant: str
    namespace: str
    feed: Feed


@dataclass(frozen=True, slots=True)
class RepairState:
    """How far the comparison of one feed of one namespace is, and how the latest one ended.

    While one is under way `begun_ms` is not 0: `round` is how often it went through the digests, and in this round
    everything in buckets before `bucket`, and up to the id `after` in that one, is done. `different`: buckets that
    stayed different although nobody wrote to them. `repaired`: changes it brought to the site that lacked them.
    """

    begun_ms: int = 0
    round: int = 0
    bucket: int = 0
    after: str | None = None
    repaired: int = 0
    different: int = 0
    finished_ms: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class SharedPart:
    """What a peer shares: the namespace behind `/api/*` or all, of some tenants or (None) of all."""

    all_namespaces: bool
    tenants: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Behind:
    """How far this site is behind the other in one feed of one namespace, as of `now_ms` (unix ms at this site).

    `recovery_point_ms`: it has everything that the other one took up to then; None where that is not known.
    """

    peer_site: str
    now_ms: int
    recovery_point_ms: int | None

    @property
    def behind_ms(self) -> int | None:
        """For how long writes at the other site may be missing here; None where that is not known."""
        if self.recovery_point_ms is None:
            return None
        return max(0, self.now_ms - self.recovery_point_ms)

    @property
    def version(self) -> Version | None:
        """Every write of the other site up to this version is here."""
        if self.recovery_point_ms is None:
            return None
        return Version(stamp_at(self.recovery_point_ms), self.peer_site)


class Checkpoints(Protocol):
    """Where each direction is. Durable; written by whoever drives replication at this site."""

    def read(self, direction: Direction) -> Checkpoint | None:
        """None where it never ran."""
        ...

    def write(self, direction: Direction, checkpoint: Checkpoint) -> None:
        """Replace it. Writing an older one costs repeated work and nothing else."""
        ...

    def forget(self, direction: Direction) -> None:
        """Its namespace is not shared any more: drop its checkpoint and its repair."""
        ...

    def all_checkpoints(self) -> Mapping[Direction, Checkpoint]:
        """All of them: what the status is made of, and what bounds how long feeds are kept."""
        ...

    def read_repair(self, outbound: Direction) -> RepairState | None:
        """The repair of a feed, which is kept under the direction that begins at this site."""
        ...

    def write_repair(self, outbound: Direction, state: RepairState) -> None:
        """Replace it. Writing an older one costs repeated work and nothing else."""
        ...

    def repairs(self) -> Mapping[Direction, RepairState]:
        """All of them."""
        ...

    def listed_ms(self, peer: str) -> int:
        """Every namespace that was shared with the peer at that unix time has its directions here; 0: not known."""
        ...

    def mark_listed(self, peer: str, at_ms: int) -> None:
        """The directions of all namespaces that were shared then are written."""
        ...

    def note_peer(self, peer: str, part: SharedPart) -> None:
        """What is shared with the peer from now on, for who opens the database without being told of it."""
        ...

    def peers(self) -> Mapping[str, SharedPart]:
        """What was noted of each."""
        ...


@dataclass(frozen=True, slots=True)
class MirroredWrite:
    """A write that a peer without a feed has accepted, as the edge saw it.

    `body` None: the edge did not have it whole.
    """

    request_id: str
    at_ms: int
    method: str
    path: str
    body: bytes | None
    receipt: str


class MirrorQueue(Protocol):
    """Writes that wait to be applied here, at least once each, in any order."""

    def receive(self) -> Sequence[MirroredWrite]:
        """Some of them; each comes again after a while unless it is deleted."""
        ...

    def delete(self, write: MirroredWrite) -> None:
        """It is applied."""
        ...


class PeerRefused(Exception):
    """The peer's own API answered that it will not take this write, whoever sends it again: why."""


class ContractApi(Protocol):
    """The write API of a peer without a feed: docs/replication.md. Errors: `Unavailable` and PeerRefused."""

    def insert_vector(self, record_id: str, vector: Vector, metadata: Metadata) -> None:
        """Replace a record."""
        ...

    def insert_vectors(self, records: Sequence[tuple[str, Vector, Metadata]]) -> Sequence[str]:
        """Replace up to 100 records. The ids of those that were not taken."""
        ...

    def delete_vector(self, record_id: str) -> None:
        """Delete a record; one that it never saw is no error."""
        ...

    def put(self, key: str, value: str) -> None:
        """Replace a value."""
        ...

    def delete(self, key: str) -> None:
        """Delete a key; one that it never saw is no error."""
        ...

    def get_vector(self, record_id: str) -> tuple[Vector, Metadata] | None:
        """A record, if it is there."""
        ...

    def get(self, key: str) -> str | None:
        """A value, if it is there."""
        ...
