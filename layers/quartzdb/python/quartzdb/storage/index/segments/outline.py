"""Outlines: the versions of one id's state without its vector and metadata: cheap to read, and what sites compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from quartzdb.domain.change import Change, Patch, Upsert
from quartzdb.domain.hlc import BEGINNING, Version
from quartzdb.domain.merge import RecordState
from quartzdb.domain.values import dataclass
from quartzdb.storage.index.segments.records import StoredTombstone, decode_patches
from quartzdb.storage.index.segments.stored_record import StoredRecord


@dataclass(frozen=True, slots=True)
class Outline:
    """`base` is the latest upsert or delete, BEGINNING for none; `patches` those that are later, by field."""

    base: Version = BEGINNING
    patches: Mapping[str, Version] = field(default_factory=dict)
    live: bool = False

    def after(self, change: Change) -> Outline:
        """The outline once the change is applied; `self` where the change is old news. Follows domain/merge.py."""
        if isinstance(change, Patch):
            return self._patched(change)
        upserted = isinstance(change, Upsert)
        if (change.version, upserted) <= (self.base, self.live):
            return self
        return Outline(change.version, self._later_than(change.version), upserted)

    def joined(self, other: Outline) -> Outline:
        """What both know together."""
        winner = other if (other.base, other.live) > (self.base, self.live) else self
        patches = dict(winner._later_than(winner.base))
        for name, version in (self if winner is other else other)._later_than(winner.base).items():
            patches[name] = max(version, patches.get(name, BEGINNING))
        return Outline(winner.base, patches, winner.live)

    def _patched(self, patch: Patch) -> Outline:
        fresh = {
            name: patch.version
            for name in (*patch.set, *patch.unset)
            if patch.version > max(self.base, self.patches.get(name, BEGINNING))
        }
        return Outline(self.base, {**self.patches, **fresh}, self.live) if fresh else self

    def _later_than(self, base: Version) -> Mapping[str, Version]:
        return {name: version for name, version in self.patches.items() if version > base}


UNHEARD_OF = Outline()
"""The outline of an id that no change has named."""


def outline_of(state: RecordState) -> Outline:
    """Of a state in memory."""
    return Outline(state.base, {name: patch.version for name, patch in state.patches.items()}, state.live)


def outline_of_row(stored: StoredRecord) -> Outline:
    """Of a living row of a segment."""
    return Outline(stored.version, _versions(stored.patches), live=True)


def outline_of_tombstone(stored: StoredTombstone) -> Outline:
    """Of an id that a segment knows and has no vector of."""
    return Outline(stored.version, _versions(stored.patches))


def _versions(patches: bytes | None) -> dict[str, Version]:
    return {name: patch.version for name, patch in decode_patches(patches).items()}
