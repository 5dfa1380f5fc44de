"""The files of one segment, by name, wherever they lie: on this machine, or to be fetched when they are needed."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Protocol

from quartzdb.index.partial_file import PartialFile
from quartzdb.ports import BlobMissing

VECTORS_FILE = "vectors"
NORMS_FILE = "norms"
RECORDS_FILE = "records.sqlite"
RECORDS_MAP_FILE = "records.map"
SUMS_FILE = "sums"
PARTLY_READ = (VECTORS_FILE, NORMS_FILE, RECORDS_FILE)
"""Files that can be read in parts, in the order in which `sums` has their blocks' checksums, one list after another."""
DATA_FILES = frozenset({*PARTLY_READ, RECORDS_MAP_FILE, SUMS_FILE})
"""All that is not the engine's."""


class SegmentFiles(Protocol):
    """Thread-safe. Every method raises Corrupted for what is not what was written, BlobMissing for what is gone."""

    @property
    def names(self) -> AbstractSet[str]:
        """What there is."""
        ...

    def whole(self, name: str) -> Path:
        """A file on this machine, every byte checked."""
        ...

    def partial(self, name: str) -> PartialFile | None:
        """The file in parts, where bringing all of it would cost more; None where `whole` costs nothing."""
        ...

    @property
    def damage(self) -> Exception | None:
        """The Corrupted or BlobMissing that one of these methods, or a partial file, raised."""
        ...


class LocalFiles:
    """Files of this machine, checked already."""

    damage = None

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self._paths = paths

    @property
    def names(self) -> AbstractSet[str]:
        """See SegmentFiles."""
        return self._paths.keys()

    def whole(self, name: str) -> Path:
        """See SegmentFiles."""
        path = self._paths[name]
        if not path.exists():
            raise BlobMissing(str(path))
        return path

    def partial(self, name: str) -> None:
        """See SegmentFiles."""
        del name
