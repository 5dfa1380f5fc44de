"""A data directory as something to back up. Knows where its parts are; reads them, and writes only to the copies."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from quartzdb.adapters.blob_key import check_blob_key
from quartzdb.adapters.embedded.data_directory import MARKED, require_one_age
from quartzdb.adapters.embedded.database_document import NAME, RESTORE, DatabaseDocument, read_document
from quartzdb.adapters.embedded.directory_mark import Mark, Marks
from quartzdb.adapters.embedded.files_below import files_below
from quartzdb.adapters.embedded.sqlite_failure import failure
from quartzdb.adapters.embedded.sqlite_identity import mark_in, set_mark
from quartzdb.adapters.embedded.sqlite_read_only import read_only_uri
from quartzdb.adapters.embedded.sqlite_row_sums import add_sums
from quartzdb.domain.errors import Corrupted
from quartzdb.domain.namespace import Partition
from quartzdb.storage.ports import SEALED

_POINTER = "/CURRENT"
_BUSY_SECONDS = 30
_LINES_MEANWHILE_MAX = 2**40
"""More lines of a journal than are written while a backup is taken."""


class EmbeddedBackupSource:
    """BackupSource. `read_only`: nothing can be written in the directory, as on a snapshot of a disk.

    Its files are copied at different moments, between which their mark may change: the copies get one of their own, so
    that none is taken for a file of the directory, or of another backup.
    """

    def __init__(self, data_dir: Path, *, read_only: bool = False) -> None:
        self._data_dir = data_dir
        self._read_only = read_only
        self._mark = Mark.after(None)

    def require_one_age(self) -> None:
        """Raises Corrupted where one of the database's files is older than the others: no backup mends that."""
        require_one_age(self._data_dir, self._document, self._marks)

    def _document(self) -> DatabaseDocument:
        document = read_document(self._data_dir)
        if document is None:
            raise Corrupted(f"{self._data_dir / NAME} is missing.", hint=RESTORE)
        return document

    def _marks(self) -> dict[str, Mark | None]:
        found = {}
        for name in MARKED:
            path = self._data_dir / name
            try:
                with closing(self._open(path)) as database:
                    found[name] = mark_in(database, path)
            except sqlite3.Error as error:
                raise failure(error, path) from error
        return found

    def copy_pointers(self, target: Path) -> Mapping[Partition, Path]:
        """Copy each pointer file."""
        shutil.rmtree(target, ignore_errors=True)
        pointers = self._data_dir / "segments" / "pointers"
        copied = {}
        for key, _, _ in files_below(pointers, ""):
            if not key.endswith(_POINTER):
                continue
            copy = target / key
            copy.parent.mkdir(parents=True, exist_ok=True)
            try:
                copy.write_bytes((pointers / key).read_bytes())
            except FileNotFoundError:
                continue  # its namespace was deleted
            copied[Partition.parse(key.removesuffix(_POINTER))] = copy
        target.mkdir(parents=True, exist_ok=True)
        return copied

    def blob(self, key: str) -> Path:
        """The file of a blob."""
        return self._data_dir / "segments" / "blobs" / check_blob_key(key)

    def copy_log(self, target: Path) -> Mapping[Partition, int]:
        """Copy log.db; returns the floors in the copy."""
        found: list[tuple[str, int]] = []

        def floors(copy: sqlite3.Connection) -> None:
            found.extend(copy.execute("SELECT name, floor FROM partitions WHERE floor < ?", (SEALED,)))

        self._copy("log.db", target, floors)
        return {Partition.parse(name): floor for name, floor in found}

    def copy_keyvalues(self, target: Path) -> None:
        """Copy keyvalue.db."""
        self._copy("keyvalue.db", target)

    def copy_identity(self, target: Path) -> None:
        """Write a database.json for the copies."""
        target.write_bytes(self._document().with_marks(Marks(self._mark)).encoded())

    def copy_journal(self, name: str, target: Path) -> bool:
        """Copy a journal, whose next lines have numbers that no line had between this copy and the next."""

        def go_on_far_beyond(copy: sqlite3.Connection) -> None:
            (last,) = copy.execute(
                "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'lines'), 0)"
            ).fetchone()
            copy.execute("DELETE FROM sqlite_sequence WHERE name = 'lines'")
            copy.execute(
                "INSERT INTO sqlite_sequence (name, seq) VALUES ('lines', ?)", (last + _LINES_MEANWHILE_MAX,)
            )

        return self._copy_beside(name, target, go_on_far_beyond)

    def copy_platform(self, target: Path) -> bool:
        """Copy platform.db, without looking at what is in it."""
        return self._copy_beside("platform.db", target)

    def _copy_beside(
        self, name: str, target: Path, then: Callable[[sqlite3.Connection], None] = lambda _: None
    ) -> bool:
        if not (self._data_dir / name).is_file():
            return False
        self._copy(name, target, then, sums=False)
        return True

    def answers(self) -> Sequence[tuple[str, str]]:
        """(tenant, key) of each answer that is stored."""
        path = self._data_dir / "catalog.db"
        try:
            with closing(self._open(path)) as catalog:
                return catalog.execute("SELECT tenant, key FROM answers WHERE status IS NOT NULL").fetchall()
        except sqlite3.Error as error:
            raise failure(error, path) from error

    def copy_catalog(self, target: Path, answers: Sequence[tuple[str, str]]) -> None:
        """Copy catalog.db. What running processes hold in it (leases, claims to an answer) stays theirs."""

        def edit(copy: sqlite3.Connection) -> None:
            copy.execute("CREATE TEMP TABLE kept (tenant TEXT, key TEXT, PRIMARY KEY (tenant, key))")
            copy.executemany("INSERT INTO kept VALUES (?, ?)", answers)
            copy.execute(
                "DELETE FROM answers WHERE status IS NULL OR (tenant, key) NOT IN (SELECT tenant, key FROM kept)"
            )
            copy.execute("DELETE FROM leases")

        self._copy("catalog.db", target, edit)

    def _copy(
        self,
        name: str,
        target: Path,
        then: Callable[[sqlite3.Connection], None] = lambda _: None,
        *,
        sums: bool = True,
    ) -> None:
        """Copy a database by SQLite's backup: one read transaction, beside which writers go on."""
        path = self._data_dir / name
        target.unlink(missing_ok=True)
        try:
            with closing(self._open(path)) as source, closing(sqlite3.connect(target)) as copy:
                source.backup(copy)
                # A file on its own, without -wal and -shm: what is copied on has one name.
                copy.execute("PRAGMA journal_mode = DELETE")
                if sums:
                    add_sums(copy)
                with copy:
                    then(copy)
                    if sums:
                        set_mark(copy, self._mark)
        except sqlite3.Error as error:
            raise failure(error, path) from error

    def _open(self, path: Path) -> sqlite3.Connection:
        uri = read_only_uri(path) if self._read_only else f"{path.resolve().as_uri()}?mode=rw"
        return sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS)
