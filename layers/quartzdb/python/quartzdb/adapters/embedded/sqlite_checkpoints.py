"""Checkpoints in SQLite. Owns the table `replication`: one row for each direction, repair and peer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence

from quartzdb.adapters.checkpoint_document import (
    decode_part,
    decode_state,
    direction_name,
    encode_part,
    encode_state,
    parse_direction,
)
from quartzdb.adapters.embedded.sqlite_database import Row, SqliteDatabase
from quartzdb.adapters.embedded.sqlite_row_sums import require_sound
from quartzdb.replication.ports import Checkpoint, Direction, RepairState, SharedPart

_GET = "SELECT kind, name, document, row_sum FROM replication WHERE kind = ? AND name = ?"
_PUT = "INSERT OR REPLACE INTO replication (kind, name, document) VALUES (?, ?, ?)"
_LIST = "SELECT kind, name, document, row_sum FROM replication WHERE kind = ? ORDER BY name"
_FORGET = "DELETE FROM replication WHERE kind IN ('checkpoint', 'repair') AND name = ?"


class SqliteCheckpoints:
    """Checkpoints over a SqliteDatabase."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    def read(self, direction: Direction) -> Checkpoint | None:
        """None where it never ran."""
        document = self._get("checkpoint", direction_name(direction))
        return None if document is None else decode_state(Checkpoint, document)

    def write(self, direction: Direction, checkpoint: Checkpoint) -> None:
        """Replace it."""
        self._put("checkpoint", direction_name(direction), encode_state(checkpoint))

    def forget(self, direction: Direction) -> None:
        """Drop its checkpoint and its repair."""
        name = direction_name(direction)
        self._database.write(lambda connection: connection.execute(_FORGET, (name,)).rowcount)

    def all_checkpoints(self) -> Mapping[Direction, Checkpoint]:
        """All of them."""
        return {
            parse_direction(name): decode_state(Checkpoint, document)
            for name, document in self._listed("checkpoint")
        }

    def read_repair(self, outbound: Direction) -> RepairState | None:
        """The repair of a feed."""
        document = self._get("repair", direction_name(outbound))
        return None if document is None else decode_state(RepairState, document)

    def write_repair(self, outbound: Direction, state: RepairState) -> None:
        """Replace it."""
        self._put("repair", direction_name(outbound), encode_state(state))

    def repairs(self) -> Mapping[Direction, RepairState]:
        """All of them."""
        return {
            parse_direction(name): decode_state(RepairState, document)
            for name, document in self._listed("repair")
        }

    def listed_ms(self, peer: str) -> int:
        """As of when the directions are complete."""
        document = self._get("listed", peer)
        return 0 if document is None else int(document)

    def mark_listed(self, peer: str, at_ms: int) -> None:
        """The directions of all namespaces that were shared then are written."""
        self._put("listed", peer, b"%d" % at_ms)

    def note_peer(self, peer: str, part: SharedPart) -> None:
        """What is shared with the peer from now on."""
        document = encode_part(part)
        if self._get("peer", peer) != document:
            self._put("peer", peer, document)

    def peers(self) -> Mapping[str, SharedPart]:
        """What was noted of each."""
        return {name: decode_part(document) for name, document in self._listed("peer")}

    def _get(self, kind: str, name: str) -> bytes | None:
        return next((document for _, document in self._sound(self._database.rows(_GET, (kind, name)))), None)

    def _listed(self, kind: str) -> Iterator[tuple[str, bytes]]:
        return self._sound(self._database.rows(_LIST, (kind,)))

    def _sound(self, rows: Sequence[Row]) -> Iterator[tuple[str, bytes]]:
        for kind, name, document, stored in rows:
            require_sound(self._database.path, stored, kind, name, document)
            yield name, document

    def _put(self, kind: str, name: str, document: bytes) -> None:
        def put(connection: sqlite3.Connection) -> None:
            connection.execute(_PUT, (kind, name, document))

        self._database.write(put)
