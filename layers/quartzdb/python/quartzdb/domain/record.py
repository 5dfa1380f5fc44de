"""Records: what a reader gets back, and what may be an id."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from quartzdb.domain.change import Metadata
from quartzdb.domain.errors import InvalidId
from quartzdb.domain.fusion import PartRank, QueryPart
from quartzdb.domain.hlc import Version
from quartzdb.domain.limits import (
    CONTRACT_ID_CHARACTERS_MAX,
    CONTRACT_ID_PATTERN,
    ID_BYTES_MAX,
    ID_END,
    ID_PATTERN,
)
from quartzdb.domain.metadata import is_encodable, json_type
from quartzdb.domain.vector import Vector

_ID = re.compile(ID_PATTERN)
_CONTRACT_ID = re.compile(CONTRACT_ID_PATTERN)


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One live record at one version. `expires_at_ms` (unix) is when it is gone, None for never."""

    id: str
    version: Version
    vector: Vector
    metadata: Metadata
    expires_at_ms: int | None = None


ShownRecord = tuple[str, Version, Vector | None, Metadata | None, int | None]
"""Id, version, vector and metadata where they were asked for, and when it expires in unix ms, None for never."""


class Match(NamedTuple):
    """One answer of a query; vector and metadata only where they were asked for.

    `explained`: where the record stands in the ranking of each part that has it, where the question was answered as one
    of parts. `distance` is the score's negative where it was not by vector alone.
    """

    id: str
    score: float
    distance: float
    version: Version
    vector: Vector | None = None
    metadata: Metadata | None = None
    expires_at_ms: int | None = None
    explained: Mapping[QueryPart, PartRank] | None = None


def check_id(record_id: object, field: str = "id") -> str:
    """The id, if it may be one. Raises InvalidId."""
    if not isinstance(record_id, str):
        raise InvalidId(f"An id is a string, not {json_type(record_id)}.", field=field)
    if not _ID.fullmatch(record_id) or not is_encodable(record_id) or ID_END in record_id:
        raise InvalidId(
            f"{_shown(record_id)} is no record id.",
            field=field,
            hint=f"Use 1 to {ID_BYTES_MAX} bytes of printable text in UTF-8, other than '.' and '..'.",
        )
    size = len(record_id.encode())
    if size > ID_BYTES_MAX:
        raise InvalidId(
            f"{_shown(record_id)} has {size} bytes in UTF-8; an id has at most {ID_BYTES_MAX}.",
            field=field,
            hint="Shorten it, or use its hash and keep the whole in the metadata.",
        )
    return record_id


def is_contract_id(record_id: str) -> bool:
    """Whether the Cloudflare contract takes the id."""
    return _CONTRACT_ID.fullmatch(record_id) is not None


def check_contract_id(record_id: object, field: str = "id") -> str:
    """The id, if the Cloudflare contract takes it. Raises InvalidId."""
    if not isinstance(record_id, str):
        raise InvalidId(f"An id is a string, not {json_type(record_id)}.", field=field)
    if not is_contract_id(record_id):
        raise InvalidId(
            f"{_shown(record_id)} is no record id.",
            field=field,
            hint=f"Use 1 to {CONTRACT_ID_CHARACTERS_MAX} characters of A-Z, a-z, 0-9, '_' and '-'.",
        )
    return record_id


def _shown(record_id: str) -> str:
    return repr(record_id[:80].encode("utf-8", "replace").decode())
