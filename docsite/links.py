"""Links in Markdown: found outside code, and written anew for where a page is in the site."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_FENCE = re.compile(r"^[ ]*(`{3,}|~{3,})")
_CODE = re.compile(r"(`+)(?:(?!\1).)+?\1(?!`)", re.DOTALL)
_LINK = re.compile(
    r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(\s*<?([^()\s<>]*(?:\([^()\s]*\)[^()\s<>]*)*)>?((?:\s+\"[^\"]*\")?)\s*\)"
)
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//")


@dataclass(frozen=True, slots=True)
class Link:
    """`text` is what is shown; `image`: it is shown in the page."""

    text: str
    target: str
    image: bool


def prose(text: str) -> Iterator[tuple[bool, str]]:
    """The text in pieces, in order; with each, whether it is prose and not a block of code."""
    piece: list[str] = []
    fence: str | None = None
    for line in text.splitlines(keepends=True):
        found = _FENCE.match(line)
        if fence is None and found:
            yield True, "".join(piece)
            piece, fence = [line], found[1]
        elif fence is not None and found and found[1].startswith(fence) and not line.strip().strip(fence[0]):
            yield False, "".join([*piece, line])
            piece, fence = [], None
        else:
            piece.append(line)
    yield fence is None, "".join(piece)


def replaced(text: str, change: Callable[[Link], str | None]) -> str:
    """The text with links changed: `change` gives the whole link anew, or None for one that stays.

    A link's own text may be code; a link inside code is none.
    """

    def of_prose(piece: str) -> str:
        hidden: list[str] = []

        def hide(match: re.Match[str]) -> str:
            hidden.append(match[0])
            return f"\0{len(hidden) - 1}\0"

        def show(piece: str) -> str:
            return re.sub(r"\0(\d+)\0", lambda match: hidden[int(match[1])], piece)

        piece = _CODE.sub(hide, piece)
        return show(_LINK.sub(lambda match: show_in(match, show), piece))

    def show_in(match: re.Match[str], show: Callable[[str], str]) -> str:
        return change(Link(show(match[2]), match[3], match[1] == "!")) or match[0]

    return "".join(of_prose(piece) if is_prose else piece for is_prose, piece in prose(text))


def links(text: str) -> list[Link]:
    """Every link of a page, in order."""
    found: list[Link] = []
    replaced(text, found.append)
    return found


def file_of(target: str, page: Path) -> tuple[Path, str]:
    """The file that a relative link of a page goes to, and its anchor (or "")."""
    path, _, anchor = target.partition("#")
    return (page if not path else Path(os.path.normpath(page.parent / path))), anchor


def between(page: str, other: str) -> str:
    """The relative link from one path below the site's sources to another."""
    return os.path.relpath(other, PurePosixPath(page).parent).replace(os.sep, "/")
