"""What the database needs from the outside world, as Protocols. Adapters implement them; nothing here does I/O.

Every method is safe to call from several threads. Every adapter passes the suites in tests/contracts.
Errors: an adapter raises `Unavailable` when it could not find out or could not do it, and nothing was half-applied;
`OutcomeUnknown`, which is one, when a write may have been made.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from quartzdb.domain.errors import Unavailable
from quartzdb.domain.hlc import Version
from quartzdb.domain.namespace import Namespace, Partition
from quartzdb.domain.values import dataclass

# --- the log ---------------------------------------------------------------------------------------------------------

SEALED = (1 << 63) - 1
"""The floor of a log whose namespace generation was deleted."""


class LogPage(NamedTuple):
    """What one consistent read of a log tail found.

    `entries` are in key order. `floor` is the stamp up to which the log was trimmed when they were read: a reader whose
    own position is below it has a gap and must start again from the manifest. SEALED: the generation is gone.
    `more`: the read stopped at one of its limits, and at least one further entry follows.
    """

    entries: Sequence[tuple[Version, bytes]]
    floor: int
    more: bool = False


class ChangeLog(Protocol):
    """An append-only log per partition, ordered by append stamp. One entry is one atomic batch of changes."""

    @property
    def ordered(self) -> bool:
        """Whether no entry is ever committed behind the head: readers then need no overlap, nor folds any wait."""
        ...

    def data_version(self) -> bytes | None:
        """Bytes that are others once anything was committed that a read would be told of; None where only a read tells.

        So of two reads with the same bytes before each, the second finds nothing that the first did not.
        """
        ...

    def append(self, partition: Partition, key: Version, body: bytes) -> None:
        """Commit one entry durably. Appending the same key and body again changes nothing.

        Raises StampBehind where this adapter can see that readers may already be past the key; the writer then takes a
        later stamp. Raises NamespaceNotFound where the log is sealed, Conflict for a key that has another body, and
        OutcomeUnknown where the answer was lost.
        """
        ...

    def append_next(self, partition: Partition, body: bytes, key_after: Callable[[int], Version]) -> Version:
        """Commit one entry at the key that `key_after` makes of the head, which must be later; returns the key.

        Only for an ordered log. The key is made when no other entry can come between, so this never has to be refused,
        however slow the writer and however many the others are.
        """
        ...

    def append_together(self, bodies: Mapping[Partition, bytes], key: Version) -> None:
        """As `append`, one entry in each of up to SHARDS_MAX shards of one generation: all of them or none.

        Raises StampBehind where one of the partitions refuses the key. A log that only sees that afterwards leaves the
        entries that readers may have seen by then; the same changes under a later key make up for it.
        """
        ...

    def append_next_together(
        self, bodies: Mapping[Partition, bytes], key_after: Callable[[int], Version]
    ) -> Version:
        """As `append_next`, one entry in each of several partitions under one key later than all their heads."""
        ...

    def append_next_if(
        self,
        bodies: Mapping[Partition, bytes],
        key_after: Callable[[int], Version],
        since: Mapping[Partition, int],
        holds: Callable[[Sequence[LogPage]], bool],
    ) -> Version | None:
        """As `append_next_together`, if `holds` accepts what each partition has beyond its stamp in `since`.

        `holds` is asked when no other entry can come between; where it says no, nothing is committed: None.
        """
        ...

    def fence(self, partition: Partition, key: Version) -> None:
        """From now on nobody else's entry with a stamp up to the key's is acknowledged; only for an unordered log.

        Whoever appends such an entry later is told StampBehind, and appends again. Raises StampBehind where another
        fence is as late, NamespaceNotFound where the log is sealed.
        """
        ...

    def append_fenced(self, bodies: Mapping[Partition, bytes], key: Version) -> bool:
        """As `append_together`, if the key's own fence is still the latest in each partition; else False."""
        ...

    def read(
        self,
        partition: Partition,
        after: int,
        known: Collection[Version] = (),
        *,
        bytes_max: int | None = None,
        entries_max: int | None = None,
    ) -> LogPage:
        """Every entry with a stamp > `after` (exclusive) that is not in `known`, strongly consistent.

        With `bytes_max` it stops after the entry whose body passes that many bytes in all, with `entries_max` after so
        many, and says `more`. A long log is cheap to look into with the latter: its keys are not all read.
        """
        ...

    def trim(self, partition: Partition, upto: int) -> int:
        """Raise the floor to `upto`, then drop entries with a stamp <= it. Returns how many were dropped."""
        ...

    def seal(self, partition: Partition) -> None:
        """Raise the floor to SEALED and drop everything: the generation is deleted."""
        ...

    def head(self, partition: Partition) -> int:
        """The highest stamp committed or trimmed to; 0 for none, and for a sealed log."""
        ...

    def partitions(self) -> Sequence[Partition]:
        """Partitions that have entries and are not sealed: what the indexer of an embedded server looks through."""
        ...


class StampBehind(Exception):
    """The key given to `append` is too far behind the head of the log to be sure that every reader sees it."""

    def __init__(self, head: int) -> None:
        super().__init__(f"the log is already at {head:016x}")
        self.head = head


# --- key-value -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Item:
    """One key-value item. `value` None is a tombstone. `expires_at_ms` is unix milliseconds, None for never.

    `appended` is this site's stamp of when the item took its present state: its place in the change feed.
    """

    key: str
    version: Version
    appended: int
    value: bytes | None
    content_type: str = "application/octet-stream"
    expires_at_ms: int | None = None

    def live(self, now_ms: int) -> bool:
        """Whether a reader sees the item."""
        return self.value is not None and (self.expires_at_ms is None or self.expires_at_ms > now_ms)

    def replaces(self, previous: Item | None, expect: Expect | None) -> bool:
        """Whether a put of this takes effect: the condition holds and the stored version is earlier.

        Only a live item can be named by an expected version; a tombstone or an expired item counts as no item.
        """
        if previous is not None and previous.version >= self.version:
            return False
        if expect is None:
            return True
        live = previous.version if previous is not None and previous.live(expect.now_ms) else None
        return live == expect.version

    def without_value(self) -> Item:
        """As a listing or a put's outcome shows it: b"" in place of a value, None still for a tombstone."""
        if not self.value:
            return self
        return Item(self.key, self.version, self.appended, b"", self.content_type, self.expires_at_ms)


class PutOutcome(NamedTuple):
    """What a conditional put did: whether it was stored, and the item that was there before it.

    `previous` is shown as by a listing without values: b"" in place of a value, None for a tombstone.
    """

    stored: bool
    previous: Item | None


@dataclass(frozen=True, slots=True)
class Expect:
    """The condition of a compare-and-set: the version of the live item. None: the key must have no live item."""

    version: Version | None
    now_ms: int


Beside = Callable[[Item, Item | None], Sequence[Item]]
"""What is to be stored in the partition's `of_history` along with an item, given the item as it is stored and what was
there before, without its value. Of two items of one key the later version stays."""


class KeyPage(NamedTuple):
    """One page of a listing in key order; `more` is whether another page follows."""

    items: Sequence[Item]
    more: bool


class KeyValueTable(Protocol):
    """One item per key; strongly consistent; the later version wins.

    `changes`, `all_items`, `purge` and `count` may follow by a moment where they need an index.
    """

    @property
    def ordered(self) -> bool:
        """Whether an item is given an `appended` later than all there are when it is committed: `changes` is then what
        was committed, in that order, at once. The items of one `put_many` share it.
        """
        ...

    def head(self, partition: Partition) -> int:
        """The highest `appended` of an item; 0 for none. Only of an ordered table."""
        ...

    @property
    def batch_items_max(self) -> int:
        """The most items that `put_many` can store all or none of."""
        ...

    def get(self, partition: Partition, keys: Sequence[str]) -> Mapping[str, Item]:
        """The items of those keys that have one, tombstones and expired ones included."""
        ...

    def put(
        self, partition: Partition, item: Item, expect: Expect | None = None, *, beside: Beside | None = None
    ) -> PutOutcome:
        """Store the item if `expect` holds and no stored version is later or equal; atomic per key.

        What is `beside` it is stored, too, before this returns: in an ordered table in the same commit, in another
        right after it.
        """
        ...

    def put_many(
        self, partition: Partition, items: Sequence[Item], *, beside: Beside | None = None
    ) -> Sequence[PutOutcome]:
        """Store each as `put` would without a condition, in order: all of them or, on an error, none.

        The caller keeps to `batch_items_max`; an adapter that cannot store more together raises TooLarge.
        """
        ...

    def list(
        self, partition: Partition, *, prefix: str, after: str | None, limit: int, now_ms: int, values: bool
    ) -> KeyPage:
        """Live items whose key has the prefix, by code point, after a key. Without `values` every value is b""."""
        ...

    def changes(self, partition: Partition, after: int, upto: int, limit: int) -> Sequence[Item]:
        """The change feed: items with after < `appended` <= upto, in that order, tombstones included.

        At most `limit`, and then whatever shares the last one's stamp, so that a caller can go on from that stamp.
        """
        ...

    def all_items(self, partition: Partition) -> Iterator[Item]:
        """Every item, tombstones and expired ones included, in any order, without values (b"") or content types.

        One that is written meanwhile may come twice.
        """
        ...

    def purge(self, partition: Partition, expired_before_ms: int, deleted_before: int, limit: int) -> int:
        """Drop items that expired before a time and tombstones appended before a stamp. Returns how many."""
        ...

    def drop(self, partition: Partition) -> None:
        """Remove everything, its history as well: the generation is deleted."""
        ...

    def count(self, partition: Partition, now_ms: int) -> tuple[int, int]:
        """Live items and their bytes (keys and values)."""
        ...


# --- blobs -----------------------------------------------------------------------------------------------------------


class BlobStore(Protocol):
    """Immutable files by key ("tenant/namespace/…"), and small pointers that change by compare-and-set.

    Segments of a key are A-Z a-z 0-9 . _ - ; anything that could climb a path raises ValueError in every method. No key
    lies below another ("a" and "a/b"). Blobs and pointers are listed and deleted alike.
    """

    @property
    def remote(self) -> bool:
        """Whether a whole file has to be brought here before it can be read."""
        ...

    def put(self, key: str, data: bytes | Path) -> None:
        """Store a blob durably; readers see all of it or nothing. A key is written once, with one content.

        A Path stays its owner's: it is copied.
        """
        ...

    def get(self, key: str) -> bytes:
        """All bytes. Raises BlobMissing."""
        ...

    def read_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> Sequence[bytes | bytearray]:
        """The bytes of each (start, length), fetched side by side where that helps. Raises BlobMissing.

        Raises Corrupted where the blob ends before a range does.
        """
        ...

    def local_file(self, key: str) -> Path:
        """A file on this machine that has the blob's bytes; fetched first where they are elsewhere.

        Raises BlobMissing, and NoRoomForCopy where this machine has no place for the copy.
        """
        ...

    def forget_copy(self, key: str) -> None:
        """The copy that `local_file` gave is not what it must be: bring another the next time."""
        ...

    def list(self, prefix: str) -> Iterator[tuple[str, int, int]]:
        """(key, size in bytes, unix ms of its writing) of each blob and pointer under the prefix, in any order."""
        ...

    def delete(self, keys: Sequence[str]) -> None:
        """Remove blobs and pointers; one that is not there is no error."""
        ...

    def read_pointer(self, key: str) -> tuple[bytes, str] | None:
        """A pointer's content and tag, strongly consistent; None where it was never written."""
        ...

    def recent_pointer(self, key: str) -> bytes | None:
        """A pointer's content as it is, or was once, where that is known sooner; None where it was never written.

        For who can do with an older one and notices when it is too old. After a deletion anything may come back.
        """
        ...

    def swap_pointer(self, key: str, content: bytes, tag: str | None) -> bool:
        """Set the pointer if its tag is still `tag` (None: if there is none). Returns whether it was set; durable."""
        ...


class NoRoomForCopy(Unavailable):
    """There is not enough room on this machine's disk for the copy of a blob."""


class BlobMissing(Exception):
    """No blob has that key."""

    def __init__(self, key: str) -> None:
        super().__init__(f"no blob {key!r}")
        self.key = key


@dataclass(frozen=True, slots=True)
class BlobVersion:
    """A blob or pointer as it was from `at_ms` (unix) until something newer came, or a deletion of it.

    Times may be whole seconds, so two versions of one key may share one. `current`: nothing newer is there.
    """

    key: str
    pointer: bool
    id: str
    at_ms: int
    deletion: bool
    current: bool


class BlobHistory(Protocol):
    """What a BlobStore was at earlier times, and bringing that back. Used while nobody writes to it."""

    def versions(self) -> Iterator[BlobVersion]:
        """Every version and deletion, those of one key together. Raises Conflict where none are kept."""
        ...

    def undelete(self, deletions: Sequence[BlobVersion]) -> None:
        """Take deletions back."""
        ...

    def put_back(self, pointer: BlobVersion) -> None:
        """Set a pointer to an earlier content, under a new tag. Raises Conflict where somebody else sets it."""
        ...

    def remove(self, pointers: Sequence[BlobVersion]) -> None:
        """Delete pointers; this can be taken back, too."""
        ...


# --- catalog, keys, leases, idempotency ------------------------------------------------------------------------------


class NamespaceCatalog(Protocol):
    """Which namespaces a tenant has. Reads are strongly consistent."""

    def get(self, tenant: str, name: str) -> Namespace | None:
        """The namespace, if there is one."""
        ...

    def create(self, namespace: Namespace) -> Namespace:
        """Add it if the name is free; returns what the catalog has afterwards, which may be another's."""
        ...

    def declare(self, namespace: Namespace) -> Namespace | None:
        """Have that generation declare the text and sparse fields that this one has, unless it declares any; returns
        what the catalog has afterwards, None where the generation is not there.
        """
        ...

    def list(self, tenant: str, *, prefix: str, after: str | None, limit: int) -> Sequence[Namespace]:
        """In name order, after a name."""
        ...

    def count(self, tenant: str, limit: int) -> int:
        """How many there are; `limit` where there are more."""
        ...

    def remove(self, namespace: Namespace) -> bool:
        """Remove exactly this generation and remember it as pending deletion. False where it is not there any more."""
        ...

    def pending_deletion(self) -> Sequence[Namespace]:
        """Removed generations whose data may still have to be dropped."""
        ...

    def forget_deleted(self, namespace: Namespace) -> None:
        """A deleted generation's data is gone: forget it."""
        ...

    def all_namespaces(self) -> Sequence[Namespace]:
        """Every namespace of every tenant."""
        ...


class Leases(Protocol):
    """Short exclusive leases, so that one process does a piece of background work. Only ever an optimisation."""

    def acquire(self, name: str, owner: str, now_ms: int, ttl_ms: int) -> bool:
        """Take or renew the lease unless another owner's is still running."""
        ...

    def release(self, name: str, owner: str) -> None:
        """Give it back."""
        ...


class ReminderStore(Protocol):
    """Small files by name ("reminders/tenant/…"), in a place that restoring the database leaves alone."""

    def put(self, name: str, data: bytes) -> None:
        """Store it durably. A name has one content."""
        ...

    def get(self, name: str) -> bytes | None:
        """What a name has."""
        ...

    def names(self, prefix: str) -> Sequence[str]:
        """The names with the prefix, in any order."""
        ...

    def remove(self, names: Sequence[str]) -> None:
        """Remove them; one that is not there is no error."""
        ...


# --- maintenance of a deployment --------------------------------------------------------------------------------------


class Retention(Protocol):
    """How long this site keeps, for its peers, what it would otherwise drop. All are stamps; what is older may go."""

    def log_needed_from(self, partition: Partition) -> int:
        """The lowest append stamp of the log that a peer may still ask for."""
        ...

    def tombstones_needed_from(self, partition: Partition) -> int:
        """Tombstones of records with this version or a later one stay."""
        ...

    def keys_needed_from(self, partition: Partition) -> int:
        """Tombstones and expired items with this append stamp or a later one stay."""
        ...
