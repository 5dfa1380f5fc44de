"""The blocking Python client from the asynchronous one: the same text without the words of waiting."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_PACKAGE = "python/src/quartzdb_client"
_NAMES = ("client", "namespace", "key_values", "keys", "pages", "changes", "transport")
PAIRS = {f"{_PACKAGE}/_async/{name}.py": f"{_PACKAGE}/_sync/{name}.py" for name in _NAMES}

_RULES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\basync def\b", "def"),
        (r"\basync (with|for)\b", r"\1"),
        (r"\bawait ", ""),
        (r"\bAsyncClient\b", "Client"),
        (r"\bAsync(Namespace|KeyValues|Keys|Pages|Changes|Transport|HTTPTransport)\b", r"\1"),
        (r"\bAwaitable\[(\w+)\]", r"\1"),
        (r"\bAsyncIterator\b", "Iterator"),
        (r"\bAsyncIterable\b", "Iterable"),
        (r"\b__aenter__\b", "__enter__"),
        (r"\b__aexit__\b", "__exit__"),
        (r"\b__anext__\b", "__next__"),
        (r"\bStopAsyncIteration\b", "StopIteration"),
        (r"\b__aiter__\b", "__iter__"),
        (r"\baclose\b", "close"),
        (r"\basyncio\.sleep\b", "time.sleep"),
        (r"\bimport asyncio\b", "import time"),
        (r"\b_async\b", "_sync"),
        (r"\b(opened|prepared|until)_async\b", r"\1"),
        (r"\bhttpx2\.AsyncClient\b", "httpx2.Client"),
        (r"\bhandle_async_request\b", "handle_request"),
    )
)


def made(source: str) -> Callable[[Mapping[str, Any]], str]:
    """The blocking form of a file that is relative to `clients/`."""

    def make(_: Mapping[str, Any]) -> str:
        text = (Path(__file__).parents[1] / source).read_text()
        for pattern, replacement in _RULES:
            text = pattern.sub(replacement, text)
        return text

    return make
