"""sqlite-vec: every row is scored, in SQL."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.port import (
    TOP_K,
    Ask,
    Condition,
    Fields,
    Floats,
    InProcess,
    Setting,
    Written,
    batches,
)

FILE = "vectors.db"


class SqliteVec(InProcess):
    """A virtual table with two metadata columns. A connection for each thread that asks."""

    settings: Sequence[Setting] = ({},)
    filtered: Sequence[Setting] = ({},)

    def ingest(self, rows: Floats, fields: Fields, place: Path) -> Written:
        place.mkdir()
        connection = _connect(place / FILE)
        started = time.perf_counter()
        connection.execute(
            "CREATE VIRTUAL TABLE bench USING vec0(number integer, place integer, "
            f"embedding float[{rows.shape[1]}] distance_metric=cosine)"
        )
        for batch in batches(rows, fields):
            with connection:
                connection.executemany(
                    "INSERT INTO bench(rowid, embedding, number, place) VALUES (?, ?, ?, ?)",
                    [
                        (row, vector.tobytes(), number, near)
                        for row, vector, number, near in zip(
                            batch.ids, batch.vectors, batch.number, batch.place, strict=True
                        )
                    ],
                )
        took = time.perf_counter() - started
        connection.close()
        return Written(len(rows), took, took)

    def open(self, place: Path) -> None:
        self._path = place / FILE
        self._threads = threading.local()

    def asking(self, setting: Setting, condition: Condition | None) -> Ask:
        del setting
        where = f" AND {condition.field} < {condition.below}" if condition else ""
        statement = (
            f"SELECT rowid, distance, number, place FROM bench WHERE embedding MATCH ? AND k = {TOP_K}{where}"
        )

        def ask(query: Floats) -> list[int]:
            connection = getattr(self._threads, "connection", None)
            if connection is None:
                connection = self._threads.connection = _connect(self._path)
            return [row[0] for row in connection.execute(statement, [query.tobytes()])]

        return ask


def _connect(path: Path) -> Any:
    # apsw and not Python's own module, which is often built without a way to load extensions.
    import apsw
    import sqlite_vec

    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "wal")
    connection.enable_load_extension(True)
    connection.load_extension(sqlite_vec.loadable_path())
    connection.enable_load_extension(False)
    return connection
