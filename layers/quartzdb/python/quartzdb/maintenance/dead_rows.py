"""Marking rows of a segment dead. The segment's files stay as they are: the rows are named by a bitmap beside them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from quartzdb.domain.namespace import Partition
from quartzdb.domain.vector import Mask
from quartzdb.storage.snapshot.manifest import SegmentRef
from quartzdb.storage.snapshot.store import SnapshotStore, dead_bitmap


def with_dead(
    store: SnapshotStore, partition: Partition, ref: SegmentRef, alive: Mask, name: str
) -> SegmentRef:
    """The segment with every row dead that is not alive. `name` is one that nothing had before."""
    dead = store.store_file(f"{partition}/dead/{ref.name}-{name}", dead_bitmap(alive))
    return replace(ref, dead=dead, dead_rows=int(np.count_nonzero(~alive)))
