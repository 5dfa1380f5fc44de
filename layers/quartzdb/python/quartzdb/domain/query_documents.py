"""The parts of a query as JSON: text, sparse vectors, and how they are fused. Errors name the place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from quartzdb.domain.errors import InvalidArgument, within_field
from quartzdb.domain.fusion import Fusion, FusionMethod, QueryPart
from quartzdb.domain.metadata import json_type
from quartzdb.domain.text_query import Clause, SparseQuery, TextQuery, clauses_of, sparse_query

_TEXT = ("query", "fields", "must", "should", "must_not")
_SPARSE = ("field", "indices", "values")
ONLY_FIELD = ""
"""The field of a sparse query that names none: it is that of the namespace, if there is one."""


def parse_text_query(document: object, field: str = "text") -> TextQuery:
    """From {"query": "plain words", "fields": {"title": 2}, "must": […], "should": […], "must_not": […]}."""
    given = _object(document, field, _TEXT, 'Send {"query": "a few words"}.')
    with within_field(field):
        query = given.get("query", "")
        if not isinstance(query, str):
            raise InvalidArgument(f"`query` is a string, not {json_type(query)}.", field="query")
        fields = given.get("fields")
        return TextQuery(
            query,
            None if fields is None else _numbers(fields, "fields"),
            _clauses(given, "must"),
            _clauses(given, "should"),
            _clauses(given, "must_not"),
        )


def parse_sparse_query(document: object, field: str = "sparse") -> SparseQuery:
    """From {"field": "splade", "indices": […], "values": […]}."""
    given = _object(document, field, _SPARSE, 'Send {"indices": [3, 17], "values": [0.5, 1.25]}.')
    with within_field(field):
        name = given.get("field", ONLY_FIELD)
        if not isinstance(name, str):
            raise InvalidArgument(f"`field` is a string, not {json_type(name)}.", field="field")
        indices, values = (_list(given, member) for member in ("indices", "values"))
        for position, value in enumerate(values):
            if type(value) not in (int, float):
                raise InvalidArgument(
                    f"A value is a number, not {json_type(value)}.", field=f"values[{position}]"
                )
        return sparse_query(name, indices, values)


def parse_fusion(document: object, field: str = "fusion") -> Fusion:
    """From {"method": "rrf", "k": 60} or {"method": "weighted", "vector": 0.7, "text": 0.3}."""
    given = _object(document, field, ("method", "k", *QueryPart), 'Send {"method": "rrf"}.')
    with within_field(field):
        method = given.get("method", FusionMethod.RRF.value)
        if method not in set(FusionMethod):
            raise InvalidArgument(
                f"{method[:80]!r} is no way to fuse." if isinstance(method, str) else "`method` is a string.",
                field="method",
                hint=" or ".join(FusionMethod),
            )
        weights = {part: given[part] for part in QueryPart if given.get(part) is not None}
        if method == FusionMethod.RRF:
            if weights:
                raise InvalidArgument(
                    "By reciprocal rank no part has a weight.",
                    field=next(iter(weights)),
                    hint='Leave it out, or fuse by {"method": "weighted"}.',
                )
            k = given.get("k", Fusion().k)
            if type(k) is not int:
                raise InvalidArgument(f"`k` is a whole number, not {json_type(k)}.", field="k")
            return Fusion(FusionMethod.RRF, k)
        if "k" in given:
            raise InvalidArgument("`k` is of reciprocal ranks alone.", field="k", hint="Leave it out.")
        return Fusion(FusionMethod.WEIGHTED, weights=_weights(weights))


def _weights(given: Mapping[QueryPart, object]) -> Mapping[QueryPart, float]:
    return {QueryPart(name): weight for name, weight in _numbers(given, "").items()}


def _object(document: object, field: str, known: Sequence[str], hint: str) -> Mapping[str, Any]:
    if not isinstance(document, Mapping):
        raise InvalidArgument(f"`{field}` is an object, not {json_type(document)}.", field=field, hint=hint)
    for name in document:
        if name not in known:
            raise InvalidArgument(
                f"There is no field {str(name)[:80]!r} here.",
                field=f"{field}.{str(name)[:80]}",
                hint=f"Known are {', '.join(known)}.",
            )
    return document


def _clauses(given: Mapping[str, Any], member: str) -> tuple[Clause, ...]:
    found: list[Clause] = []
    for position, text in enumerate(_list(given, member)):
        if not isinstance(text, str):
            raise InvalidArgument(
                f"A clause is a string, not {json_type(text)}.",
                field=f"{member}[{position}]",
                hint='A word, a phrase in quotation marks, or a beginning with a star: "gene*".',
            )
        found += clauses_of(text)
    return tuple(found)


def _list(given: Mapping[str, Any], member: str) -> Sequence[Any]:
    value = given.get(member, ())
    if not isinstance(value, list | tuple):
        raise InvalidArgument(f"`{member}` is an array, not {json_type(value)}.", field=member)
    return value


def _numbers(given: object, member: str) -> dict[str, float]:
    if not isinstance(given, Mapping):
        raise InvalidArgument(
            f"`{member}` is an object by name, not {json_type(given)}.",
            field=member,
            hint='{"title": 2, "body": 1}',
        )
    prefix = f"{member}." if member else ""
    for name, number in given.items():
        if type(number) not in (int, float):
            raise InvalidArgument(
                f"A weight is a number, not {json_type(number)}.", field=f"{prefix}{str(name)[:80]}"
            )
    # What is beyond a float is refused with what is no finite number.
    return {name: float(number) if abs(number) < _TOO_LARGE else _TOO_LARGE for name, number in given.items()}


_TOO_LARGE = 1e300
