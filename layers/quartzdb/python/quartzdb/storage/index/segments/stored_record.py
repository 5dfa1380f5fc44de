"""One record as a segment stores it."""

from __future__ import annotations

from typing import NamedTuple

from quartzdb.domain.hlc import Version

PackedRecord = tuple[str, int, int, bytes | None, bytes | None]
"""A record to be written: its id, its version's stamp and the number of its writer, metadata and patches as JSON."""


class StoredRecord(NamedTuple):
    """One record's row as it is stored; `metadata` and `patches` are JSON bytes, None for none."""

    row: int
    id: str
    version: Version
    metadata: bytes | None
    patches: bytes | None
