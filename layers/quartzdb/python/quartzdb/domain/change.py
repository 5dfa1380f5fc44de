"""Changes: what one write does to records, as values. A batch of them is one log entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from quartzdb.domain.hlc import BEGINNING, Version
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Vector

OWN = BEGINNING
"""The version of a change that is born with the log entry it is in: known only when the entry is committed."""

Metadata = Mapping[str, Any]
"""A JSON object."""


@dataclass(frozen=True, slots=True)
class Upsert:
    """The record `id` now is exactly this vector and metadata."""

    id: str
    version: Version
    vector: Vector
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class Patch:
    """Some top-level metadata fields of the record `id` are set, others removed; the rest stays."""

    id: str
    version: Version
    set: Metadata = field(default_factory=dict)
    unset: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    """The record `id` is gone."""

    id: str
    version: Version


Change = Upsert | Patch | Delete
