"""The files of one segment, by name, wherever they lie: on this machine, or to be fetched when they are needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Protocol

from quartzdb.storage.index.executor import Executor, Lazy
from quartzdb.storage.index.segments.partial_file import PartialFile
from quartzdb.storage.index.segments.segment_header import SegmentHeader
from quartzdb.storage.ports import BlobMissing

VECTORS_FILE = "vectors"
NORMS_FILE = "norms"
RECORDS_FILE = "records.sqlite"
ROWS_FILE = "rows"
HEADER_FILE = "opening"
INVERTED_FILE = "inverted"
POSTINGS_FILE = "postings"
PARTLY_READ = (VECTORS_FILE, NORMS_FILE, RECORDS_FILE)
"""Files that every segment has and that can be read in parts."""
DATA_FILES = frozenset({*PARTLY_READ, ROWS_FILE, HEADER_FILE, INVERTED_FILE, POSTINGS_FILE})
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

    def engine_file(self, name: str) -> Path:
        """A file for the engine, or the head of the inverted index: like `whole`, but where `partial` has it too, some
        parts may be missing yet.
        """
        ...

    def partial(self, name: str) -> PartialFile | None:
        """The file in parts, where bringing all of it would cost more; None where `whole` costs nothing."""
        ...

    def wait_for_postings(self) -> None:
        """If some of them are on their way, wait until they are here; raises nothing."""
        ...

    @property
    def execute(self) -> Executor:
        """How several fetches are waited for at once."""
        ...

    @property
    def header(self) -> SegmentHeader | None:
        """What reading in parts begins with; None where files are not read in parts."""
        ...

    @property
    def held(self) -> bool:
        """Whether records of this machine are copied into memory, rather than keep their file open."""
        ...

    @property
    def damage(self) -> Exception | None:
        """The Corrupted or BlobMissing that one of these methods, or a partial file, raised."""
        ...


class LocalFiles:
    """Files of this machine, checked already."""

    damage = None
    header = None
    execute = Lazy

    def __init__(self, paths: Mapping[str, Path], *, held: bool = False) -> None:
        self._paths = paths
        self.held = held

    @property
    def names(self) -> AbstractSet[str]:
        return self._paths.keys()

    def whole(self, name: str) -> Path:
        path = self._paths[name]
        if not path.exists():
            raise BlobMissing(str(path))
        return path

    def engine_file(self, name: str) -> Path:
        return self.whole(name)

    def partial(self, name: str) -> None:
        del name

    def wait_for_postings(self) -> None:
        """Everything is here."""


class EngineFiles(Mapping[str, Path]):
    """The engine's files by name. Of what `part` gives not all is here: the engine has to bring what it reads."""

    def __init__(self, files: SegmentFiles) -> None:
        self._files = files
        self._names = files.names - DATA_FILES

    def __getitem__(self, name: str) -> Path:
        return self._files.engine_file(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def part(self, name: str) -> PartialFile | None:
        """The file in parts, where it is read so."""
        return self._files.partial(name)
