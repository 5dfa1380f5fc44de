"""A data directory's own file, `database.json`: which SQLite files belong together here. Written at the beginning.

Without it, a file that is missing, empty or another directory's would be taken for a new one, and what was in it for
deleted. Each file carries the identity that this one names.
"""

from __future__ import annotations

import secrets
from pathlib import Path

import orjson
import xxhash

from quartzdb.adapters.embedded.disk_reserve import DiskReserve
from quartzdb.adapters.embedded.durable_file import sync_directory, write_durably
from quartzdb.adapters.embedded.file_lock import exclusive_lock
from quartzdb.adapters.embedded.sqlite_database import SqliteDatabase
from quartzdb.adapters.embedded.sqlite_integrity import wal_damaged
from quartzdb.adapters.embedded.sqlite_wal import wal_problem
from quartzdb.domain.errors import Corrupted, Unavailable

NAME = "database.json"
_FORMAT = 1
_RESTORE = "Put the file back, or restore the directory from a backup: quartzdb backup restore BACKUPS --data-dir NEW"


class DatabaseFiles:
    """Opens a directory's SQLite files, and makes them where the directory is new."""

    def __init__(self, path: Path, *, read_only: bool = False, reserve: DiskReserve | None = None) -> None:
        self._path = path
        self._read_only = read_only
        self._reserve = reserve

    def open(self, *names: str) -> list[SqliteDatabase]:
        """The files of these names. Raises Corrupted where one is missing, empty or foreign, and Unavailable."""
        if self._read_only:
            manifest = self._read()
            if manifest is None:
                raise Unavailable(
                    f"{self._path} has no {NAME} yet, and cannot be written to.",
                    hint="Open it once where it may be written to: any command does it.",
                )
            return self._opened(names, *manifest)
        try:
            with exclusive_lock(self._path / f"{NAME}.lock"):
                return self._opened_or_made(names)
        except OSError as error:
            raise Unavailable(
                f"The data directory {self._path} could not be opened: {error}.",
                hint="Check that it may be written to.",
            ) from error

    def _opened_or_made(self, names: tuple[str, ...]) -> list[SqliteDatabase]:
        identity, complete = self._read() or (secrets.token_hex(16), False)
        if complete:
            return self._opened(names, identity, complete)
        # Before the files, so that a crash between them leaves a directory that is still being made.
        self._write(identity, complete=False)
        opened = self._opened(names, identity, complete)
        self._write(identity, complete=True)
        return opened

    def _opened(self, names: tuple[str, ...], identity: str, complete: bool) -> list[SqliteDatabase]:
        for name in names if complete else ():
            path = self._path / name
            if not path.is_file() or not path.stat().st_size:
                what = "is empty" if path.is_file() else "is missing"
                raise Corrupted(f"{path} {what}, and the directory's data were in it.", hint=_RESTORE)
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
                    identity=f"{identity}/{name}",
                    create=not complete,
                    reserve=self._reserve,
                )
                opened += [database]
        except BaseException:
            for database in opened:
                database.close()
            raise
        return opened

    def _read(self) -> tuple[str, bool] | None:
        path = self._path / NAME
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            document = orjson.loads(content)
            identity, complete = str(document["database"]), document["complete"] is True
            sound = content == _encoded(identity, complete=complete)
        except (ValueError, KeyError, TypeError) as error:
            raise Corrupted(f"{path} cannot be read: {error}.", hint=_RESTORE) from error
        if not sound:
            raise Corrupted(f"{path} is not what was written.", hint=_RESTORE)
        return identity, complete

    def _write(self, identity: str, *, complete: bool) -> None:
        target = self._path / NAME
        write_durably(
            target,
            _encoded(identity, complete=complete),
            temporary=self._path,
            root=self._path,
            unix_ms=target.stat().st_mtime_ns // 1_000_000 if target.exists() else 0,
        )
        sync_directory(self._path)


def _encoded(identity: str, *, complete: bool) -> bytes:
    document = {"format": _FORMAT, "database": identity, "complete": complete}
    digest = xxhash.xxh3_128_hexdigest(orjson.dumps(document))
    return orjson.dumps({**document, "checksum": digest}, option=orjson.OPT_APPEND_NEWLINE)
