"""What two sites need of each other, as Protocols. docs/replication.md is the protocol that these follow.

The local database and the peer over HTTP are both a `Replica`, so whatever moves changes between two sites works in
either direction, and is tested without a network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from quartzdb.domain.change import Change
from quartzdb.domain.hlc import Version
from quartzdb.domain.metric import Metric
from quartzdb.ports import ApiKey, Item


class Feed(StrEnum):
    """The two kinds of changes of a namespace."""

    RECORDS = "records"
    KEYS = "keys"


@dataclass(frozen=True, slots=True, order=True)
class SharedNamespace:
    """A namespace that both sites have, by name: each site has a generation of its own."""

    tenant: str
    namespace: str
    dimension: int | None
    metric: Metric


Changes = Sequence[Change] | Sequence[Item]
"""Of the feed `records`, or of the feed `keys`. `appended` of an Item says nothing to another site."""


class FeedPage(NamedTuple):
    """Changes in feed order, and the place after them. Once not `more`, everything up to `through_ms` was given."""

    changes: Changes
    cursor: str
    more: bool
    through_ms: int


class FeedGap(Exception):
    """The feed is no longer kept from that cursor on. Repair first, then go on from `cursor`."""

    def __init__(self, cursor: str) -> None:
        super().__init__("the feed is not kept from that place on")
        self.cursor = cursor


class Applied(NamedTuple):
    """How many changes changed something, and how many were known already."""

    applied: int
    known: int


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


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far one direction of one feed is. `cursor` None: at its beginning.

    `through_ms`: the destination has everything that the source took up to then (unix ms at the source).
    `retained_from`: the lowest append stamp of this site's own log or key feed that the direction may still need; 0 for
    a direction that reads the peer. `error`: why it stands still, if it does.
    """

    cursor: str | None = None
    through_ms: int = 0
    retained_from: int = 0
    last_success_ms: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True, order=True)
class Direction:
    """One feed of one namespace, from one site to another."""

    source: str
    destination: str
    tenant: str
    namespace: str
    feed: Feed


class Checkpoints(Protocol):
    """Where each direction is. Durable; written by whoever drives replication at this site."""

    def read(self, direction: Direction) -> Checkpoint | None:
        """None where it never ran."""
        ...

    def write(self, direction: Direction, checkpoint: Checkpoint) -> None:
        """Replace it. Writing an older one costs repeated work and nothing else."""
        ...

    def everything(self) -> Mapping[Direction, Checkpoint]:
        """All of them: what the status is made of, and what bounds how long feeds are kept."""
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
