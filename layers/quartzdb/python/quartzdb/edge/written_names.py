"""Which records or keys a write of the Cloudflare surface names, also where the end of its body is missing.

For a write whose body does not fit into a message: the other site reads the values back by these names.
"""

from __future__ import annotations

import json
import re
from typing import Any

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


def names_of(path: str, body: bytes, *, whole: bool) -> list[str] | None:
    """The names, each once, in order; None where they are not all to be seen. A delete by path has its name there."""
    for beginning in ("/api/delete/", "/api/vector/delete/"):
        if path.startswith(beginning):
            return [path.removeprefix(beginning)]
    # Cut between the bytes of one character, perhaps: what is before it is good.
    text = body.decode("utf-8", "strict" if whole else "ignore") if _is_utf8(body, whole=whole) else None
    if text is None:
        return None
    members = _members(text, whole=whole)
    if path == "/api/put":
        return _strings([members.get("key")])
    if path in {"/api/vector/insert", "/api/vector/delete"}:
        return _strings([members.get("id")])
    if path == "/api/vector/batch-insert":
        # Of a list that is cut, some names are missing, and there is no telling which.
        vectors = members.get("vectors") if whole else None
        if not isinstance(vectors, list) or any(not isinstance(each, dict) for each in vectors):
            return None
        return _strings([each.get("id") for each in vectors])
    return None


def _strings(found: list[Any]) -> list[str] | None:
    return list(dict.fromkeys(found)) if found and all(isinstance(each, str) for each in found) else None


def _is_utf8(body: bytes, *, whole: bool) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        return not whole and error.start >= len(body) - 3
    return True


def _members(text: str, *, whole: bool) -> dict[str, Any]:
    """The members of an object, as far as they are complete."""
    if whole:
        try:
            document = json.loads(text)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}
    members: dict[str, Any] = {}
    place = _skip(text, 0)
    if text[place : place + 1] != "{":
        return {}
    try:
        while text[place] in "{,":
            name, place = _DECODER.raw_decode(text, _skip(text, place + 1))
            place = _skip(text, place)
            if not isinstance(name, str) or text[place] != ":":
                return {}
            value, place = _DECODER.raw_decode(text, _skip(text, place + 1))
            place = _skip(text, place)
            if place == len(text):
                break  # a number at the cut may be the beginning of a longer one
            members[name] = value
    except (ValueError, IndexError):
        pass  # the cut
    return members


def _skip(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    assert found is not None
    return found.end()
