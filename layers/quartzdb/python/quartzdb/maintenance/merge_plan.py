"""What a merge is going to do, small enough to be handed from one process to another. Pure.

A plan names segments and says in how many shards their records are built anew; each record belongs to the shard that
the hash of its id says. The same segments give the same plan, so planning twice is planning once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import numpy as np
import xxhash
from pyroaring import BitMap

from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.namespace import Partition
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Mask, Rows
from quartzdb.storage.index.segments.segment import Segment
from quartzdb.storage.snapshot.manifest import SegmentRef

_NAME_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class MergePlan:
    """Merge these segments into one for each shard. `round` tells a plan from an earlier one that came to nothing."""

    partition: Partition
    segments: tuple[str, ...]
    shards: int = 1
    round: int = 0

    @property
    def name(self) -> str:
        """The same for the same plan, different for any other; hexadecimal."""
        parts = [str(self.partition), str(self.shards), str(self.round), *self.segments]
        return sha256("\n".join(parts).encode()).hexdigest()[:_NAME_CHARACTERS]

    @property
    def seed(self) -> int:
        """For the engines' choices."""
        return int(self.name[:8], 16)

    def document(self) -> dict[str, Any]:
        """As JSON values; `parse` reads it back."""
        return {
            "partition": str(self.partition),
            "segments": list(self.segments),
            "shards": self.shards,
            "round": self.round,
        }

    @staticmethod
    def parse(document: Mapping[str, Any]) -> MergePlan:
        """Read a document back. Raises InvalidArgument."""
        try:
            return MergePlan(
                Partition.parse(document["partition"]),
                tuple(str(name) for name in document["segments"]),
                int(document["shards"]),
                int(document["round"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidArgument(
                f"That is no merge plan: {error!r}.", field="plan", hint="Pass on what the compactor planned."
            ) from error


@dataclass(frozen=True, slots=True, eq=False)
class BuiltShard:
    """One shard of a plan, built and uploaded, not yet published.

    `copied` are the rows of each planned segment that are in it, in the order of the plan. One after another, number
    `order[i]` of them is its row i; None: they are its rows as they are.
    `watermark` is that of the manifest which it was built from. `purged` are the rows of each planned segment that were
    left out because they have expired; empty where no segment has such rows.
    """

    shard: int
    segment: SegmentRef
    copied: Sequence[BitMap]
    order: Rows | None
    watermark: int
    purged: Sequence[BitMap] = ()


def share(ids: Iterable[str], shards: int, shard: int) -> Mask:
    """Which of the ids belong to a shard."""
    return np.fromiter(
        (xxhash.xxh3_64_intdigest(one.encode()) % shards == shard for one in ids), dtype=np.bool_
    )


def rows_of_shard(segment: Segment, plan: MergePlan, shard: int) -> Mask:
    """The rows of a segment whose records belong to a shard."""
    if plan.shards == 1:
        return np.ones(segment.shape.rows, dtype=np.bool_)
    return share((record.id for record in segment.records.all_rows()), plan.shards, shard)
