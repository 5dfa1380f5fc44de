"""Validation: a document to a schema's instance, or the first thing that is wrong with it in plain words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from quartzdb.api.schemas.model import QueryString
from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.metadata import json_type

M = TypeVar("M", bound=BaseModel)

_WANTED = {
    "string_type": "a string",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of fewer digits",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "an array",
    "dict_type": "an object",
    "model_type": "an object",
}


def validate(model: type[M], document: object) -> M:
    """The instance. Raises InvalidArgument."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise _explained(model, error.errors(include_url=False)[0]) from None


def _explained(model: type[BaseModel], problem: ErrorDetails) -> InvalidArgument:
    place = problem["loc"]
    field = _path(place) or None
    kind = problem["type"]
    query = issubclass(model, QueryString)
    if kind == "missing":
        return InvalidArgument(f"{place[-1]!r} is missing.", field=field, hint=_allowed(model, place))
    if kind == "extra_forbidden":
        what = "query parameter" if query else "field"
        return InvalidArgument(
            f"There is no {what} {str(place[-1])[:80]!r} here.", field=field, hint=_allowed(model, place)
        )
    given = _given(problem["input"]) if not query else repr(str(problem["input"])[:80])
    if kind in {"literal_error", "enum"}:
        expected = problem.get("ctx", {}).get("expected", "")
        shown = repr(problem["input"][:80]) if isinstance(problem["input"], str) else given
        return InvalidArgument(f"This must be one of {_json_words(expected)}, not {shown}.", field=field)
    if kind == "too_many_fields":
        return InvalidArgument(f"{problem['msg']}.", field=field, hint=_allowed(model, [*place, ""]))
    wanted = _WANTED.get(kind)
    if wanted is None:
        return InvalidArgument(f"The value is not accepted: {problem['msg']}.", field=field)
    if not place:
        return InvalidArgument(f"The body must be {wanted}, not {given}.")
    return InvalidArgument(f"This must be {wanted}, not {given}.", field=field)


def _given(value: object) -> str:
    """What was sent, as a sender can find it: a number or boolean itself, of anything else its JSON type."""
    return json.dumps(value)[:80] if isinstance(value, bool | int | float) else json_type(value)


def _path(place: Sequence[str | int]) -> str:
    text = ""
    for step in place:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step[:80]}" if text else step[:80]
    return text


def _allowed(model: type[BaseModel], place: Sequence[str | int]) -> str | None:
    """The fields of the object in which something is missing or too many."""
    here: Any = model
    for step in place[:-1]:
        if isinstance(step, int):
            continue
        here = _inner_model(here, step)
        if here is None:
            return None
    required = [name for name, field in _fields(here) if field.is_required()]
    optional = [name for name, field in _fields(here) if not field.is_required()]
    listed = [*required, *(f"{name} (optional)" if required else name for name in optional)]
    return f"The fields here are {', '.join(listed)}." if listed else "There are none here."


def _inner_model(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    annotation = next((field.annotation for alias, field in _fields(model) if alias == name), None)
    pending = [annotation]
    while pending:
        found = pending.pop()
        if isinstance(found, type) and issubclass(found, BaseModel):
            return found
        pending.extend(get_args(found))
    return None


def _fields(model: type[BaseModel]) -> list[tuple[str, Any]]:
    return [(field.alias or name, field) for name, field in model.model_fields.items()]


def _json_words(expected: str) -> str:
    return expected.replace("True", "true").replace("False", "false")
