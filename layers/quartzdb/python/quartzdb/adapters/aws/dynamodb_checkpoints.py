"""Checkpoints in DynamoDB. Owns the partition `CHECKPOINTS`: one small item for each direction, repair and peer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from quartzdb.adapters.aws.dynamodb_table import DynamoTable
from quartzdb.adapters.aws.dynamodb_values import bytes_of, number_of, text_of
from quartzdb.adapters.checkpoint_document import (
    decode_part,
    decode_state,
    direction_name,
    encode_part,
    encode_state,
    parse_direction,
)
from quartzdb.replication.ports import Checkpoint, Direction, RepairState, SharedPart

_PK = "CHECKPOINTS"
_DIRECTION, _REPAIR, _LISTED, _PEER = "direction/", "repair/", "listed/", "peer/"


class DynamoCheckpoints:
    """Checkpoints over a DynamoTable."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def read(self, direction: Direction) -> Checkpoint | None:
        """None where it never ran."""
        document = self._get(_DIRECTION + direction_name(direction))
        return None if document is None else decode_state(Checkpoint, document)

    def write(self, direction: Direction, checkpoint: Checkpoint) -> None:
        """Replace it: one PutItem of one unit."""
        self._put(_DIRECTION + direction_name(direction), encode_state(checkpoint))

    def forget(self, direction: Direction) -> None:
        """Drop its checkpoint and its repair."""
        name = direction_name(direction)
        self._table.batch_delete([(_PK, _DIRECTION + name), (_PK, _REPAIR + name)])

    def all_checkpoints(self) -> Mapping[Direction, Checkpoint]:
        """All of them: one Query for each MB, which is some three thousand."""
        return {
            parse_direction(name): decode_state(Checkpoint, document)
            for name, document in self._list(_DIRECTION)
        }

    def read_repair(self, outbound: Direction) -> RepairState | None:
        """The repair of a feed."""
        document = self._get(_REPAIR + direction_name(outbound))
        return None if document is None else decode_state(RepairState, document)

    def write_repair(self, outbound: Direction, state: RepairState) -> None:
        """Replace it."""
        self._put(_REPAIR + direction_name(outbound), encode_state(state))

    def repairs(self) -> Mapping[Direction, RepairState]:
        """All of them."""
        return {
            parse_direction(name): decode_state(RepairState, document)
            for name, document in self._list(_REPAIR)
        }

    def listed_ms(self, peer: str) -> int:
        """As of when the directions are complete."""
        item = self._table.get(_PK, _LISTED + peer)
        return 0 if item is None else number_of(item, "at_ms")

    def mark_listed(self, peer: str, at_ms: int) -> None:
        """The directions of all namespaces that were shared then are written."""
        self._table.put({"pk": _PK, "sk": _LISTED + peer, "at_ms": at_ms})

    def note_peer(self, peer: str, part: SharedPart) -> None:
        """What is shared with the peer from now on."""
        self._put(_PEER + peer, encode_part(part))

    def peers(self) -> Mapping[str, SharedPart]:
        """What was noted of each."""
        return {name: decode_part(document) for name, document in self._list(_PEER)}

    def _get(self, name: str) -> bytes | None:
        item = self._table.get(_PK, name)
        return None if item is None else bytes_of(item, "document")

    def _put(self, name: str, document: bytes) -> None:
        self._table.put({"pk": _PK, "sk": name, "document": document})

    def _list(self, kind: str) -> Iterator[tuple[str, bytes]]:
        for page in self._table.query(_PK, kind, kind + "\U0010ffff"):
            for item in page:
                yield text_of(item, "sk").removeprefix(kind), bytes_of(item, "document")
