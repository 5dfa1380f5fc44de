"""Records: what a reader gets back, and what may be an id."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from quartzdb.domain.change import Metadata
from quartzdb.domain.errors import InvalidId
from quartzdb.domain.hlc import Version
from quartzdb.domain.limits import ID_CHARACTERS_MAX, ID_PATTERN
from quartzdb.domain.metadata import json_type
from quartzdb.domain.vector import Vector

_ID = re.compile(ID_PATTERN)


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One live record at one version."""

    id: str
    version: Version
    vector: Vector
    metadata: Metadata


class Match(NamedTuple):
    """One answer of a query; vector and metadata only where they were asked for."""

    id: str
    score: float
    distance: float
    version: Version
    vector: Vector | None = None
    metadata: Metadata | None = None


def check_id(record_id: object, field: str = "id") -> str:
    """The id, if it may be one. Raises InvalidId."""
    if not isinstance(record_id, str):
        raise InvalidId(f"An id is a string, not {json_type(record_id)}.", field=field)
    if not _ID.fullmatch(record_id):
        raise InvalidId(
            f"{record_id[:80]!r} is no record id.",
            field=field,
            hint=f"Use 1 to {ID_CHARACTERS_MAX} characters of A-Z, a-z, 0-9, '_' and '-'.",
        )
    return record_id
