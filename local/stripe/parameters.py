"""Turns the strings of a form into what the SDK's types say a request may have, and refuses everything else.

A name that the types do not have, a word that is in no enumeration, a text where a number belongs: each is a
400 with the parameter's name, as with Stripe. What Stripe would do and this server does not is refused as
well, and never left undone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, get_args, get_origin

from local.stripe.errors import Refused, not_here
from local.stripe.forms import Nested
from local.stripe.sdk_types import fields, is_parameters, options, required, words

Given = dict[str, Any]
_INTEGER_DIGITS_MAX = 15


def read(given: Mapping[str, Nested], types: type, served: Collection[str]) -> Given:
    """The parameters of one request. `served` has what its handler heeds: `items.price` is of each item, and `metadata`
    is all below it. Raises Refused."""
    read_fields = _fields(given, types, "")
    for path, param in _paths(read_fields, "", "") if read_fields else ():
        if path != "expand" and not any(path == each or path.startswith(f"{each}.") for each in served):
            raise not_here(f"the parameter {param} of this request", param)
    return read_fields


def _fields(given: Mapping[str, Nested], types: type, below: str) -> Given:
    known = fields(types)
    for name in given:
        if name not in known:
            param = _inside(below, name)
            raise Refused(f"Received unknown parameter: {param}", code="parameter_unknown", param=param)
    for name in sorted(required(types) - given.keys()):
        param = _inside(below, name)
        raise Refused(f"Missing required param: {param}.", code="parameter_missing", param=param)
    return {name: _value(value, known[name], _inside(below, name)) for name, value in given.items()}


def _value(given: Nested, hint: Any, param: str) -> Any:
    """Of what the type allows, the first that the form's text can be. An empty text unsets, where that is allowed."""
    members = options(hint)
    if isinstance(given, str):
        return _leaf(given, hint, members, param)
    if isinstance(given, list):
        for member in members:
            if get_origin(member) is list:
                (each,) = get_args(member)
                return [_value(value, each, f"{param}[{index}]") for index, value in enumerate(given)]
        # {"0": …} is a mapping with a digit for a name.
        given = {str(index): value for index, value in enumerate(given)}
    for member in members:
        if is_parameters(member):
            return _fields(given, member, param)
        if get_origin(member) is dict:
            of = get_args(member)[1]
            return {name: _value(value, of, _inside(param, name)) for name, value in given.items()}
    raise Refused(f"Invalid {param}: it has no fields", param=param)


def _leaf(given: str, hint: Any, members: tuple[Any, ...], param: str) -> Any:
    allowed = words(hint)
    if given in allowed:
        return given
    for member in members:
        # `str` beside an enumeration stands for words to come.
        if get_origin(member) is Literal or (member is str and any(allowed)):
            continue
        read_value = _scalar(given, member)
        if read_value is not None:
            return read_value
    if any(allowed):
        listed = ", ".join(word for word in allowed if word)
        raise Refused(f"Invalid {param}: must be one of {listed}", param=param)
    if int in members:
        raise Refused(f"Invalid integer: {given}", code="parameter_invalid_integer", param=param)
    if Decimal in members or float in members:
        raise Refused(f"Invalid decimal: {given}", param=param)
    if bool in members:
        raise Refused(f"Invalid boolean: {given}", param=param)
    kind = "array" if any(get_origin(member) is list for member in members) else "object"
    raise Refused(f"Invalid {kind}", param=param)


def _scalar(given: str, member: Any) -> Any:
    """The text as that type, or None where it is not one."""
    if member is bool:
        return {"true": True, "false": False}.get(given)
    if member is int:
        digits = given.removeprefix("-")
        whole = digits.isascii() and digits.isdecimal() and len(digits) <= _INTEGER_DIGITS_MAX
        return int(given) if whole else None
    if member in {float, Decimal}:
        try:
            number = Decimal(given)
        except InvalidOperation:
            return None
        return number if number.is_finite() else None
    return given if member in {str, Any} else None


def _paths(value: Any, path: str, param: str) -> list[tuple[str, str]]:
    """Each leaf: where it is without the numbers of lists, and as the form has it."""
    if isinstance(value, dict) and value:
        return [
            found
            for name, each in value.items()
            for found in _paths(each, f"{path}.{name}".removeprefix("."), _inside(param, name))
        ]
    if isinstance(value, list) and value:
        return [
            found for index, each in enumerate(value) for found in _paths(each, path, f"{param}[{index}]")
        ]
    return [(path, param)]


def _inside(param: str, name: str) -> str:
    return f"{param}[{name}]" if param else name
