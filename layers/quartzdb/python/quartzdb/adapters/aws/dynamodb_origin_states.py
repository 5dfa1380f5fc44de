"""The routing state in DynamoDB. Owns the partition `ORIGIN`: an item each for the state, the probe's memory, each day
of its history, and the switches.
"""

from __future__ import annotations

from collections.abc import Mapping

from quartzdb.adapters.aws.dynamodb_table import DynamoTable
from quartzdb.adapters.aws.dynamodb_values import Attributes, bytes_of, text_of
from quartzdb.domain.errors import Corrupted
from quartzdb.routing.decision.state import InvalidState, RoutingState, decode_state, encode_state

_PK = "ORIGIN"
_SK = "state"
_MEMORY_SK = "memory"
_HISTORY = "history#"


class DynamoOriginStates:
    """OriginStates over a DynamoTable."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def read(self) -> RoutingState | None:
        """The state, read consistently; None where there never was one. Raises Corrupted."""
        item = self._table.get(_PK, _SK)
        if item is None:
            return None
        try:
            document = item["document"]
            if not isinstance(document, bytes):
                raise InvalidState("its document is not binary")
            return decode_state(document)
        except (InvalidState, KeyError) as error:
            raise Corrupted(
                f"The routing state cannot be read: {error}.",
                hint="Delete the item ORIGIN/state of the table: the health probe then begins a new one.",
            ) from error

    def replace(self, state: RoutingState) -> bool:
        """Store it if it follows what is there."""
        item: Attributes = {
            "pk": _PK,
            "sk": _SK,
            "revision": state.revision,
            "epoch": state.epoch,
            "active": state.active.value,
            "document": encode_state(state),
        }
        if state.revision == 1:
            return self._stored(item, "attribute_not_exists(#pk)", {})
        # Either the same origin in the same epoch, or the other one in the next.
        stays = "#epoch = :epoch AND #active = :active"
        switches = "#epoch = :epoch_before AND #active <> :active"
        return self._stored(
            item,
            f"#revision = :before AND (({stays}) OR ({switches}))",
            {
                "before": state.revision - 1,
                "epoch": state.epoch,
                "epoch_before": state.epoch - 1,
                "active": state.active.value,
            },
        )

    def read_memory(self) -> bytes | None:
        """What the probe wrote last."""
        item = self._table.get(_PK, _MEMORY_SK)
        return None if item is None else bytes_of(item, "document")

    def write_memory(self, data: bytes) -> None:
        """Replace it."""
        self._table.put({"pk": _PK, "sk": _MEMORY_SK, "document": data})

    def read_history(self, name: str) -> bytes | None:
        """What is kept under that name."""
        item = self._table.get(_PK, _HISTORY + name)
        return None if item is None else bytes_of(item, "document")

    def write_history(self, name: str, data: bytes) -> None:
        """Replace it."""
        self._table.put({"pk": _PK, "sk": _HISTORY + name, "document": data})

    def delete_history(self, name: str) -> None:
        """Forget it."""
        self._table.delete(_PK, _HISTORY + name)

    def histories(self) -> Mapping[str, bytes]:
        """All that is kept."""
        pages = self._table.query(_PK, _HISTORY, _HISTORY + "~")
        return {
            text_of(item, "sk").removeprefix(_HISTORY): bytes_of(item, "document")
            for page in pages
            for item in page
        }

    def _stored(self, item: Attributes, condition: str, values: Attributes) -> bool:
        put = self._table.put(item, condition, values)
        # The client asked again because an answer was lost, and found what it had written itself.
        return put.stored or (put.retried and put.old is not None and put.old["document"] == item["document"])
