"""Filters: parsing. `parse` turns a JSON document into terms or says exactly what is wrong with it, and where.

Its limits bound both the recursion over a filter and the work that one filter can ask for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from quartzdb.domain.errors import FilterTooCostly, InvalidFilter
from quartzdb.domain.fieldkey import ORDERED_CHARACTERS_MAX
from quartzdb.domain.filter_terms import (
    EVERYTHING,
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
    matches,
)
from quartzdb.domain.limits import FILTER_CLAUSE_COST, FILTER_COST_MAX
from quartzdb.domain.metadata import PATH_CHARACTERS_MAX, Scalar, is_encodable, json_type

__all__ = ["EVERYTHING", "Filter", "FilterBudget", "matches", "parse"]

CLAUSES_MAX = 256
"""Conditions and $and, $or, $not in one filter, each counted as one."""
DEPTH_MAX = 16
OPERANDS_MAX = 1_024
"""Values in one $in or $nin."""
OPERAND_CHARACTERS_MAX = 2_048
"""Characters of a string to be equal to; to be ordered by or begin with: ORDERED_CHARACTERS_MAX."""

FIELD_OPERATORS = (
    "$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists", "$prefix", "$contains", "$not",
)  # fmt: skip
LOGICAL_OPERATORS = ("$and", "$or", "$not")


class FilterBudget:
    """What the filters of one request may cost together: every clause is evaluated over every segment and the tail."""

    __slots__ = ("_left",)

    def __init__(self, cost_max: int = FILTER_COST_MAX) -> None:
        self._left = cost_max

    def take(self, cost: int, place: str) -> None:
        """So much more. Raises FilterTooCostly."""
        self._left -= cost
        if self._left < 0:
            raise FilterTooCostly(
                f"The filters of one request may cost {FILTER_COST_MAX} together: {FILTER_CLAUSE_COST} for each "
                "clause, and 1 for each value in $in and $nin.",
                field=place,
                hint="Send fewer queries in one request, or store a field that names the group.",
            )


def parse(document: object, *, field: str = "filter", budget: FilterBudget | None = None) -> Filter:
    """The filter that a JSON document says. {} matches everything. Raises InvalidFilter, FilterTooCostly.

    `field` names the document in errors; what is inside is named from there, as `filter.$and[1].year.$gt`. `budget` is
    that of all filters of the request.
    """
    return _Parser(budget or FilterBudget()).parse(document, field, depth=1)


class _Parser:
    """One parse: it counts the clauses met so far."""

    def __init__(self, budget: FilterBudget) -> None:
        self._clauses = 0
        self._budget = budget

    def parse(self, document: object, place: str, depth: int) -> Filter:
        if not isinstance(document, Mapping):
            raise InvalidFilter(
                f"A filter is a JSON object, not {json_type(document)}.",
                field=place,
                hint='Send {"field": value} or {"field": {"$gt": 3}}.',
            )
        self._check_depth(depth, place)
        clauses = tuple(self._entry(name, operand, place, depth) for name, operand in document.items())
        if not clauses:
            self._count(place)
        return clauses[0] if len(clauses) == 1 else And(clauses)

    def _entry(self, name: object, operand: object, parent: str, depth: int) -> Filter:
        if not isinstance(name, str):
            raise InvalidFilter(f"Field names are strings, not {json_type(name)}.", field=parent)
        place = f"{parent}.{_shown(name)}"
        if name in {"$and", "$or"}:
            self._count(place)
            clauses = self._clause_list(name, operand, place, depth)
            return And(clauses) if name == "$and" else Or(clauses)
        if name == "$not":
            self._count(place)
            if isinstance(operand, list | tuple):
                # None of several, as others take it.
                return Not(Or(self._clause_list(name, operand, place, depth)))
            return Not(self.parse(operand, place, depth + 1))
        if name.startswith("$"):
            raise _misplaced(name, place)
        return self._field(name, operand, place, depth)

    def _clause_list(self, name: str, operand: object, place: str, depth: int) -> tuple[Filter, ...]:
        if not isinstance(operand, list | tuple):
            raise InvalidFilter(
                f"{name} takes an array of filters, not {json_type(operand)}.",
                field=place,
                hint=f'Send {{"{name}": [{{…}}, {{…}}]}}.',
            )
        if not operand:
            raise InvalidFilter(
                f"{name} has no filters.", field=place, hint=f"Give it at least one, or leave {name} out."
            )
        return tuple(
            self.parse(document, f"{place}[{position}]", depth + 1)
            for position, document in enumerate(operand)
        )

    def _field(self, path: str, operand: object, place: str, depth: int) -> Filter:
        """What stands beside a field name: a scalar to equal, or an object of operators."""
        if len(path) > PATH_CHARACTERS_MAX:
            raise InvalidFilter(
                f"The field path has {len(path)} characters; at most {PATH_CHARACTERS_MAX} are accepted.",
                field=place,
            )
        if isinstance(operand, list | tuple):
            raise InvalidFilter(
                "A field is not compared with an array.",
                field=place,
                hint='Use {"$in": […]} for one of several values, {"$contains": value} for an element.',
            )
        if not isinstance(operand, Mapping):
            return self._operator(path, "$eq", operand, place, depth)
        self._check_depth(depth, place)
        for name in operand:
            if not isinstance(name, str) or not name.startswith("$"):
                raise InvalidFilter(
                    f"{_shown(str(name))} is no operator, and a field is not compared with an object.",
                    field=place,
                    hint='Join nested names with a dot, {"a.b": 1}, and begin operators with $, {"$gte": 1}.',
                )
        if not operand:
            raise InvalidFilter(
                "The field has no condition.",
                field=place,
                hint='Use {"$exists": true} to ask for the field at all.',
            )
        clauses = tuple(
            self._operator(path, name, value, f"{place}.{_shown(name)}", depth)
            for name, value in operand.items()
        )
        return clauses[0] if len(clauses) == 1 else And(clauses)

    def _operator(self, path: str, name: str, operand: object, place: str, depth: int) -> Filter:
        self._count(place)
        match name:
            case "$eq":
                return Equal(path, _scalar(name, operand, place))
            case "$ne":
                return Not(Equal(path, _scalar(name, operand, place)))
            case "$gt" | "$gte" | "$lt" | "$lte":
                return Compare(path, name, _orderable(name, operand, place))
            case "$in":
                return AnyOf(path, self._scalars(name, operand, place))
            case "$nin":
                return Not(AnyOf(path, self._scalars(name, operand, place)))
            case "$exists":
                return Exists(path) if _flag(name, operand, place) else Not(Exists(path))
            case "$prefix":
                return Prefix(path, _prefix(operand, place))
            case "$contains":
                return Contains(path, _scalar(name, operand, place))
            case "$not":
                if not isinstance(operand, Mapping):
                    raise InvalidFilter(
                        f"$not inside a field takes an object of operators, not {json_type(operand)}.",
                        field=place,
                        hint='Send {"$not": {"$gt": 3}}; to differ from one value use {"$ne": value}.',
                    )
                return Not(self._field(path, operand, place, depth + 1))
        raise _misplaced(name, place)

    def _scalars(self, name: str, operand: object, place: str) -> tuple[Scalar, ...]:
        values = _scalars(name, operand, place)
        self._budget.take(len(values), place)
        return values

    def _count(self, place: str) -> None:
        self._clauses += 1
        self._budget.take(FILTER_CLAUSE_COST, place)
        if self._clauses > CLAUSES_MAX:
            raise InvalidFilter(
                f"The filter has more than {CLAUSES_MAX} clauses.",
                field=place,
                hint="Use one $in in place of many $eq, or send several queries.",
            )

    def _check_depth(self, depth: int, place: str) -> None:
        if depth > DEPTH_MAX:
            raise InvalidFilter(
                f"The filter is nested more than {DEPTH_MAX} levels deep.",
                field=place,
                hint="Merge $and and $or that stand directly inside one another.",
            )


def _scalar(name: str, operand: object, place: str) -> Scalar:
    """An operand that equality can use."""
    if isinstance(operand, str):
        return _text(operand, OPERAND_CHARACTERS_MAX, place)
    if isinstance(operand, float) and not math.isfinite(operand):
        raise InvalidFilter(
            f"{name} takes a finite number, not {operand}.",
            field=place,
            hint="Stored numbers are always finite.",
        )
    if operand is None or isinstance(operand, bool | int | float):
        return operand
    hint = "Send a string, number, boolean or null."
    if isinstance(operand, list | tuple):
        hint = (
            'Send one value; combine several with {"$and": […]}.'
            if name == "$contains"
            else 'Send one value, or use {"$in": […]}.'
        )
    raise InvalidFilter(f"{name} takes a single value, not {json_type(operand)}.", field=place, hint=hint)


def _scalars(name: str, operand: object, place: str) -> tuple[Scalar, ...]:
    if not isinstance(operand, list | tuple):
        raise InvalidFilter(
            f"{name} takes an array of values, not {json_type(operand)}.",
            field=place,
            hint=f'Send {{"{name}": [value, …]}}.',
        )
    if not operand:
        raise InvalidFilter(
            f"{name} has no values.",
            field=place,
            hint="Give it at least one; $in of none would match nothing, $nin of none everything.",
        )
    if len(operand) > OPERANDS_MAX:
        raise InvalidFilter(
            f"{name} has {len(operand)} values; at most {OPERANDS_MAX} are accepted.",
            field=place,
            hint="Split it over several queries, or store a field that names the group.",
        )
    return tuple(_scalar(name, value, f"{place}[{position}]") for position, value in enumerate(operand))


def _orderable(name: str, operand: object, place: str) -> int | float | str:
    if isinstance(operand, bool) or not isinstance(operand, int | float | str):
        raise InvalidFilter(
            f"{name} takes a number or a string, not {json_type(operand)}.",
            field=place,
            hint="Only numbers and strings have an order; use $eq or $in for other values.",
        )
    if isinstance(operand, str):
        return _text(operand, ORDERED_CHARACTERS_MAX, place)
    _scalar(name, operand, place)
    return operand


def _prefix(operand: object, place: str) -> str:
    if not isinstance(operand, str):
        raise InvalidFilter(
            f"$prefix takes a string, not {json_type(operand)}.",
            field=place,
            hint="Use $gte and $lt for ranges of numbers.",
        )
    return _text(operand, ORDERED_CHARACTERS_MAX, place)


def _flag(name: str, operand: object, place: str) -> bool:
    if not isinstance(operand, bool):
        raise InvalidFilter(
            f"{name} takes true or false, not {json_type(operand)}.",
            field=place,
            hint='To match an explicit null use {"$eq": null}.',
        )
    return operand


def _text(text: str, characters_max: int, place: str) -> str:
    if len(text) > characters_max:
        raise InvalidFilter(
            f"The string has {len(text)} characters; at most {characters_max} are accepted here.",
            field=place,
            hint="Shorten it, or store a shorter field to filter by.",
        )
    if not is_encodable(text):
        raise InvalidFilter(
            "The string has half a surrogate pair, which is not Unicode text.",
            field=place,
            hint="Send the whole character.",
        )
    return text


def _misplaced(name: str, place: str) -> InvalidFilter:
    known = ", ".join(dict.fromkeys(FIELD_OPERATORS + LOGICAL_OPERATORS))
    if name in LOGICAL_OPERATORS:
        return InvalidFilter(
            f"{name} stands around fields, not inside one.",
            field=place,
            hint=f'Send {{"{name}": [{{"field": …}}, {{"field": …}}]}}.',
        )
    if name in FIELD_OPERATORS:
        return InvalidFilter(
            f"{name} is applied to a field.", field=place, hint=f'Send {{"field": {{"{name}": …}}}}.'
        )
    return InvalidFilter(f"{_shown(name)} is no operator.", field=place, hint=f"The operators are {known}.")


def _shown(name: str) -> str:
    """A name as messages have it: short, and printable whatever was sent."""
    cut = name if len(name) <= 64 else name[:64] + "…"
    return cut.encode("utf-8", "replace").decode("utf-8")
