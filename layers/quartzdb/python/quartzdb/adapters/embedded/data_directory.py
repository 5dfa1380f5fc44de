"""A data directory's SQLite files, opened together: each has to be there, and as old as the others.

Without `database.json`, a file that is missing, empty or another directory's would be taken for a new one, and what was
in it for deleted; without the mark, so would an older copy of one. What becomes of marks is in directory_mark.py.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from quartzdb.adapters.embedded.database_document import (
    NAME,
    RESTORE,
    DatabaseDocument,
    read_document,
    write_document,
)
from quartzdb.adapters.embedded.directory_mark import Mark, Marks, stranger
from quartzdb.adapters.embedded.disk_reserve import FULL, DiskReserve
from quartzdb.adapters.embedded.file_lock import exclusive_lock
from quartzdb.adapters.embedded.sqlite_database import SqliteDatabase
from quartzdb.adapters.embedded.sqlite_integrity import wal_damaged
from quartzdb.adapters.embedded.sqlite_wal import wal_problem
from quartzdb.domain.errors import Corrupted, StorageFull, Unavailable
from quartzdb.domain.freeing import freeing

logger = logging.getLogger(__name__)

MARKED = ("catalog.db", "keyvalue.db", "log.db")
"""A directory's files that are of one age, in the order in which they get their mark."""
Step = Callable[[str], None]
"""Told what was just done while a mark changes; a process may be killed there."""


class DatabaseFiles:
    """Opens a directory's SQLite files, and makes them where the directory is new."""

    def __init__(self, path: Path, *, read_only: bool = False, reserve: DiskReserve | None = None) -> None:
        self._path = path
        self._read_only = read_only
        self._reserve = reserve

    def open(self, *names: str, any_mark: bool = False) -> list[SqliteDatabase]:
        """The files of these names. Raises Unavailable, and Corrupted where one is missing, empty, foreign, or older
        than the others; the last not with `any_mark`.
        """
        if self._read_only:
            document = read_document(self._path)
            if document is None:
                raise Unavailable(
                    f"{self._path} has no {NAME} yet, and cannot be written to.",
                    hint="Open it once where it may be written to: any command does it.",
                )
            return self._opened(names, document, any_mark=any_mark)
        try:
            with self._alone():
                return self._opened_or_made(names, any_mark=any_mark)
        except OSError as error:
            raise Unavailable(
                f"The data directory {self._path} could not be opened: {error}.",
                hint="Check that it may be written to.",
            ) from error

    def change_mark(self, files: Sequence[SqliteDatabase], *, step: Step = lambda _: None) -> None:
        """From here on, copies that were made of one file before are older than the others.

        On a full disk it stays, wherever it has come to. Raises Corrupted, Unavailable, OSError.
        """
        try:
            with freeing(), self._alone():
                document = self._there()
                document = document.with_marks(document.marks.begun())
                self._write(document)
                step(NAME)
                coming = document.marks.coming
                assert coming is not None
                for file in files:
                    file.set_mark(coming)
                    step(file.path.name)
                self._write(document.with_marks(document.marks.done()))
                step(NAME)
        except (OSError, StorageFull) as error:
            if isinstance(error, OSError) and error.errno not in FULL:
                raise
            logger.warning(
                "The disk of %s is full: an older copy of a file could not be told from it.", self._path
            )

    def accept(self, files: Sequence[SqliteDatabase]) -> str | None:
        """Take the files as they are, and give them one mark. Returns what was wrong; None: nothing was, or is done."""
        with self._alone():
            document = self._there()
            found = _marks_of(files)
            problem = stranger(document.marks, found)
            if problem is not None:
                # On the way to a mark that none of them has: who is killed before all have it does it again.
                self._write(document.with_marks(Marks.above(found.values())))
        if problem is not None:
            self.change_mark(files)
        return problem

    def _alone(self) -> AbstractContextManager[None]:
        return exclusive_lock(self._path / f"{NAME}.lock")

    def _there(self) -> DatabaseDocument:
        document = read_document(self._path)
        if document is None:
            raise Corrupted(f"{self._path / NAME} is missing.", hint=RESTORE)
        return document

    def _write(self, document: DatabaseDocument) -> None:
        def work() -> None:
            write_document(self._path, document)

        if self._reserve is None:
            work()
        else:
            self._reserve.writing(work)

    def _opened_or_made(self, names: tuple[str, ...], *, any_mark: bool) -> list[SqliteDatabase]:
        document = read_document(self._path) or DatabaseDocument(secrets.token_hex(16), complete=False)
        if document.complete:
            return self._opened(names, document, any_mark=any_mark)
        # Before the files, so that a crash between them leaves a directory that is still being made.
        write_document(self._path, document)
        opened = self._opened(names, document, any_mark=True)
        write_document(self._path, DatabaseDocument(document.identity, complete=True))
        return opened

    def _opened(
        self, names: tuple[str, ...], document: DatabaseDocument, *, any_mark: bool
    ) -> list[SqliteDatabase]:
        for name in names if document.complete else ():
            path = self._path / name
            if not path.is_file() or not path.stat().st_size:
                what = "is empty" if path.is_file() else "is missing"
                raise Corrupted(f"{path} {what}, and the directory's data were in it.", hint=RESTORE)
        for name in names:
            problem = wal_problem(self._path / name, index=False)
            if problem is not None:
                raise wal_damaged(self._path / name, problem)
        opened: list[SqliteDatabase] = []
        try:
            for name in names:
                database = SqliteDatabase(
                    self._path / name,
                    read_only=self._read_only,
                    identity=f"{document.identity}/{name}",
                    create=not document.complete,
                    reserve=self._reserve,
                )
                opened += [database]
            if not any_mark:
                require_one_age(self._path, self._there, partial(_marks_of, opened))
        except BaseException:
            for database in opened:
                database.close()
            raise
        return opened


def require_one_age(
    directory: Path,
    read: Callable[[], DatabaseDocument],
    found: Callable[[], Mapping[str, Mark | None]],
) -> None:
    """Raises Corrupted where the files of a directory do not have the mark that its document says.

    Who does not write takes no lock: the mark may change between the looks, and then it is looked at again.
    """
    said = read().marks
    while True:
        problem = stranger(said, found())
        if problem is None:
            return
        now = read().marks
        if now == said:
            raise _older(directory, problem)
        said = now


def _older(directory: Path, problem: str) -> Corrupted:
    """What is raised where files of a directory are not of one age."""
    return Corrupted(
        f"In {directory}, {problem}. What was written since then is missing in one of them.",
        hint="Put back the file that was there, or restore the directory from a backup, all files of it. To go on with "
        f"what is there, and without what is missing: quartzdb adopt --data-dir {directory}",
    )


def _marks_of(files: Sequence[SqliteDatabase]) -> dict[str, Mark | None]:
    return {file.path.name: file.mark() for file in files}
