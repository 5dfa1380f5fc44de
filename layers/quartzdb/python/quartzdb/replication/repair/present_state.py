"""The changes that make the present state of records: what a site sends for ids that the other lacks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from quartzdb.domain.change import Change, Delete, Patch, Upsert
from quartzdb.domain.hlc import BEGINNING, Version
from quartzdb.domain.merge import RecordState


def changes_of(record_id: str, state: RecordState) -> Iterator[Change]:
    """The upsert or delete, then its patches by version: applied to nothing they give this state."""
    if state.vector is not None:
        yield Upsert(record_id, state.base, state.vector, state.metadata)
    elif state.base != BEGINNING:
        yield Delete(record_id, state.base)
    fields: dict[Version, dict[str, Any]] = defaultdict(dict)
    removed: dict[Version, list[str]] = defaultdict(list)
    for name, patch in state.patches.items():
        if patch.removed:
            removed[patch.version].append(name)
        else:
            fields[patch.version][name] = patch.value
    for version in sorted(fields.keys() | removed.keys()):
        yield Patch(record_id, version, fields.get(version, {}), tuple(removed.get(version, ())))
