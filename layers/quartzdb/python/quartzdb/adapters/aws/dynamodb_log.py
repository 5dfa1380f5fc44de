"""The change log in DynamoDB. Owns the partitions `LOG#…`, the markers under `LOGS`, and large bodies as blobs.

An append is one PutItem, so any number of processes write at once and nobody waits; one in several partitions is a
transaction of such puts, whose keys are nobody else's, so that it waits for nobody either. The floor is an item of the
log's own partition that sorts after every entry: the Query that reads the entries reads the floor last, and since a
trim raises the floor before it deletes, a page that misses entries always shows the floor that says so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import NamedTuple

from quartzdb.adapters.aws.dynamodb_table import Committed, DynamoTable
from quartzdb.adapters.aws.dynamodb_values import Attributes, bytes_of, number_of, text_of
from quartzdb.adapters.aws.recent_uploads import REUSED_WITHIN, RecentUploads
from quartzdb.adapters.aws.spilled_bodies import SpilledBodies
from quartzdb.domain.errors import Conflict, Corrupted, NamespaceNotFound, TooLarge, Unavailable
from quartzdb.domain.hlc import Version
from quartzdb.domain.namespace import Partition
from quartzdb.domain.outcomes import once_written
from quartzdb.storage.ports import SEALED, BlobMissing, BlobStore, LogPage, StampBehind

INLINE_BYTES_MAX = 32 * 1024
"""Above this a body costs less as one S3 PUT than as write units, and an entry has no 400 KB ceiling."""

_FLOOR = "~floor"
_PAST_ENTRIES = "~"
_MARKERS = "LOGS"
_MARKED_MAX = 10_000
_READS_MAX = 4
_PAGE_ITEMS_MAX = 1_000
_UPLOADS_MAX = 16
_ATTEMPTS_MAX = 8
_FENCED_MAX = 50
"""Of 100 items in a transaction, two for each partition."""
_FIRST = "0"


class _Found(NamedTuple):
    key: Version
    body: bytes | None
    reference: str | None
    size: int


class _Marks(NamedTuple):
    floor: int
    fence: int


class DynamoChangeLog:
    """ChangeLog over a DynamoTable and a BlobStore. Unordered: readers look back by the overlap (log/protocol.py)."""

    def __init__(self, table: DynamoTable, blobs: BlobStore) -> None:
        self._table = table
        self._spilled = SpilledBodies(blobs, "log")
        self._uploads = RecentUploads()
        self._marked: set[Partition] = set()

    @property
    def ordered(self) -> bool:
        """False: writers do not wait for each other, so an entry may land behind the head."""
        return False

    def data_version(self) -> None:
        """Never told: what was committed only a read knows."""

    def append(self, partition: Partition, key: Version, body: bytes) -> None:
        """Commit one entry. Raises NamespaceNotFound (sealed), StampBehind (trimmed past it) or Conflict."""
        self._mark(partition)
        stored, same = self._stored(partition, key, body)
        put = self._table.put({"pk": _pk(partition), "sk": str(key), **stored}, *_new_or_same(stored, same))
        if not put.stored:
            raise Conflict(f"The log entry {key} of {partition} exists with another body.")
        # After the put, not before: a seal or trim that this misses will find the entry and delete it.
        with once_written():
            marks = self._marks(partition)
            if marks.floor >= key.stamp:
                self._take_back(partition, key, stored, marks.floor)
                raise _refused(partition, marks.floor)
        if marks.fence >= key.stamp:
            # It stays: its changes are appended again, and merging them twice changes nothing.
            raise StampBehind(marks.fence)

    def append_next(self, partition: Partition, body: bytes, key_after: Callable[[int], Version]) -> Version:
        """Never: raises NotImplementedError. Ask `ordered` first."""
        raise NotImplementedError(
            "A DynamoDB log is not ordered: append under a key of your own, and read with the overlap."
        )

    def append_together(self, bodies: Mapping[Partition, bytes], key: Version) -> None:
        """Commit one entry in each partition in one transaction. Raises as `append` does, and Unavailable.

        HAZARD: a floor is only seen afterwards, as in `append`. One that has passed the key, which takes a transaction
        that was under way for most of the margin, hides the entry there and not in the others: that lasts until the
        writer, which is told, has appended all of it again.
        """
        self._mark_all(bodies)
        stored = self._stored_together(bodies, key)
        for attempt in range(1, _ATTEMPTS_MAX + 1):
            committed = self._table.transact(
                [
                    self._table.put_action(
                        {"pk": _pk(partition), "sk": str(key), **attributes}, *_new_or_same(attributes, same)
                    )
                    for partition, (attributes, same) in stored.items()
                ]
            )
            if committed is Committed.YES:
                break
            if committed is Committed.CONDITION_FAILED:
                raise Conflict(
                    f"The log entry {key} exists with another body in one of {len(bodies)} shards."
                )
            self._table.wait(attempt)
        else:
            raise Unavailable(
                f"A log entry was contended {_ATTEMPTS_MAX} times over.", hint="Try again in a moment."
            )
        with once_written():
            self._check_floors({partition: attributes for partition, (attributes, _) in stored.items()}, key)

    def append_next_together(
        self, bodies: Mapping[Partition, bytes], key_after: Callable[[int], Version]
    ) -> Version:
        """Never: raises NotImplementedError, as `append_next` does."""
        raise NotImplementedError("A DynamoDB log is not ordered: append under a key of your own.")

    def append_next_if(
        self,
        bodies: Mapping[Partition, bytes],
        key_after: Callable[[int], Version],
        since: Mapping[Partition, int],
        holds: Callable[[Sequence[LogPage]], bool],
    ) -> Version | None:
        """Never: raises NotImplementedError, as `append_next` does."""
        raise NotImplementedError("A DynamoDB log is not ordered: use fence and append_fenced.")

    def fence(self, partition: Partition, key: Version) -> None:
        """Raise the fence to the key: an update of the item that has the floor, which every append reads after its put.

        So an entry at or below the fence either landed before it, and a read from now on finds it, or its writer finds
        the fence and appends again beyond it.
        """
        self._mark(partition)
        raised = self._table.update(
            _pk(partition),
            _FLOOR,
            "SET #fence = :fence, #floor = if_not_exists(#floor, :none)",
            "(attribute_not_exists(#fence) OR #fence < :fence) AND (attribute_not_exists(#floor) OR #floor < :fence)",
            {"fence": key.stamp, "none": 0},
        )
        if not raised:
            marks = self._marks(partition)
            raise _refused(partition, max(marks))

    def append_fenced(self, bodies: Mapping[Partition, bytes], key: Version) -> bool:
        """One transaction that also holds the fences: with a later one nothing is stored."""
        if len(bodies) > _FENCED_MAX:
            raise TooLarge(
                f"A write that depends on what its records are reaches {len(bodies)} shards; at most {_FENCED_MAX} "
                "fit into one transaction.",
                hint="Split the batch.",
            )
        stored = self._stored_together(bodies, key)
        puts = [
            self._table.put_action(
                {"pk": _pk(partition), "sk": str(key), **attributes}, *_new_or_same(attributes, same)
            )
            for partition, (attributes, same) in stored.items()
        ]
        fences = [
            self._table.update_action(
                _pk(partition),
                _FLOOR,
                "SET #fence = :fence",
                "#fence = :fence AND #floor < :fence",
                {"fence": key.stamp},
            )
            for partition in bodies
        ]
        for attempt in range(1, _ATTEMPTS_MAX + 1):
            committed = self._table.transact([*puts, *fences])
            if committed is Committed.YES:
                return True
            if committed is Committed.CONDITION_FAILED:
                return False
            self._table.wait(attempt)
        raise Unavailable(
            f"A log entry was contended {_ATTEMPTS_MAX} times over.", hint="Try again in a moment."
        )

    def read(
        self,
        partition: Partition,
        after: int,
        known: Collection[Version] = (),
        *,
        bytes_max: int | None = None,
        entries_max: int | None = None,
    ) -> LogPage:
        """Every entry with a stamp > `after` that is not in `known`: one Query for each MB that is there."""
        seen = known if isinstance(known, Set) else frozenset(known)
        for _ in range(_READS_MAX):
            found, floor, more = self._find(partition, after, seen, bytes_max, entries_max)
            try:
                bodies = self._spilled.load([one.reference for one in found if one.reference is not None])
                entries = [(one.key, next(bodies) if one.body is None else one.body) for one in found]
            except BlobMissing:
                continue  # trimmed since; now the floor says so
            return LogPage(entries, floor, more)
        raise Corrupted(
            f"An entry of the log {partition} names a blob that is not there.", hint="Restore the bucket."
        )

    def trim(self, partition: Partition, upto: int) -> int:
        """Raise the floor to `upto`, then drop entries with a stamp <= it. Returns how many were dropped."""
        self._table.update(
            _pk(partition),
            _FLOOR,
            "SET #floor = :floor",
            "attribute_not_exists(#floor) OR #floor < :floor",
            {"floor": upto},
        )
        dropped = 0
        references: set[str] = set()
        wanted = ("pk", "sk", "spilled")
        for page in self._table.query(_pk(partition), _FIRST, _place(upto + 1), attributes=wanted):
            self._table.batch_delete([(text_of(item, "pk"), text_of(item, "sk")) for item in page])
            references |= _references(page)
            dropped += len(page)
        if references:
            # An entry that stays may share the blob of one that went; it is at most so much later.
            shared = self._table.query(
                _pk(partition), _place(upto + 1), _place(upto + REUSED_WITHIN + 1), attributes=wanted
            )
            for page in shared:
                references -= _references(page)
            self._spilled.delete(sorted(references))
        return dropped

    def seal(self, partition: Partition) -> None:
        """Raise the floor to SEALED and drop everything."""
        self.trim(partition, SEALED)
        self._spilled.drop(partition)
        self._table.delete(_MARKERS, str(partition))

    def head(self, partition: Partition) -> int:
        """The highest stamp committed or trimmed to; 0 for none, and for a sealed log."""
        pages = self._table.query(_pk(partition), _FIRST, _FLOOR, reverse=True, page_items_max=2)
        head = 0
        for item in next(pages):
            if item["sk"] == _FLOOR:
                head = number_of(item, "floor")
                if head == SEALED:
                    return 0
            else:
                head = max(head, _key(item).stamp)
        return head

    def partitions(self) -> Sequence[Partition]:
        """Partitions that have entries and are not sealed: one Query for each that ever had an entry.

        A marker is written before the first entry that a process appends, so none is missed. Deployed indexers are
        woken by the stream and do not ask.
        """
        marked = [
            Partition.parse(text_of(item, "sk"))
            for page in self._table.query(_MARKERS, _FIRST, "\U0010ffff")
            for item in page
        ]
        return sorted(partition for partition in marked if self._has_entries(partition))

    def _find(
        self,
        partition: Partition,
        after: int,
        seen: Set[Version],
        bytes_max: int | None,
        entries_max: int | None,
    ) -> tuple[list[_Found], int, bool]:
        """Entries without the bodies of those that are blobs; the floor, read after them; whether more follow."""
        found: list[_Found] = []
        floor, size = 0, 0
        # One more than wanted, those that are known, and the floor: what is looked into is not paid for whole.
        page_items = None if entries_max is None else min(entries_max + len(seen) + 2, _PAGE_ITEMS_MAX)
        for page in self._table.query(_pk(partition), _place(after + 1), _FLOOR, page_items_max=page_items):
            for item in page:
                if item["sk"] == _FLOOR:
                    floor = number_of(item, "floor")
                    continue
                entry = _entry(item)
                if entry.key in seen:
                    continue
                if (bytes_max is not None and size > bytes_max) or len(found) == entries_max:
                    return found, self._floor(partition), True
                found.append(entry)
                size += entry.size
        return found, floor, False

    def _stored(self, partition: Partition, key: Version, body: bytes) -> tuple[Attributes, str]:
        """The attributes that hold a body or name its blob, and the one of them that only an equal body shares."""
        if len(body) <= INLINE_BYTES_MAX:
            return {"body": body}, "body"
        digest = sha256(body).hexdigest()
        reference = self._uploads.find(partition, digest, key.stamp)
        if reference is None:
            reference = self._spilled.store(partition, f"{key}-{digest[:32]}", body)
            self._uploads.note(partition, digest, key.stamp, reference)
        return {"spilled": reference, "digest": digest, "size": len(body)}, "digest"

    def _stored_together(
        self, bodies: Mapping[Partition, bytes], key: Version
    ) -> Mapping[Partition, tuple[Attributes, str]]:
        """What `_stored` says of each, large bodies being uploaded side by side."""
        large = [one for one, body in bodies.items() if len(body) > INLINE_BYTES_MAX]
        stored = {one: self._stored(one, key, body) for one, body in bodies.items() if one not in large}
        if large:
            with ThreadPoolExecutor(min(len(large), _UPLOADS_MAX), thread_name_prefix="uploads") as threads:
                uploaded = threads.map(lambda one: self._stored(one, key, bodies[one]), large)
                stored |= zip(large, uploaded, strict=True)
        return stored

    def _check_floors(self, stored: Mapping[Partition, Attributes], key: Version) -> None:
        """Takes back what a floor hides, and raises NamespaceNotFound or StampBehind where one does."""
        of_pk = {_pk(partition): partition for partition in stored}
        marks = {
            of_pk[text_of(item, "pk")]: _marks(item)
            for item in self._table.batch_get([(pk, _FLOOR) for pk in of_pk])
        }
        hidden = {partition: found.floor for partition, found in marks.items() if found.floor >= key.stamp}
        for partition, floor in hidden.items():
            self._take_back(partition, key, stored[partition], floor)
        if hidden:
            # One that is sealed decides: then the whole generation is gone, or will be in a moment.
            partition, floor = max(hidden.items(), key=lambda one: one[1])
            raise _refused(partition, floor)
        fence = max((found.fence for found in marks.values()), default=0)
        if fence >= key.stamp:
            raise StampBehind(fence)  # as in `append`, the entries stay

    def _take_back(self, partition: Partition, key: Version, stored: Attributes, floor: int) -> None:
        self._table.delete(_pk(partition), str(key))
        if "spilled" in stored:
            # Whatever shares the blob is earlier, so it lies below the floor, too.
            self._uploads.forget(partition, text_of(stored, "digest"))
            self._spilled.delete([text_of(stored, "spilled")])
        if floor == SEALED:
            self._table.delete(_MARKERS, str(partition))

    def _floor(self, partition: Partition) -> int:
        return self._marks(partition).floor

    def _marks(self, partition: Partition) -> _Marks:
        return _marks(self._table.get(_pk(partition), _FLOOR))

    def _mark(self, partition: Partition) -> None:
        if partition in self._marked:
            return
        if self._table.get(_MARKERS, str(partition)) is None:
            self._table.put({"pk": _MARKERS, "sk": str(partition)})
        if len(self._marked) >= _MARKED_MAX:
            self._marked.clear()
        self._marked.add(partition)

    def _mark_all(self, partitions: Iterable[Partition]) -> None:
        """As `_mark`, with one request where all are marked by now."""
        unknown = [partition for partition in partitions if partition not in self._marked]
        there = {
            text_of(item, "sk")
            for item in self._table.batch_get([(_MARKERS, str(partition)) for partition in unknown])
        }
        for partition in unknown:
            if str(partition) in there:
                self._marked.add(partition)
            else:
                self._mark(partition)

    def _has_entries(self, partition: Partition) -> bool:
        pages = self._table.query(_pk(partition), _FIRST, _PAST_ENTRIES, page_items_max=1)
        return bool(next(pages))


def _pk(partition: Partition) -> str:
    return "LOG#" + "#".join(
        (partition.tenant, partition.namespace, partition.generation, str(partition.shard))
    )


def _refused(partition: Partition, floor: int) -> Exception:
    if floor < SEALED:
        return StampBehind(floor)
    return NamespaceNotFound(
        f"The namespace {partition.namespace!r} was deleted while it was written to.",
        field="namespace",
        hint="Create it again, then repeat the write.",
    )


def _marks(item: Attributes | None) -> _Marks:
    if item is None:
        return _Marks(0, 0)
    return _Marks(number_of(item, "floor"), number_of(item, "fence") if "fence" in item else 0)


def _new_or_same(stored: Attributes, same: str) -> tuple[str, Attributes]:
    """The condition that the key is free, or has the same body."""
    return f"attribute_not_exists(#pk) OR #{same} = :{same}", {same: stored[same]}


def _place(stamp: int) -> str:
    """Before every entry of a stamp and after every entry of an earlier one."""
    return f"{stamp:016x}"


def _references(page: Sequence[Attributes]) -> set[str]:
    return {text_of(item, "spilled") for item in page if "spilled" in item}


def _key(item: Attributes) -> Version:
    stamp, _, writer = text_of(item, "sk").partition(".")
    return Version(int(stamp, 16), writer)


def _entry(item: Attributes) -> _Found:
    if "spilled" in item:
        return _Found(_key(item), None, text_of(item, "spilled"), number_of(item, "size"))
    body = bytes_of(item, "body")
    return _Found(_key(item), body, None, len(body))
