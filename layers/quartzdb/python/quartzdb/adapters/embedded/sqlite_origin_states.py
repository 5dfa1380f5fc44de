"""The routing state in SQLite. Owns the table `routing`: a row each for the state, the probe's memory, each day of its
history, and the switches.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from quartzdb.adapters.embedded.sqlite_database import Row, SqliteDatabase
from quartzdb.adapters.embedded.sqlite_row_sums import require_sound
from quartzdb.domain.errors import Corrupted
from quartzdb.routing.decision.state import InvalidState, RoutingState, decode_state, encode_state

_STATE, _MEMORY = "state", "memory"
_HISTORY = "history#"
_ALL = "SELECT name, document, row_sum FROM routing WHERE name >= ? AND name < ?"
_DELETE = "DELETE FROM routing WHERE name = ?"
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
        return self._read(_MEMORY)

    def write_memory(self, data: bytes) -> None:
        """Replace it."""
        self._write(_PUT, (_MEMORY, data))

    def read_history(self, name: str) -> bytes | None:
        """What is kept under that name."""
        return self._read(_HISTORY + name)

    def write_history(self, name: str, data: bytes) -> None:
        """Replace it."""
        self._write(_PUT, (_HISTORY + name, data))

    def delete_history(self, name: str) -> None:
        """Forget it."""
        self._write(_DELETE, (_HISTORY + name,))

    def histories(self) -> Mapping[str, bytes]:
        """All that is kept."""
        rows = self._database.rows(_ALL, (_HISTORY, _HISTORY + "~"))
        return {row[0].removeprefix(_HISTORY): self._document(row) for row in rows}

    def _read(self, name: str) -> bytes | None:
        rows = self._database.rows(_GET, (name,))
        return self._document(rows[0]) if rows else None

    def _write(self, statement: str, values: tuple[str | bytes, ...]) -> None:
        def write(connection: sqlite3.Connection) -> None:
            connection.execute(statement, values)

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
