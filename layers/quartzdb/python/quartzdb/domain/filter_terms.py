"""What a filter says, as values, and its meaning: `matches` is the reference that every index must agree with.

A clause holds for a record if any value at its path satisfies it; $ne, $nin and $not are exact complements. Values of
different types are never equal nor ordered; booleans are not numbers; integers and floats compare exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeGuard, assert_never

from quartzdb.domain.metadata import Kind, Scalar, flatten
from quartzdb.domain.values import dataclass

Ordering = Literal["$gt", "$gte", "$lt", "$lte"]


@dataclass(frozen=True, slots=True)
class Equal:
    """A value at the path, or an element of an array there, equals this one. A missing field does not equal null."""

    path: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class AnyOf:
    """A value at the path, or an element of an array there, equals one of these."""

    path: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """A value of the operand's type stands in this order to it; strings by code point."""

    path: str
    operator: Ordering
    value: int | float | str


@dataclass(frozen=True, slots=True)
class Prefix:
    """A string at the path begins with this one."""

    path: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Contains:
    """The array at the path has this scalar as an element."""

    path: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class Exists:
    """Anything is at the path, null and empty containers included."""

    path: str


@dataclass(frozen=True, slots=True)
class And:
    """Every clause holds; no clause at all matches everything."""

    clauses: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one clause holds."""

    clauses: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The clause does not hold; so this does where the field is missing."""

    clause: Filter


Filter = Equal | AnyOf | Compare | Prefix | Contains | Exists | And | Or | Not

EVERYTHING = And(())


def matches(clause: Filter, metadata: Mapping[str, object]) -> bool:
    """Whether a record with this metadata satisfies the filter: by plain comparison of values, without any index."""
    return _Fields(metadata).satisfy(clause)


class _Fields:
    """One record's metadata by path."""

    def __init__(self, metadata: Mapping[str, object]) -> None:
        self._paths: set[str] = set()
        self._values: dict[str, list[Scalar]] = {}
        self._elements: dict[str, list[Scalar]] = {}
        for path, kind, value in flatten(metadata):
            self._paths.add(path)
            if kind is Kind.VALUE:
                self._values.setdefault(path, []).append(value)
            elif kind is Kind.ELEMENT:
                self._elements.setdefault(path, []).append(value)

    def satisfy(self, clause: Filter) -> bool:
        match clause:
            case Equal(path, operand):
                return any(_same(value, operand) for value in self._equated(path))
            case AnyOf(path, operands):
                values = self._equated(path)
                return any(_same(value, operand) for value in values for operand in operands)
            case Compare(path, operator, operand):
                return any(_ordered(value, operator, operand) for value in self._values.get(path, ()))
            case Prefix(path, prefix):
                values = self._values.get(path, ())
                return any(isinstance(value, str) and value.startswith(prefix) for value in values)
            case Contains(path, operand):
                return any(_same(element, operand) for element in self._elements.get(path, ()))
            case Exists(path):
                return path in self._paths
            case And(clauses):
                return all(self.satisfy(inner) for inner in clauses)
            case Or(clauses):
                return any(self.satisfy(inner) for inner in clauses)
            case Not(inner):
                return not self.satisfy(inner)
        assert_never(clause)

    def _equated(self, path: str) -> Sequence[Scalar]:
        return self._values.get(path, []) + self._elements.get(path, [])


def _same(left: Scalar, right: Scalar) -> bool:
    # Python holds True to be 1; JSON does not.
    return isinstance(left, bool) is isinstance(right, bool) and left == right


def _ordered(value: Scalar, operator: Ordering, operand: int | float | str) -> bool:
    if isinstance(value, str) and isinstance(operand, str):
        return _stands((value > operand) - (value < operand), operator)
    if _is_number(value) and _is_number(operand):
        return _stands((value > operand) - (value < operand), operator)
    return False


def _is_number(value: Scalar) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _stands(order: int, operator: Ordering) -> bool:
    match operator:
        case "$gt":
            return order > 0
        case "$gte":
            return order >= 0
        case "$lt":
            return order < 0
        case "$lte":
            return order <= 0
    assert_never(operator)
