"""Expiry of records: the moment after which no reader sees one, and where it is kept.

It is a field of the metadata under a name that clients cannot write, so that merging, patches, replication, segments
and the field index carry it as they carry any other. What readers are shown has it beside the metadata, never in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quartzdb.domain.limits import TIME_MS_MAX

EXPIRY_FIELD = "$expires_at"
"""Its value is unix milliseconds. Filters cannot name it, because what begins with "$" is an operator there."""
PURGED_AFTER_MS = 60_000
"""How long after its moment a record stays in storage. Until then somebody whose clock is a little behind, or who read
the record before its moment, may still be writing a patch that prolongs it; what it needs of the record must be there.
"""


def moment_in(value: object) -> int | None:
    """The moment that a stored value says, in unix ms; None for what an earlier release let clients store there."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= TIME_MS_MAX:
        return value
    return None


def split_expiry(metadata: dict[str, Any]) -> int | None:
    """Take the moment out of metadata that is the caller's own; None where there is none, and nothing changes."""
    if EXPIRY_FIELD not in metadata:
        return None
    moment = moment_in(metadata[EXPIRY_FIELD])
    if moment is not None:
        del metadata[EXPIRY_FIELD]
    return moment


def with_expiry(metadata: Mapping[str, Any], expires_at_ms: int | None) -> Mapping[str, Any]:
    """Metadata as it is stored."""
    return metadata if expires_at_ms is None else {**metadata, EXPIRY_FIELD: expires_at_ms}
