"""Last-writer-wins: how changes in any order, repeated any number of times, give one state of a record.

A record is replaced whole by the latest upsert or delete; a patched field keeps its own version until such a later
one replaces the record. `join` is commutative, associative and idempotent: everything else leans on that.

A record that has expired is dropped from storage as a tombstone of the same version. Of both the record wins: a patch
that prolonged it elsewhere may come later, and then the record can be brought back from whoever still has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from quartzdb.domain.change import Change, Delete, Metadata, Upsert
from quartzdb.domain.expiry import EXPIRY_FIELD, moment_in
from quartzdb.domain.hlc import BEGINNING, Version
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Vector


@dataclass(frozen=True, slots=True)
class Patched:
    """A field's latest patch: its version and its value, or that it was removed."""

    version: Version
    value: Any = None
    removed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class RecordState:
    """All that is known of one id. `vector` is None where it is deleted, or only patched so far."""

    base: Version = BEGINNING
    vector: Vector | None = None
    metadata: Metadata = field(default_factory=dict)
    patches: Mapping[str, Patched] = field(default_factory=dict)

    @property
    def live(self) -> bool:
        """Whether there is a record; a reader sees it as long as it has not expired."""
        return self.vector is not None

    @property
    def expires_at_ms(self) -> int | None:
        """From when on no reader sees it, in unix ms; None where that never comes."""
        patch = self.patches.get(EXPIRY_FIELD)
        return moment_in(self.metadata.get(EXPIRY_FIELD) if patch is None else patch.value)

    def without_record(self) -> RecordState:
        """What stays of one that has expired, so that nothing older comes back in its place."""
        return RecordState(self.base, patches=self.patches)

    @property
    def version(self) -> Version:
        """The latest change that shows in this state."""
        return max([self.base, *(patch.version for patch in self.patches.values())])

    def visible_metadata(self) -> dict[str, Any]:
        """The base with the patches over it: the metadata that a reader sees, and the moment of expiry."""
        shown = dict(self.metadata)
        for name, patch in self.patches.items():
            if patch.removed:
                shown.pop(name, None)
            else:
                shown[name] = patch.value
        return shown


UNKNOWN = RecordState()
"""The state of an id that no change has named: the identity of `join`."""


def state_of(change: Change) -> RecordState:
    """What is known of an id from one change alone."""
    if isinstance(change, Upsert):
        return RecordState(change.version, change.vector, change.metadata)
    if isinstance(change, Delete):
        return RecordState(change.version)
    patches = {name: Patched(change.version, value) for name, value in change.set.items()}
    patches |= {name: Patched(change.version, removed=True) for name in change.unset}
    return RecordState(patches=patches)


def join(left: RecordState, right: RecordState) -> RecordState:
    """What both know together. Returns `left` itself where `right` adds nothing."""
    winner = right if (right.base, right.live) > (left.base, left.live) else left
    patches = {name: patch for name, patch in left.patches.items() if patch.version > winner.base}
    for name, patch in right.patches.items():
        known = patches.get(name)
        if patch.version > winner.base and (known is None or patch.version > known.version):
            patches[name] = patch
    if winner is left and patches == left.patches:
        return left
    return RecordState(winner.base, winner.vector, winner.metadata, patches)


def apply(state: RecordState, change: Change) -> RecordState:
    """The state after one more change. Returns `state` itself where the change is old news."""
    return join(state, state_of(change))
