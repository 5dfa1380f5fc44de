"""Compacting a namespace fully: everything written so far folded into segments, and those merged into one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from quartzdb.cli.failure import Failure
from quartzdb.domain.values import dataclass

if TYPE_CHECKING:
    from quartzdb.domain.namespace import Namespace
    from quartzdb.maintenance.merge_plan import MergePlan
    from quartzdb.wiring.embedded import Database

_RACES_MAX = 20
_SPARE_MS = 20
"""What the wait is longer than the overlap, so that the clock is past it for certain."""


@dataclass(frozen=True, slots=True)
class FullCompaction:
    """What it took."""

    entries: int
    folded_records: int
    merged_segments: int


def fold_and_merge_all(
    database: Database, namespace: Namespace, *, say: Callable[[str], None] = lambda _: None
) -> FullCompaction:
    """Fold all that is written when this begins, then merge all segments of each shard.

    What is written meanwhile is left to the background, so this ends however many writes come in. Safe beside a server
    and its writes. Raises Failure where other processes' publications always come first. `say` is told of a wait.
    """
    from quartzdb.maintenance.sweep import sweep

    heads = {shard: database.log.head(shard.partition) for shard in namespace.each_shard}
    _wait_out_overlap(database, namespace, max(heads.values()), say)
    entries = records = merged = 0
    for shard, head in heads.items():
        folded = _fold_up_to(database, shard, head)
        entries, records = entries + folded[0], records + folded[1]
        merged += _merge_all(database, shard)
        sweep(database.store, database.clock, shard.partition)
        database.readers.of(shard).reload()
    return FullCompaction(entries, records, merged)


def reclaim_at_once(database: Database, namespaces: Sequence[Namespace]) -> Sequence[Namespace]:
    """Give back what needs no room, where a full disk has none; returns in which order the rest should be tried."""
    if database.store.blobs.remote:
        return namespaces
    database.maintenance.drop_deleted()
    if not database.short():
        return namespaces
    held = [one for one in namespaces if one.settings.holds_records]
    for namespace in held:
        release_previous_manifests(database, namespace)
    # What has the least to build goes first: each leaves more room for the next.
    return sorted(held, key=lambda one: database.namespaces.stats(one).segment_bytes)


def fold_and_rewrite(database: Database, namespace: Namespace) -> FullCompaction:
    """What gives space back where there is little: fold, then rewrite what has dead rows, one segment after another.

    Nothing is kept beside the result of a step when the next begins. What there is no room for is left as it is, and
    once all others are done, raises StorageFull.
    """
    from quartzdb.domain.errors import StorageFull

    entries = records = rewritten = 0
    full: StorageFull | None = None
    for shard in namespace.each_shard:
        try:
            folded = _fold_up_to(database, shard, database.log.head(shard.partition))
            entries, records = entries + folded[0], records + folded[1]
        except StorageFull as error:
            full = error
        _release(database, shard)
        for plan in _rewrites(database, shard):
            try:
                rewritten += database.indexer.merge(shard, plan).merged_segments
            except StorageFull as error:
                full = error
            _release(database, shard)
    if full is not None:
        raise full
    return FullCompaction(entries, records, rewritten)


def _rewrites(database: Database, shard: Namespace) -> Sequence[MergePlan]:
    """One for each segment with dead rows, those with the fewest live ones first."""
    from quartzdb.maintenance.merge_plan import MergePlan

    pointer = database.store.pointer(shard.partition)
    segments = database.store.current(pointer).segments if pointer else ()
    dead = sorted((one for one in segments if one.dead_rows), key=lambda one: one.live_rows)
    return [MergePlan(shard.partition, (one.name,)) for one in dead]


def release_previous_manifests(database: Database, namespace: Namespace) -> None:
    """Let go of what is kept beside the current segments of each shard, once those are checked.

    In a directory at once: a reader that is just opening what goes begins again. On AWS the next sweeps do it.
    """
    for shard in namespace.each_shard:
        _release(database, shard)


def _release(database: Database, shard: Namespace) -> None:
    from quartzdb.maintenance.sweep import SUPERSEDED_MS, sweep

    kept_ms = SUPERSEDED_MS if database.store.blobs.remote else 0
    database.indexer.release_previous(shard.partition, keep_changes=False)
    # A server may have released it before, and kept what was written for who follows changes.
    database.indexer.drop_old_changes(shard.partition, keep_changes=False)
    sweep(database.store, database.clock, shard.partition, superseded_ms=kept_ms)
    database.readers.of(shard).reload()


def scrub_files(database: Database) -> None:
    """Leave nothing of deleted rows in SQLite's files, where the database is a directory. Raises Failure."""
    for _ in range(_RACES_MAX):
        if database.scrub():
            return
    raise Failure(
        "The segments are compacted, but files still have some of what was deleted: somebody kept reading from them.",
        hint="Try again when no backup and no export is running.",
    )


def _wait_out_overlap(
    database: Database, namespace: Namespace, head: int, say: Callable[[str], None]
) -> None:
    from quartzdb.domain.hlc import COUNTER_BITS
    from quartzdb.storage.log.protocol import OVERLAP_MS

    if database.log.ordered:
        return
    # A younger entry could still be joined by one with an earlier stamp, so folding leaves it in the log.
    wait_ms = (head >> COUNTER_BITS) + OVERLAP_MS + _SPARE_MS - database.clock.unix_ms()
    if wait_ms > 0:
        say(
            f"{namespace.name}: waiting {wait_ms / 1000:.1f} s until the last writes are old enough to be folded"
        )
        database.clock.sleep(wait_ms / 1000)


def _fold_up_to(database: Database, namespace: Namespace, head: int) -> tuple[int, int]:
    """Fold until everything up to `head` is in segments. Returns the entries and records that were folded here."""
    entries = records = 0
    lost = 0
    while lost < _RACES_MAX:
        folded = database.indexer.fold(namespace)
        if folded.published:
            entries += folded.entries
            records += folded.records
        elif folded.entries:
            lost += 1
        else:
            return entries, records
        # Whoever published it: a server that folds beside this one does this one's work.
        if _watermark(database, namespace) >= head:
            return entries, records
    raise _outrun(namespace)


def _watermark(database: Database, namespace: Namespace) -> int:
    pointer = database.store.pointer(namespace.partition)
    return database.store.current(pointer).watermark if pointer else 0


def _merge_all(database: Database, namespace: Namespace) -> int:
    from quartzdb.maintenance.merge_policy import all_segments

    for _ in range(_RACES_MAX):
        merged = database.indexer.compact(namespace, all_segments)
        if merged.published or not merged.merged_segments:
            return merged.merged_segments
    raise _outrun(namespace)


def _outrun(namespace: Namespace) -> Failure:
    return Failure(
        f"Another process kept publishing {namespace.name!r} while it was being compacted.",
        hint="Nothing is lost. Try again when fewer writes come in.",
    )
