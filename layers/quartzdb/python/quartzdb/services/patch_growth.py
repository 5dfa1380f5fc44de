"""The limit of metadata over patches: what each would make of its record, and whether that holds beside others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from quartzdb.domain.change import Change, Delete, Patch, Upsert
from quartzdb.domain.limits import METADATA_BYTES_MAX
from quartzdb.domain.metadata import check_metadata, encoded_bytes_of
from quartzdb.domain.record import Record
from quartzdb.services.record_rules import MetadataPatch, record_not_found

CROWDED_BYTES = METADATA_BYTES_MAX // 2
"""From here on it matters what another patch adds at the same time."""


class PatchGrowth:
    """Of one batch. `measure` before the rest, each time its records were read. `from_filter`: all are of one patch."""

    def __init__(self, patches: Sequence[MetadataPatch], *, from_filter: bool = False) -> None:
        self._patches = patches
        self._from_filter = from_filter
        self._bytes: dict[str, int] = {}

    def measure(self, present: Mapping[str, Record]) -> None:
        """Raises RecordNotFound, and InvalidMetadata where a record would be over the limit and larger than it is.

        One that is over it already, by writes that were merged, can be made smaller.
        """
        for position, patch in enumerate(self._patches):
            record = present.get(patch.id)
            if record is None:
                raise record_not_found(patch.id, f"patches[{position}].id")
            result = {**record.metadata, **patch.set}
            for name in patch.unset:
                result.pop(name, None)
            size = encoded_bytes_of(result)
            if size > METADATA_BYTES_MAX:
                check_metadata(
                    result,
                    field="set" if self._from_filter else f"patches[{position}].set",
                    encoded_bytes=size,
                    bytes_max=max(METADATA_BYTES_MAX, encoded_bytes_of(record.metadata)),
                )
            self._bytes[patch.id] = size

    @property
    def crowded(self) -> bool:
        """Whether some record would be so large that a second patch may take it over the limit."""
        return max(self._bytes.values()) > CROWDED_BYTES

    def fits_after(self, since: Sequence[Change]) -> bool:
        """Whether no record can be over the limit though these changes came between; False where it is uncertain."""
        bytes_of = dict(self._bytes)
        for change in since:
            if isinstance(change, Delete):
                return False
            bytes_of[change.id] += encoded_bytes_of(_brought(change))
        return max(bytes_of.values()) <= METADATA_BYTES_MAX


def _brought(change: Change) -> Mapping[str, Any]:
    if isinstance(change, Upsert):
        return change.metadata
    return change.set if isinstance(change, Patch) else {}
