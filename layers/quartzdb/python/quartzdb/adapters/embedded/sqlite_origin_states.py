"""The routing state in SQLite. Owns the table `routing`, which has two rows: the state, and the probe's memory."""

from __future__ import annotations

import sqlite3

from quartzdb.adapters.embedded.sqlite_database import Row, SqliteDatabase
from quartzdb.adapters.embedded.sqlite_row_sums import require_sound
from quartzdb.domain.errors import Corrupted
from quartzdb.routing.decision.state import InvalidState, RoutingState, decode_state, encode_state

_STATE, _MEMORY = "state", "memory"
_GET = "SELECT name, document, row_sum FROM routing WHERE name = ?"
_PUT = "INSERT OR REPLACE INTO routing (name, document) VALUES (?, ?)"


class SqliteOriginStates:
    """OriginStates over a SqliteDatabase."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    def read(self) -> RoutingState | None:
        """The state; None where there never was one. Raises Corrupted."""
        rows = self._database.rows(_GET, (_STATE,))
        return self._decoded(self._document(rows[0])) if rows else None

    def replace(self, state: RoutingState) -> bool:
        """Store it if it follows what is there."""

        def replace(connection: sqlite3.Connection) -> bool:
            row = connection.execute(_GET, (_STATE,)).fetchone()
            if not state.follows(self._decoded(self._document(row)) if row else None):
                return False
            connection.execute(_PUT, (_STATE, encode_state(state)))
            return True

        return self._database.write(replace)

    def read_memory(self) -> bytes | None:
        """What the probe wrote last."""
        rows = self._database.rows(_GET, (_MEMORY,))
        return self._document(rows[0]) if rows else None

    def write_memory(self, data: bytes) -> None:
        """Replace it."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(_PUT, (_MEMORY, data))

        self._database.write(write)

    def _document(self, row: Row) -> bytes:
        name, document, stored = row
        require_sound(self._database.path, stored, name, document)
        return bytes(document)

    def _decoded(self, document: bytes) -> RoutingState:
        try:
            return decode_state(document)
        except InvalidState as error:
            raise Corrupted(
                f"The routing state in {self._database.path} cannot be read: {error}.",
                hint="Delete the row `state` of its table `routing`: a new one is then begun.",
            ) from error
