"""The form encoding of the SDK and of curl's `-d`: `items[0][price]=p` and `expand[]=x`, as nested values.

Nothing here knows what a name means: every leaf is a string.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from local.stripe.errors import Refused

Nested = str | dict[str, "Nested"] | list["Nested"]

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_DEPTH_MAX = 8
_FIELDS_MAX = 2000


def decode(encoded: str) -> dict[str, Nested]:
    """Of a query or a body. Raises Refused for a name that is written wrongly, and for one that is two things
    at once."""
    root: dict[str, Nested] = {}
    pairs = parse_qsl(encoded, keep_blank_values=True)
    if len(pairs) > _FIELDS_MAX:
        raise Refused(f"A request has at most {_FIELDS_MAX} fields; this one has {len(pairs)}.")
    for name, value in pairs:
        match = _NAME.fullmatch(name)
        if match is None:
            raise Refused(f"Invalid parameter name: {name}", param=name)
        steps = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
        if len(steps) > _DEPTH_MAX:
            raise Refused(f"Invalid parameter name: {name} is nested too deeply", param=name)
        _put(root, steps, value, name)
    return {name: _lists(value) for name, value in root.items()}


def _put(branch: dict[str, Nested], steps: list[str], value: str, name: str) -> None:
    for step in steps[:-1]:
        below = branch.setdefault(step or str(len(branch)), {})
        if not isinstance(below, dict):
            raise Refused(f"Invalid parameter: {name} is given both a value and fields", param=name)
        branch = below
    last = steps[-1] or str(len(branch))
    if isinstance(branch.get(last), dict):
        raise Refused(f"Invalid parameter: {name} is given both a value and fields", param=name)
    branch[last] = value


def _lists(value: Nested) -> Nested:
    """Branches whose names count 0, 1, 2 … are lists."""
    if not isinstance(value, dict):
        return value
    below = {name: _lists(each) for name, each in value.items()}
    if below and all(name.isdecimal() for name in below):
        return [below[name] for name in sorted(below, key=int)]
    return below
