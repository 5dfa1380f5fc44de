"""What was attempted and what was acknowledged, and whether a read agrees with it.

Every write carries its own version in the data: an upsert in its vector and metadata, a patch in the field it sets.
So a read says by itself which writes it saw.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quartzdb.domain.change import Change, Delete, Patch, Upsert
from quartzdb.domain.hlc import BEGINNING, Version
from quartzdb.domain.merge import UNKNOWN, RecordState, apply
from quartzdb.domain.record import Record


class Violation(AssertionError):
    """A promise of the database was broken."""


@dataclass
class Write:
    """One call of a client."""

    begun: float
    changes: dict[Version, list[Change]]
    acknowledged: Version | None = None
    acknowledged_at: float | None = None


class History:
    """All writes of one run."""

    def __init__(self) -> None:
        self.writes: list[Write] = []

    def begin(self, now: float) -> Write:
        """A client calls."""
        write = Write(now, {})
        self.writes.append(write)
        return write

    def acknowledged_before(self, at: float) -> dict[str, RecordState]:
        """The least that a read begun at this time must see: the join of all that was acknowledged before."""
        states: dict[str, RecordState] = {}
        for write in self.writes:
            if (
                write.acknowledged is not None
                and write.acknowledged_at is not None
                and write.acknowledged_at < at
            ):
                for change in write.changes[write.acknowledged]:
                    states[change.id] = apply(states.get(change.id, UNKNOWN), change)
        return states

    def attempted(self) -> dict[str, list[Change]]:
        """Every change that was ever sent, by id."""
        changes: dict[str, list[Change]] = {}
        for write in self.writes:
            for version in write.changes:
                for change in write.changes[version]:
                    changes.setdefault(change.id, []).append(change)
        return changes

    def check_read(self, begun: float, seen: dict[str, Record], ids: list[str]) -> None:
        """Raises Violation unless every acknowledged write, or a later one, shows; and nothing was made up."""
        least = self.acknowledged_before(begun)
        attempted = self.attempted()
        for record_id in ids:
            expected = least.get(record_id, UNKNOWN)
            record = seen.get(record_id)
            tries = attempted.get(record_id, [])
            if record is None:
                deletes = [c.version for c in tries if isinstance(c, Delete)]
                if expected.live and not any(version > expected.base for version in deletes):
                    raise Violation(
                        f"{record_id}: acknowledged {expected.base} and never deleted, but not there"
                    )
                continue
            upserts = {str(c.version): c for c in tries if isinstance(c, Upsert)}
            base = upserts.get(str(record.metadata.get("born")))
            if base is None or not np.array_equal(base.vector, record.vector):
                raise Violation(
                    f"{record_id}: a vector and metadata that no one wrote together: {record.metadata}"
                )
            if base.version < expected.base:
                raise Violation(f"{record_id}: shows {base.version}, but {expected.base} was acknowledged")
            self._check_fields(record_id, record, base, expected, tries)

    @staticmethod
    def _check_fields(
        record_id: str, record: Record, base: Upsert, expected: RecordState, tries: list[Change]
    ) -> None:
        patched = {str(c.version): c for c in tries if isinstance(c, Patch)}
        for name in ("a", "b"):
            shown = record.metadata.get(name)
            if shown is None:
                version = max((c.version for c in patched.values() if name in c.unset), default=BEGINNING)
            elif shown == record.metadata["born"]:
                version = base.version
            elif shown in patched and name in patched[shown].set:
                version = patched[shown].version
            else:
                raise Violation(f"{record_id}.{name}: {shown} was never written")
            known = expected.patches.get(name)
            if known is not None and known.version > base.version and version < known.version:
                raise Violation(f"{record_id}.{name}: shows {version}, but {known.version} was acknowledged")


def vector_of(version: Version) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """A vector that belongs to one version only (as near as float32 tells apart)."""
    return np.array([1.0, (version.stamp % 1_000_003) / 1_000_003, hash_of(version.writer)], dtype=np.float32)


def hash_of(text: str) -> float:
    """A number from 0 to 1 that is the same in every run."""
    return sum(ord(character) * (31**place) for place, character in enumerate(text)) % 9973 / 9973
