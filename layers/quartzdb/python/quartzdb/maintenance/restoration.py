"""Use case of restoring a deployment to one moment, after its table was restored to that moment under a new name.

The restored table has the log, key-values and catalog; blobs and pointers are as they are now. Left so, pointers name
manifests with later writes, and entries name bodies that were deleted since. Here the blobs follow the table. What that
needs is never more than taking deletions back and setting pointers, because blobs never change. The deployed table,
which functions, stream and alarms know by its name, gets the items of the restored one. HAZARD: nobody may write to the
database meanwhile; the runbook says how to make sure of that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby, takewhile
from typing import Protocol

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Conflict, Corrupted, InvalidArgument
from quartzdb.domain.hlc import COUNTER_BITS, stamp_at
from quartzdb.domain.namespace import Namespace, Partition
from quartzdb.domain.values import dataclass
from quartzdb.storage.erasure_reminders import WRITER, ErasedAgain
from quartzdb.storage.log.protocol import CLOCK_ERROR_MAX_MS, margin_of
from quartzdb.storage.ports import BlobHistory, BlobMissing, BlobVersion, ChangeLog, NamespaceCatalog
from quartzdb.storage.snapshot.store import SnapshotStore

RECOVERABLE_MS = 35 * 24 * 3_600_000
"""How long the bucket keeps what was replaced, and how far back the table can be restored."""
_AROUND_MS = 60_000
"""Blobs that were there within this of the moment come back: the table's clock and the bucket's are not one. A blob
too many harms nobody, and the next sweep removes it."""
_SECOND_MS = 1_000


@dataclass(frozen=True, slots=True)
class RestorationPlan:
    """What has to change for blobs and pointers to be as they were at `to_ms`; all empty when they are."""

    to_ms: int
    pointers_back: tuple[BlobVersion, ...]
    pointers_gone: tuple[BlobVersion, ...]
    deletions: tuple[BlobVersion, ...]
    """Of blobs: to be taken back."""


class TableCopy(Protocol):
    """From the restored table to the deployed one."""

    def make_equal(self, *, apply: bool) -> tuple[int, int]:
        """Items to write and to delete, all but API keys; does it, if `apply`."""
        ...


class Restoration:
    """`catalog` and `log` are the restored table's, `erase_again` is given the moment, and is of the
    deployed one. Without `copy` they are one.

    `deployed` is the deployed table's catalog, where that is another one: what it lacks now was deleted since.

    `drop_unnamed` removes large values that no item of the deployed table names: those that came back around the
    moment, and those of items that were replaced here. No erasure would ever reach them.

    Safe to repeat, after a failure half-way too: a pointer is set to the same content again.
    """

    def __init__(
        self,
        history: BlobHistory,
        *,
        catalog: NamespaceCatalog,
        log: ChangeLog,
        store: SnapshotStore,
        clock: Clock,
        erase_again: Callable[[int], ErasedAgain],
        drop_unnamed: Callable[[Partition], int],
        copy: TableCopy | None = None,
        deployed: NamespaceCatalog | None = None,
    ) -> None:
        self._history = history
        self._erase_again = erase_again
        self._drop_unnamed = drop_unnamed
        self._copy = copy
        self._deployed = deployed
        self._catalog = catalog
        self._log = log
        self._store = store
        self._clock = clock

    def plan(self, to_ms: int) -> RestorationPlan:
        """Compare what is with what was. Raises InvalidArgument for a moment out of reach.

        Raises Conflict where the table has later writes: then it is not the one that was restored to that moment.
        """
        now_ms = self._clock.unix_ms()
        if not now_ms - RECOVERABLE_MS <= to_ms <= now_ms:
            raise InvalidArgument(
                "Only the last 35 days can be restored.",
                field="to",
                hint="What was replaced before is kept no longer. A later moment than now cannot be restored either.",
            )
        for namespace in self._catalog.all_namespaces():
            for shard in namespace.each_shard:
                self._refuse_later_writes(shard, to_ms)
        return plan_of(self._history.versions(), to_ms)

    def differences(self) -> tuple[int, int]:
        """How many items of the deployed table would be written and deleted."""
        return self._copy.make_equal(apply=False) if self._copy else (0, 0)

    def apply(self, plan: RestorationPlan) -> ErasedAgain:
        """Make it so: blobs first, so that no item and no pointer ever names what is not there. Then erase again what
        was erased since: before that has ended nobody may read.
        """
        self._history.undelete(plan.deletions)
        if self._copy:
            self._copy.make_equal(apply=True)
        for pointer in plan.pointers_back:
            self._history.put_back(pointer)
        self._history.remove(plan.pointers_gone)
        again = self._erase_again(plan.to_ms)
        for namespace in self._catalog.all_namespaces():
            self._drop_unnamed(namespace.partition)
        return again

    def deleted_since(self) -> Sequence[str]:
        """Namespaces of the moment (tenant/name) that the deployed table does not have. Asked before `apply`."""
        if self._deployed is None:
            return []
        present = {namespace.partition for namespace in self._deployed.all_namespaces()}
        return sorted(
            f"{one.tenant}/{one.name}"
            for one in self._catalog.all_namespaces()
            if one.partition not in present
        )

    def came_back(self, deleted_since: Sequence[str]) -> Sequence[str]:
        """Those of them that the deployed table has now: all but those of tenants that were deleted again."""
        if self._deployed is None:
            return []
        present = {f"{one.tenant}/{one.name}" for one in self._deployed.all_namespaces()}
        return [name for name in deleted_since if name in present]

    def incomplete(self) -> Sequence[str]:
        """Why a namespace of the table could not be served as it was; empty when all can. Reads no segment."""
        return [
            f"{namespace.tenant}/{namespace.name}: {why}"
            for namespace in (self._deployed or self._catalog).all_namespaces()
            if namespace.settings.holds_records
            for shard in namespace.each_shard
            for why in self._missing(shard)
        ]

    def _refuse_later_writes(self, namespace: Namespace, to_ms: int) -> None:
        latest_ms = to_ms + CLOCK_ERROR_MAX_MS + _SECOND_MS
        written_ms = self._log.head(namespace.partition) >> COUNTER_BITS
        if written_ms > latest_ms and not self._restored_before(namespace, stamp_at(latest_ms)):
            raise Conflict(
                f"The table has writes to {namespace.name!r} from {(written_ms - to_ms) // 1000} s after that moment.",
                hint="Restore the table to it first, under a new name, and give that name: --from.",
            )

    def _restored_before(self, namespace: Namespace, latest: int) -> bool:
        """Whether all that is later was erased again, when the same was done before."""
        page = self._log.read(namespace.partition, latest)
        return page.floor <= latest and all(f".{WRITER}" in key.writer for key, _ in page.entries)

    def _missing(self, namespace: Namespace) -> Iterable[str]:
        partition = namespace.partition
        watermark = 0
        try:
            pointer = self._store.pointer(partition)
            if pointer is not None:
                manifest = self._store.manifest(pointer.current)
                watermark = manifest.watermark
                there = {key for key, _, _ in self._store.blobs.list(f"{partition}/")}
                for key in sorted(manifest.blob_keys - there):
                    yield f"{key} is missing"
            start = max(0, watermark - margin_of(self._log))
            if self._log.read(partition, start).floor > start:
                yield "the log was trimmed beyond what its manifest covers"
        except (Corrupted, BlobMissing) as error:
            yield str(error)


def plan_of(versions: Iterable[BlobVersion], to_ms: int) -> RestorationPlan:
    """What it takes to be back at `to_ms`. Versions of one key must come together, in any order."""
    back: list[BlobVersion] = []
    gone: list[BlobVersion] = []
    deletions: list[BlobVersion] = []
    for (pointer, _), of_key in groupby(versions, lambda one: (one.pointer, one.key)):
        # A deletion of the same second as a version counts as the earlier one, unless it is what is there now: rather
        # a blob too many than one too few.
        newest_first = sorted(
            of_key, key=lambda one: (one.current, one.at_ms, not one.deletion), reverse=True
        )
        if not pointer:
            deletions += _to_take_back(newest_first, to_ms)
            continue
        then = next((one for one in newest_first if one.at_ms <= to_ms), None)
        now = newest_first[0]
        if then is None or then.deletion:
            gone += [] if now.deletion else [now]
        elif then is not now:
            back.append(then)
    return RestorationPlan(to_ms, tuple(back), tuple(gone), tuple(deletions))


def _to_take_back(newest_first: Sequence[BlobVersion], to_ms: int) -> Sequence[BlobVersion]:
    """The deletions that hide a blob which was there at the moment; none where nothing hides it."""
    hiding = list(takewhile(lambda one: one.deletion, newest_first))
    if not hiding or len(hiding) == len(newest_first):
        return []
    ended_ms: float = float("inf")
    for one in newest_first:
        was_there = not one.deletion and one.at_ms <= to_ms + _AROUND_MS and ended_ms >= to_ms - _AROUND_MS
        if was_there:
            return hiding
        ended_ms = one.at_ms
    return []
