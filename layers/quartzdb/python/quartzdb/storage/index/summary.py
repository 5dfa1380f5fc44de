"""What fields the records of a view have, from its field indexes alone."""

from __future__ import annotations

import numpy as np

from quartzdb.domain.deadline import check_deadline
from quartzdb.domain.expiry import EXPIRY_FIELD
from quartzdb.domain.field_summary import Fields, FieldSummary, TypeSummary, add_fields
from quartzdb.domain.fieldkey import boolean_range, type_range
from quartzdb.domain.vector import Mask
from quartzdb.storage.index.fields.field_index import FieldIndex
from quartzdb.storage.index.fields.field_order import Occurrences
from quartzdb.storage.index.view import View

_TYPES = (("boolean", boolean_range()), ("number", type_range(0.0)), ("string", type_range("")))


def field_summaries(view: View) -> Fields:
    """By path. Raises DeadlineExceeded."""
    found: Fields = {}
    for part in view.parts:
        add_fields(found, _of_rows(part.segment.records.fields, part.alive))
    if view.tail.alive_count:
        add_fields(found, _of_rows(view.tail_fields, view.tail.alive))
    return found


def _of_rows(fields: FieldIndex, alive: Mask) -> Fields:
    found: Fields = {}
    for path in fields.paths():
        if path == EXPIRY_FIELD:
            continue  # no field of the client's
        check_deadline()
        records = int(np.count_nonzero(fields.existing(path) & alive))
        if not records:
            continue
        summary = found[path] = FieldSummary(records)
        for some in fields.occurrences(path):
            _add(summary, some, alive)
    return found


def _add(summary: FieldSummary, some: Occurrences, alive: Mask) -> None:
    _, ranks = some.among(alive)
    for name, (low, high) in _TYPES:
        first, end = some.keys.rank(low), some.keys.rank(high)
        if first == end:
            continue
        of_type = ranks if end - first == some.key_count else ranks[(ranks >= first) & (ranks < end)]
        if not of_type.size:
            continue
        least, greatest = some.keys.at([int(of_type.min()), int(of_type.max())])
        summary.types.setdefault(name, TypeSummary()).add(TypeSummary(int(of_type.size), least, greatest))
