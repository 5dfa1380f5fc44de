"""A snapshot opened for reading: a manifest's segments with the flags of their live rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.merge import RecordState, join
from quartzdb.domain.namespace import Partition
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Mask
from quartzdb.storage.index.segments.located import Located
from quartzdb.storage.index.segments.segment import Segment
from quartzdb.storage.ports import BlobMissing
from quartzdb.storage.snapshot.cache import SegmentCache
from quartzdb.storage.snapshot.manifest import Manifest, SegmentRef
from quartzdb.storage.snapshot.store import PublishedManifest, SnapshotStore

_OPEN_ATTEMPTS = 3

Chosen = Callable[[Manifest], None]
"""Told of the manifest whose segments are being opened, before they are open: of the last one, if that goes wrong."""


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """Immutable. `segments` and `alive` go by the same numbers. `degraded` says why the current one is not used."""

    manifest: Manifest
    tag: str | None
    key: str | None
    segments: Sequence[Segment]
    alive: Sequence[Mask]
    degraded: str | None = None

    def locate(self, ids: Iterable[str]) -> Mapping[str, Located]:
        """What the segments know of ids; ids never seen are left out."""
        wanted = list(ids)
        found: dict[str, Located] = {}
        for number, segment in enumerate(self.segments):
            for record_id, row, state in segment.located(wanted):
                live = row if row is not None and self.alive[number][row] else None
                if row is not None and live is None:
                    continue  # replaced: a newer segment has the whole of it
                found[record_id] = _together(found.get(record_id), Located(state, number, live))
        return found


def _nobody(_: Manifest) -> None: ...


def open_recent_snapshot(
    store: SnapshotStore, cache: SegmentCache, partition: Partition, chosen: Chosen = _nobody
) -> Snapshot:
    """The current snapshot or, sooner, one that was: for a reader, which notices a gap between it and the log.

    A snapshot and all of the log since then are as complete as a later one. Raises Corrupted as `open_snapshot`.
    """
    with suppress(Corrupted, BlobMissing):
        pointer = store.recent_pointer(partition)
        if pointer is not None:
            published = PublishedManifest(store.current(pointer), pointer.current, None)
            return _open(store, cache, published, None, chosen)
    return open_snapshot(store, cache, partition, chosen)


def open_snapshot(
    store: SnapshotStore, cache: SegmentCache, partition: Partition, chosen: Chosen = _nobody
) -> Snapshot:
    """The current snapshot, or the one before it where the current one is damaged.

    The log is kept far enough back that the older one with its longer tail is just as complete.
    Raises Corrupted where neither can be served.
    """
    for attempt in range(1, _OPEN_ATTEMPTS + 1):
        pointer = store.pointer(partition)
        if pointer is None:
            none = Manifest(partition, sequence=0, watermark=0)
            chosen(none)
            return Snapshot(none, None, None, segments=(), alive=())
        damage: Corrupted | BlobMissing | None = None
        for key in filter(None, (pointer.current, pointer.previous)):
            try:
                manifest = store.current(pointer) if key == pointer.current else store.manifest(key)
                return _open(store, cache, PublishedManifest(manifest, key, pointer.tag), damage, chosen)
            except (Corrupted, BlobMissing) as error:
                damage = damage or error
        # A sweep may have removed what was current a moment ago: look again before calling it damage.
        if isinstance(damage, Corrupted) or attempt == _OPEN_ATTEMPTS:
            break
    raise Corrupted(
        f"No snapshot of {partition.namespace!r} can be served: {damage}",
        hint="Run `quartzdb verify`, then restore the data directory from a backup.",
    ) from damage


def _open(
    store: SnapshotStore,
    cache: SegmentCache,
    published: PublishedManifest,
    damage: Corrupted | BlobMissing | None,
    chosen: Chosen,
) -> Snapshot:
    # First, because their storage takes longest to answer.
    opening = [
        cache.execute(partial(_open_segment, store, cache, ref)) for ref in published.manifest.segments
    ]
    chosen(published.manifest)
    opened = [one.result() for one in opening]
    return Snapshot(
        manifest=published.manifest,
        tag=published.tag,
        key=published.key,
        segments=[segment for segment, _ in opened],
        alive=[alive for _, alive in opened],
        degraded=str(damage) if damage else None,
    )


def _open_segment(store: SnapshotStore, cache: SegmentCache, ref: SegmentRef) -> tuple[Segment, Mask]:
    alive = cache.execute(lambda: store.alive(ref.shape.rows, ref.dead))
    segment = cache.open(ref)
    return segment, alive.result()


def _together(known: Located | None, more: Located) -> Located:
    if known is None:
        return more
    state: RecordState = join(known.state, more.state)
    # At most one of them is a live row: publishing marks every older one dead.
    row_owner = more if more.row is not None else known
    return Located(state, row_owner.segment, row_owner.row)
