"""Evaluates a filter over all rows of one field index, fast; `domain.filter_terms.matches` defines what it means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import numpy as np

from quartzdb.domain.deadline import check_deadline
from quartzdb.domain.fieldkey import after, encode, prefix_range, type_range
from quartzdb.domain.filter_terms import (
    And,
    AnyOf,
    Compare,
    Contains,
    Equal,
    Exists,
    Filter,
    Not,
    Or,
    Prefix,
)
from quartzdb.domain.vector import Mask
from quartzdb.storage.index.fields.field_index import FieldIndex


def evaluate(clause: Filter, fields: FieldIndex) -> Mask:
    """Which rows satisfy the filter; the mask belongs to the caller. Raises DeadlineExceeded."""
    check_deadline()
    match clause:
        case Equal(path, value):
            return fields.equal(path, encode(value))
        case AnyOf(path, values):
            return fields.any_of(path, [encode(value) for value in values])
        case Compare(path, _, _):
            return fields.within(path, *_compared_range(clause))
        case Prefix(path, prefix):
            return fields.within(path, *prefix_range(prefix))
        case Contains(path, value):
            return fields.containing(path, encode(value))
        case Exists(path):
            return fields.existing(path)
        case And(clauses):
            return _conjunction(clauses, fields)
        case Or(clauses):
            return _disjunction(clauses, fields)
        case Not(inner):
            mask = evaluate(inner, fields)
            return np.logical_not(mask, out=mask)
    assert_never(clause)


def _conjunction(clauses: Sequence[Filter], fields: FieldIndex) -> Mask:
    mask = np.ones(fields.row_count, dtype=np.bool_)
    for clause in sorted(clauses, key=_cost):
        mask &= evaluate(clause, fields)
        if not mask.any():
            break
    return mask


def _disjunction(clauses: Sequence[Filter], fields: FieldIndex) -> Mask:
    mask = np.zeros(fields.row_count, dtype=np.bool_)
    for clause in sorted(clauses, key=_cost):
        mask |= evaluate(clause, fields)
        if mask.all():
            break
    return mask


def _cost(clause: Filter) -> int:
    """A guess good enough to try first what is cheap, so that an early end saves what is not."""
    match clause:
        case Equal() | Exists() | Contains():
            return 1
        case Compare() | Prefix():
            return 2
        case AnyOf(_, values):
            return 2 + len(values)
        case And(clauses) | Or(clauses):
            return 1 + sum(map(_cost, clauses))
        case Not(inner):
            return 1 + _cost(inner)
    assert_never(clause)


def _compared_range(clause: Compare) -> tuple[bytes, bytes]:
    """The keys that stand in this order to the operand, none of another type."""
    first, end = type_range(clause.value)
    key = encode(clause.value)
    match clause.operator:
        case "$gt":
            return after(key), end
        case "$gte":
            return key, end
        case "$lt":
            return first, key
        case "$lte":
            return first, after(key)
    assert_never(clause.operator)
