"""Which records or keys a write of the Cloudflare surface names, also where the end of its body is missing.

For a write that is told of without its body: the other site reads the values back by these names.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


def paths_by_name(path: str, body: bytes, *, whole: bool) -> list[str] | None:
    """Each thing that is written, as the path of its kind of write and its name; None where not all are to be seen."""
    for beginning in ("/api/delete/", "/api/vector/delete/"):
        if path.startswith(beginning):
            return [path]
    members = _members(body, whole=whole)
    names: list[Any] = []
    if path == "/api/put":
        names = [members.get("key")]
    elif path in {"/api/vector/insert", "/api/vector/delete"}:
        names = [members.get("id")]
    elif path == "/api/vector/batch-insert" and whole:
        # Of a list that is cut some names are missing, and there is no telling which.
        path = "/api/vector/insert"
        vectors = members.get("vectors")
        if isinstance(vectors, list) and all(isinstance(each, dict) for each in vectors):
            names = [each.get("id") for each in vectors]
    if not names or not all(isinstance(name, str) and name for name in names):
        return None
    try:
        return list(dict.fromkeys(f"{path}/{quote(name, safe='')}" for name in names))
    except UnicodeEncodeError:
        return None  # half of a surrogate pair is no name


def _members(body: bytes, *, whole: bool) -> dict[str, Any]:
    """The members of an object, as far as they are complete."""
    try:
        # Cut between the bytes of one character, perhaps: what is before it is good.
        text = body.decode("utf-8", "strict" if whole else "ignore")
        if whole:
            document = json.loads(text)
            return document if isinstance(document, dict) else {}
    except ValueError:
        return {}
    members: dict[str, Any] = {}
    endpoint = _skip(text, 0)
    if text[endpoint : endpoint + 1] != "{":
        return {}
    try:
        while text[endpoint] in "{,":
            name, endpoint = _DECODER.raw_decode(text, _skip(text, endpoint + 1))
            endpoint = _skip(text, endpoint)
            if not isinstance(name, str) or text[endpoint] != ":":
                return {}
            value, endpoint = _DECODER.raw_decode(text, _skip(text, endpoint + 1))
            endpoint = _skip(text, endpoint)
            if endpoint == len(text):
                break  # a number at the cut may be the beginning of a longer one
            members[name] = value
    except (ValueError, IndexError, RecursionError):
        pass  # the cut
    return members


def _skip(text: str, endpoint: int) -> int:
    found = _SPACE.match(text, endpoint)
    assert found is not None
    return found.end()
