"""The anchors of a Markdown page: ids of its headings, as GitHub and the site make them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from docsite.links import prose

_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
_ID = re.compile(r"""(?:id|name)=["']([^"']+)["']|\{\s*#([\w-]+)\s*\}""")


def anchors(text: str) -> set[str]:
    """All of a page's."""
    found: set[str] = set()
    for words in (one for is_prose, piece in prose(text) if is_prose for one in _headings(piece)):
        anchor, n = slug(words), 0
        while anchor in found:
            n += 1
            anchor = f"{slug(words)}_{n}"
        found.add(anchor)
    return found | {one[0] or one[1] for one in _ID.findall(text)}


def _headings(piece: str) -> Iterator[str]:
    yield from _HEADING.findall(piece)


def slug(words: str) -> str:
    """Of a heading's words: lower case, without punctuation, a hyphen for each space."""
    shown = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", words).replace("`", "").replace("*", "")
    return re.sub(r"\s", "-", re.sub(r"[^\w\- ]", "", shown.strip().lower()))
