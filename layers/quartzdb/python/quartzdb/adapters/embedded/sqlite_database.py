"""One SQLite database file for many threads and several processes. Owns connections and durability, knows no table.

An acknowledged write survives a crash and a power cut: write-ahead log with `synchronous=FULL`, one fsync for each
group of commits. The file has to be on a local disk: SQLite's locks do not work across a network file system.
"""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from quartzdb.adapters.embedded.directory_mark import Mark
from quartzdb.adapters.embedded.disk_reserve import DiskReserve
from quartzdb.adapters.embedded.durable_file import sync_directory
from quartzdb.adapters.embedded.file_lock import exclusive_lock
from quartzdb.adapters.embedded.sqlite_commit_group import CommitGroup, Operation, T
from quartzdb.adapters.embedded.sqlite_failure import failure
from quartzdb.adapters.embedded.sqlite_identity import mark_in, set_mark, settle_identity
from quartzdb.adapters.embedded.sqlite_read_only import read_only_uri
from quartzdb.adapters.embedded.sqlite_row_sums import add_sums
from quartzdb.adapters.embedded.sqlite_schema import prepare_schema, require_schema
from quartzdb.adapters.embedded.wal_index import WalIndex, wal_index_of
from quartzdb.domain.errors import StorageFull, Unavailable

Row = tuple[Any, ...]
Parameter = str | bytes | int | None

_STATEMENTS_CACHED = 128
_CHECKPOINT_PAGES = 4_000
"""Length of the write-ahead log (16 MB) at which it is copied back: four times the default, so that is done less often
while a log of large batches is written."""
_JOURNAL_BYTES_KEPT = 64 * 1024 * 1024
"""What the write-ahead log file shrinks back to after a burst."""
_FREE_PAGES_KEPT = 250
"""Free pages that a file keeps for its next writes (1 MB); what a burst leaves beyond that goes back to the disk."""
_REWRITTEN_PAGES_MAX = 16_000
"""To shrink a file, what is in use is written anew: 64 MB of it at most, since writers wait meanwhile. Cutting free
pages off instead costs 0.1 ms for each, and moves live data that a log's next trim deletes."""
_SCRUBBED_PAGES = 2_000
"""Free pages that are overwritten in one transaction (8 MB)."""
_LINK_BYTES = 4
_IN_ROW_BYTES = 600
"""Of a blob, an overflow page has all but the link to the next one. What is over then lies with the row, if it is at
least 489 bytes: so no page is filled in part, which would keep the rest of what it had."""
_SCRUB_WAIT_MS = 200
"""How long writers wait for readers, at most, so that the write-ahead log can be emptied."""
_CACHE_KIB = 4 * 1024
"""Page cache of each thread's connection; behind it is the operating system's, which they share."""
_LOOKS_BEFORE = 8
"""So often a thread looks by asking SQLite: to find what lies in memory takes as long as a hundred times that."""


class _Session:
    """One thread's connection, closed when its thread ends. `with session as connection` is how it is used.

    The lock is there for `close` alone: the sqlite3 module does not survive a connection that is closed by one thread
    while another is inside it.
    """

    __slots__ = ("__weakref__", "_closed", "_connection", "_lock", "_looks", "_wal_index")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.RLock()
        self._wal_index: WalIndex | None = None
        self._looks = 0
        self._closed = False

    def __enter__(self) -> sqlite3.Connection:
        self._lock.acquire()
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def data_version(self, path: Path) -> bytes | None:
        """As `WalIndex` says. While the lock is held, the connection is open, and with it what lies in memory."""
        with self._lock:
            if self._wal_index is None and self._looks == _LOOKS_BEFORE and not self._closed:
                self._wal_index = wal_index_of(path)
            # Looked for once, whether it was found or not.
            self._looks += 1
            return None if self._wal_index is None else self._wal_index.data_version()

    def close(self) -> None:
        with self._lock:
            self._closed, self._wal_index = True, None
            self._connection.close()

    def __del__(self) -> None:
        self.close()


class SqliteDatabase:
    """A database file, its schema and this process's way to it. Open it after a fork, never before one."""

    def __init__(
        self,
        path: Path,
        *,
        busy_timeout_ms: int = 30_000,
        read_only: bool = False,
        identity: str | None = None,
        create: bool = True,
        reserve: DiskReserve | None = None,
    ) -> None:
        """Open the file, creating it and its tables; with `read_only` or without `create`, as it is.

        With an `identity`, it has to be the file that got it when it was made. `reserve` is for what frees space on a
        full disk. Raises Unavailable or Corrupted.
        """
        self.path = path
        self._lock_file = path.with_name(path.name + ".lock")
        self._identity = identity
        self._create = create
        self._read_only = read_only
        self._busy_timeout_ms = busy_timeout_ms
        self._local = threading.local()
        self._sessions: weakref.WeakSet[_Session] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._closed = False
        self._group = CommitGroup(self._session, path, reserve)
        self._prepare()

    def rows(self, sql: str, parameters: Sequence[Parameter] = ()) -> list[Row]:
        """All rows of one SELECT: a consistent snapshot that has everything committed before the call."""
        try:
            with self._session() as connection:
                return connection.execute(sql, parameters).fetchall()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise failure(error, self.path) from error

    def each(self, sql: str, parameters: Sequence[Parameter] = ()) -> Iterator[Row]:
        """The rows of one SELECT one by one, for a caller that may stop early; one snapshot, held until it stops."""
        try:
            with self._session() as connection, closing(connection.execute(sql, parameters)) as cursor:
                yield from cursor
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise failure(error, self.path) from error

    def data_version(self) -> bytes | None:
        """Bytes that are others once anything was committed, by whatever process; None where that cannot be told."""
        try:
            return self._session().data_version(self.path)
        except sqlite3.Error as error:  # a thread's first look opens its connection
            raise failure(error, self.path) from error

    def write(self, operation: Operation[T]) -> T:
        """Run the operation in a write transaction and return once it is durable.

        It may run on another thread, beside the operations of others; what it raises undoes it and is raised here.
        It must not call `rows` or `write`. Raises Unavailable where the file was opened read-only.
        """
        if self._read_only:
            raise Unavailable(
                f"The database {self.path.name} cannot be written to.",
                hint="Check the permissions of the data directory, and whether it is mounted read-only.",
            )
        return self._group.commit(operation)

    def mark(self) -> Mark | None:
        """The mark that the file has. Raises Corrupted."""
        try:
            with self._session() as connection:
                return mark_in(connection, self.path)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise failure(error, self.path) from error

    def set_mark(self, mark: Mark) -> None:
        """Give it this mark; durable. Raises Unavailable."""
        self.write(partial(_set_mark, mark))

    def give_back(self) -> None:
        """Shrink the file to what is in use, once most of it is free: sooner, its next writes need that anyway."""
        pages, free = self.rows("PRAGMA page_count")[0][0], self.rows("PRAGMA freelist_count")[0][0]
        if free > _FREE_PAGES_KEPT and 2 * free >= pages and pages - free <= _REWRITTEN_PAGES_MAX:
            # All that is in use is in the write-ahead log for a while: on a full disk it has to wait for better times.
            with suppress(StorageFull):
                self.rows("VACUUM")  # a transaction of its own; writers wait for it as for each other
            self.rows("PRAGMA wal_checkpoint(PASSIVE)")  # only now does the file itself shrink

    def scrub(self) -> bool:
        """Leave nothing of deleted rows in the file or its write-ahead log. False: a reader is in the way; do it again.

        Rows are overwritten as they are deleted, but pages that are freed whole keep their content: here they are used
        once for zeros, some at a time because writers wait meanwhile. One process does it at a time.
        """
        with exclusive_lock(self._lock_file):
            if not self._scrubbed_pages():
                return False
        with self._session() as connection:
            connection.execute(f"PRAGMA busy_timeout = {_SCRUB_WAIT_MS}")  # writers wait for as long
            try:
                ((busy, _, _),) = self.rows("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                connection.execute(f"PRAGMA busy_timeout = {self._busy_timeout_ms}")
        return not busy

    def _scrubbed_pages(self) -> bool:
        """Fill free pages until there are none, then free them again; False where others free pages as fast."""
        page_bytes = self.rows("PRAGMA page_size")[0][0]
        self.write(
            lambda connection: connection.execute("CREATE TABLE IF NOT EXISTS zeros (pages BLOB)").rowcount
        )
        free_at_first = free = self.rows("PRAGMA freelist_count")[0][0]
        rounds = 0
        while free and rounds <= free_at_first // _SCRUBBED_PAGES + 1:
            size = min(free, _SCRUBBED_PAGES) * (page_bytes - _LINK_BYTES) + _IN_ROW_BYTES
            self.write(partial(_insert_zeros, size))
            free = self.rows("PRAGMA freelist_count")[0][0]
            rounds += 1
        self.write(lambda connection: connection.execute("DROP TABLE zeros").rowcount)
        return not free

    def close(self) -> None:
        """Close every thread's connection, as soon as it is idle. Later calls raise Unavailable."""
        with self._lock:
            self._closed = True
            sessions = list(self._sessions)
        for session in sessions:
            session.close()

    def __enter__(self) -> SqliteDatabase:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _prepare(self) -> None:
        try:
            if self._read_only:
                with self._session() as connection:
                    require_schema(connection, self.path)
                    self._settle_identity(connection)
                return
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Only one process at a time: the change to write-ahead mode does not wait for a lock, it fails.
            with exclusive_lock(self._lock_file), self._session() as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                prepare_schema(connection, self.path)
                self._settle_identity(connection)
            sync_directory(self.path.parent)  # SQLite does so for its journals only
        except (sqlite3.Error, UnicodeDecodeError) as error:
            self.close()
            raise failure(error, self.path, opening=True) from error
        except OSError as error:
            self.close()
            raise Unavailable(
                f"The database {self.path} could not be opened: {error}.",
                hint="Check that its directory exists and is writable.",
            ) from error
        except BaseException:
            self.close()
            raise

    def _settle_identity(self, connection: sqlite3.Connection) -> None:
        if self._identity is not None:
            create = self._create and not self._read_only
            settle_identity(connection, self.path, self._identity, create=create)

    def _session(self) -> _Session:
        """This thread's."""
        session: _Session | None = getattr(self._local, "session", None)
        if session is None:
            session = _Session(self._open())
            with self._lock:
                if self._closed:
                    raise Unavailable(
                        f"The database {self.path.name} is closed.",
                        hint="Send the request to a running server.",
                    )
                self._sessions.add(session)
            self._local.session = session
        return session

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            read_only_uri(self.path) if self._read_only else self.path,
            uri=self._read_only,
            timeout=self._busy_timeout_ms / 1_000,
            isolation_level=None,  # autocommit: transactions are begun and ended in so many words
            check_same_thread=False,  # used by its own thread only, but closed by whoever calls close()
            cached_statements=_STATEMENTS_CACHED,
        )
        try:
            add_sums(connection)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
            connection.execute(f"PRAGMA journal_size_limit = {_JOURNAL_BYTES_KEPT}")
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            connection.execute("PRAGMA temp_store = MEMORY")
            # Some builds overwrite whatever is deleted with zeros, so that trimming the log writes all of it once more.
            connection.execute("PRAGMA secure_delete = FAST")
        except BaseException:
            connection.close()
            raise
        return connection


def _set_mark(mark: Mark, connection: sqlite3.Connection) -> None:
    set_mark(connection, mark)


def _insert_zeros(size: int, connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO zeros VALUES (zeroblob(?))", (size,))
