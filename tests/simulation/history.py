"""What was attempted and what was acknowledged, and whether a read agrees with it.

Every write carries its own name in the data: an upsert in its vector and metadata, a patch in the field it sets. So a
read says by itself which writes it saw.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np

from quartzdb.domain.change import Change, Delete, Patch, Upsert
from quartzdb.domain.hlc import BEGINNING, Version
from quartzdb.domain.merge import UNKNOWN, RecordState, apply
from quartzdb.domain.record import Record


class Violation(AssertionError):
    """A promise of the database was broken."""


@dataclass
class Write:
    """One call of a client. `changes` have the version OWN: what they got is in `acknowledged`, or in the log."""

    name: str
    changes: list[Change] = field(default_factory=list)
    acknowledged: Version = BEGINNING
    acknowledged_at: float = math.inf

    def acknowledged_before(self, at: float) -> bool:
        """Whether its client had its answer by then."""
        return self.acknowledged_at < at


class History:
    """All writes of one run. `landed` are the changes of every entry that ever got into the log, by id."""

    def __init__(self) -> None:
        self.writes: list[Write] = []
        self.landed: dict[str, list[Change]] = {}
        # When each write was answered, and the join of all that were by then: reads ask for it again and again.
        self._answered: list[float] = []
        self._least: list[dict[str, RecordState]] = []

    def begin(self) -> Write:
        """A client calls."""
        write = Write(f"w{len(self.writes)}")
        self.writes.append(write)
        return write

    def land(self, changes: list[Change]) -> None:
        """An entry was committed."""
        for change in changes:
            self.landed.setdefault(change.id, []).append(change)

    def acknowledge(self, write: Write, version: Version, at: float) -> None:
        """Its client has its answer. Time only goes forward."""
        write.acknowledged, write.acknowledged_at = version, at
        states = dict(self._least[-1]) if self._least else {}
        for change in write.changes:
            known = states.get(change.id, UNKNOWN)
            states[change.id] = apply(known, replace(change, version=version))
        self._answered.append(at)
        self._least.append(states)

    def acknowledged_before(self, at: float) -> Mapping[str, RecordState]:
        """The least that a read begun at this time must see: the join of all that was acknowledged before."""
        answered = bisect_left(self._answered, at)
        return self._least[answered - 1] if answered else {}

    def truth(self) -> dict[str, RecordState]:
        """The join of everything that ever landed, by the definition of merging alone."""
        return {record_id: reduce(apply, changes, UNKNOWN) for record_id, changes in self.landed.items()}

    def check_read(self, begun: float, seen: dict[str, Record], ids: list[str]) -> None:
        """Raises Violation unless every acknowledged write, or a later one, shows; and nothing was made up."""
        least = self.acknowledged_before(begun)
        for record_id in ids:
            expected = least.get(record_id, UNKNOWN)
            landed = self.landed.get(record_id, [])
            record = seen.get(record_id)
            if record is None:
                deleted = any(isinstance(c, Delete) and c.version > expected.base for c in landed)
                if expected.live and not deleted:
                    raise Violation(
                        f"{record_id}: acknowledged {expected.base} and never deleted, but not there"
                    )
                continue
            born = record.metadata.get("born")
            bases = [c for c in landed if isinstance(c, Upsert) and c.metadata["born"] == born]
            if not bases or not np.array_equal(bases[0].vector, record.vector):
                raise Violation(
                    f"{record_id}: a vector and metadata that no one wrote together: {record.metadata}"
                )
            base = max(change.version for change in bases)
            if base < expected.base:
                raise Violation(f"{record_id}: shows {base}, but {expected.base} was acknowledged")
            self._check_fields(record, base, expected, [c for c in landed if isinstance(c, Patch)])

    @staticmethod
    def _check_fields(record: Record, base: Version, expected: RecordState, patches: list[Patch]) -> None:
        for name in ("a", "b"):
            shown = record.metadata.get(name)
            versions = [
                c.version for c in patches if (name in c.unset if shown is None else c.set.get(name) == shown)
            ]
            if shown == record.metadata["born"]:
                versions.append(base)
            if not versions:
                raise Violation(f"{record.id}.{name}: {shown} was never written")
            known = expected.patches.get(name)
            if known is not None and known.version > base and max(versions) < known.version:
                raise Violation(f"{record.id}.{name}: shows {shown}, but {known} was acknowledged")


def vector_of(name: str) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """A vector that belongs to one write only."""
    return np.array([1.0, int(name[1:]), 0.5], dtype=np.float32)
