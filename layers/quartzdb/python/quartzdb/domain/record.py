"""Records: what a reader gets back, and what may be an id."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
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
from quartzdb.domain.values import dataclass
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


ShownMetadata = Metadata | bytes
"""Metadata for an answer: its JSON as it is stored, or the object where that is in memory already."""
ShownRecord = tuple[str, Version, Vector | None, ShownMetadata | None, int | None]
"""Id, version, vector and metadata where they were asked for, and when it expires in unix ms, None for never."""
ListedRecord = tuple[str, Version, Vector | None, Metadata | None, int | None]
"""The same with the metadata as an object."""


def metadata_of(shown: ShownMetadata | None) -> Metadata | None:
    """The metadata as an object, None where it was not asked for. JSON is decoded, each time anew."""
    if isinstance(shown, bytes):
        metadata: Metadata = json.loads(shown)
        return metadata
    return shown


class Match(NamedTuple):
    """One answer of a query; vector and metadata only where they were asked for.

    Most answers are passed on as JSON, so `shown` is the metadata as it is stored wherever that can be passed on
    unread. Who looks into it takes `metadata`.

    `explained`: where the record stands in the ranking of each part that has it, where the question was answered as one
    of parts. `distance` is the score's negative where it was not by vector alone.
    """

    id: str
    score: float
    distance: float
    version: Version
    vector: Vector | None = None
    shown: ShownMetadata | None = None
    expires_at_ms: int | None = None
    explained: Mapping[QueryPart, PartRank] | None = None

    @property
    def metadata(self) -> Metadata | None:
        """The metadata as an object, None where it was not asked for. Decoded anew each time where it came as JSON."""
        return metadata_of(self.shown)

    @property
    def metadata_json(self) -> bytes | None:
        """The metadata as JSON in UTF-8, to be put into an answer as it is; None where `metadata` has to be encoded."""
        return self.shown if isinstance(self.shown, bytes) else None


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
