"""One segment under construction in a local directory, uploaded whole when it is finished."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from quartzdb.domain.errors import QuartzError, StorageFull
from quartzdb.domain.namespace import EngineChoice, Namespace
from quartzdb.domain.vector import Rows
from quartzdb.storage.index.segments.segment_writer import SegmentWriter
from quartzdb.storage.snapshot.manifest import SegmentRef
from quartzdb.storage.snapshot.store import SnapshotStore


class SegmentBuild:
    """A context manager: the local directory goes away whatever happens.

    `default_engine` is that of a namespace which leaves the choice to the deployment (`auto`).
    """

    def __init__(
        self,
        store: SnapshotStore,
        namespace: Namespace,
        name: str,
        workspace: Path,
        threads: int,
        default_engine: EngineChoice = EngineChoice.AUTO,
    ) -> None:
        settings = namespace.settings
        if not settings.holds_records:
            raise ValueError(f"namespace {namespace.name!r} holds no records")
        self._store = store
        self._namespace = namespace
        self._engine = settings.engine if settings.engine is not EngineChoice.AUTO else default_engine
        self._name = name
        self._directory = workspace / name
        self._threads = threads
        self.order: Rows | None = None
        """Once finished: row i is what was added as row `order[i]`; None: rows lie as they were added."""
        with self._told_as_full():
            try:
                self.writer = SegmentWriter(
                    self._directory,
                    settings.vector_size,
                    settings.metric,
                    settings.precision,
                    read_in_parts=store.blobs.remote,
                    text=settings.text,
                    sparse=settings.sparse,
                )
            except BaseException:
                shutil.rmtree(self._directory, ignore_errors=True)
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._told_as_full():
            try:
                self.writer.close()  # what was not written yet, it is written now
            finally:
                shutil.rmtree(self._directory, ignore_errors=True)
                if error is not None:
                    raise error

    @contextmanager
    def _told_as_full(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if isinstance(error, QuartzError) or not _means_full(error):
                raise
            raise StorageFull(
                f"A segment of {self._namespace.name!r} could not be built: the disk is full.",
                hint="Delete what is not needed, or free some space on the disk.",
            ) from error

    def finish(self, *, seed: int) -> SegmentRef:
        """Build the index, upload every file, and say what readers must find."""
        written = self.writer.finish(self._engine, seed=seed, threads=self._threads)
        self.order = written.order
        prefix = f"{self._namespace.partition}/segments/{self._name}"
        files = {
            name: self._store.store_file(f"{prefix}/{name}", self._directory / name) for name in written.files
        }
        return SegmentRef(self._name, written.shape, self.writer.tombstones, files, expiring=written.expiring)


def _means_full(error: BaseException) -> bool:
    """Whoever writes a segment's files says it in another way: Python, SQLite, or a library that only has words."""
    if isinstance(error, OSError):
        return error.errno in {errno.ENOSPC, errno.EDQUOT}
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return os.strerror(errno.ENOSPC) in str(error)
