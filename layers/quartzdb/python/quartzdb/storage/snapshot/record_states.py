"""All that is known of a namespace's records at one moment: live ones, tombstones, and patches of ids never written.

A reader's view shows what is live; this also says which versions that comes from, which is what replication compares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from quartzdb.domain.merge import RecordState
from quartzdb.domain.values import dataclass
from quartzdb.storage.index.segments.outline import Outline, outline_of, outline_of_row, outline_of_tombstone
from quartzdb.storage.snapshot.snapshot import Snapshot


@dataclass(frozen=True, slots=True, eq=False)
class RecordStates:
    """Immutable; safe to read from several threads. What `tail` says of an id is the whole truth about it.

    Records that have expired are in it as any others, as long as they are in storage.
    """

    snapshot: Snapshot
    tail: Mapping[str, RecordState]

    def states(self, ids: Sequence[str]) -> dict[str, RecordState]:
        """What is known of ids, vectors and metadata included; ids never heard of are left out."""
        found = {record_id: self.tail[record_id] for record_id in ids if record_id in self.tail}
        missing = [record_id for record_id in ids if record_id not in found]
        located = self.snapshot.locate(missing) if missing else {}
        return {**found, **{record_id: one.state for record_id, one in located.items()}}

    def outlines(self, ids: Sequence[str]) -> dict[str, Outline]:
        """The versions of what is known of ids, without reading a vector; ids never heard of are left out."""
        found = {record_id: outline_of(self.tail[record_id]) for record_id in ids if record_id in self.tail}
        missing = [record_id for record_id in ids if record_id not in found]
        stones: dict[str, Outline] = {}
        for segment, alive in zip(self.snapshot.segments, self.snapshot.alive, strict=True):
            if not missing:
                break
            for record_id, stored in segment.records.with_ids(missing).items():
                if alive[stored.row]:
                    found[record_id] = outline_of_row(stored)
            for record_id, stone in segment.records.tombstones_with_ids(missing).items():
                outline = outline_of_tombstone(stone)
                known = stones.get(record_id)
                stones[record_id] = known.joined(outline) if known else outline
        # A living row is the whole truth: what a tombstone beside it says went into it when it was written.
        return {**stones, **found}
