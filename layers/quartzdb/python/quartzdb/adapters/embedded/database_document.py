"""`database.json`: which SQLite files belong together in a data directory, and the mark that they have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson
import xxhash

from quartzdb.adapters.embedded.directory_mark import Mark, Marks
from quartzdb.adapters.embedded.durable_file import sync_directory, write_durably
from quartzdb.domain.errors import Corrupted
from quartzdb.domain.values import dataclass

NAME = "database.json"
RESTORE = "Put the file back, or restore the directory from a backup: quartzdb backup restore BACKUPS --data-dir NEW"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class DatabaseDocument:
    """`complete`: all files have been made, so that one which is missing was lost."""

    identity: str
    complete: bool
    marks: Marks = Marks()

    def with_marks(self, marks: Marks) -> DatabaseDocument:
        """The same with others."""
        return replace(self, marks=marks)

    def encoded(self) -> bytes:
        """As it is in the file. A directory that no process of this release has opened to write has no mark."""
        document: dict[str, str | int | bool] = {
            "format": _FORMAT,
            "database": self.identity,
            "complete": self.complete,
        }
        if self.marks.mark is not None:
            document["mark"] = str(self.marks.mark)
        if self.marks.coming is not None:
            document["coming"] = str(self.marks.coming)
        digest = xxhash.xxh3_128_hexdigest(orjson.dumps(document))
        return orjson.dumps({**document, "checksum": digest}, option=orjson.OPT_APPEND_NEWLINE)


def read_document(directory: Path) -> DatabaseDocument | None:
    """None where there is none. Raises Corrupted, OSError."""
    path = directory / NAME
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        said = orjson.loads(content)
        mark, coming = (Mark.parse(said[key]) if key in said else None for key in ("mark", "coming"))
        document = DatabaseDocument(str(said["database"]), said["complete"] is True, Marks(mark, coming))
    except (ValueError, KeyError, TypeError) as error:
        raise Corrupted(f"{path} cannot be read: {error}.", hint=RESTORE) from error
    if content != document.encoded():
        raise Corrupted(f"{path} is not what was written.", hint=RESTORE)
    return document


def write_document(directory: Path, document: DatabaseDocument) -> None:
    """Durably, and all of it at once. Raises OSError."""
    target = directory / NAME
    write_durably(
        target,
        document.encoded(),
        temporary=directory,
        root=directory,
        unix_ms=target.stat().st_mtime_ns // 1_000_000 if target.exists() else 0,
    )
    sync_directory(directory)
