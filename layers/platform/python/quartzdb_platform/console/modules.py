"""Scripts that are ES modules: their addresses, and the hashes of all that a page's module imports.

Modules import each other by relative addresses, so they are served below a folder whose name changes with the content
of any of them. A browser checks no hash of what is imported; it does where the page preloads it with one.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from quartzdb_platform.console.page import ROOT, STATIC, integrity

FOLDERS = ("data", "vendor")
_IMPORT = re.compile(r'^(?:import|export)\b[^"\n]*?from "(\.[^"]+)";|^import "(\.[^"]+)";', re.MULTILINE)


class Module(NamedTuple):
    """A module as a page names it."""

    url: str
    integrity: str


def module(name: str) -> Module:
    """The one below `static`, as `data/query.js`."""
    return Module(f"{ROOT}/assets/{version()}/{name}", integrity(name))


@cache
def needed(name: str) -> Sequence[Module]:
    """All that it imports, directly or not, each once. What is imported when it is needed is not among them."""
    found: list[str] = []
    left = [name]
    while left:
        importer = left.pop()
        text = (STATIC / importer).read_text("utf-8")
        for match in _IMPORT.finditer(text):
            imported = posixpath.normpath(posixpath.join(posixpath.dirname(importer), match[1] or match[2]))
            if imported not in found and imported != name:
                found.append(imported)
                left.append(imported)
    return tuple(module(one) for one in sorted(found))


@cache
def version() -> str:
    """The name of the folder: another one with each content."""
    digest = hashlib.sha256()
    for file in sorted(file for folder in FOLDERS for file in (STATIC / folder).rglob("*.js")):
        digest.update(f"{file.relative_to(STATIC)}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return f"m-{digest.hexdigest()[:12]}"


def below(path: str) -> Path:
    """The path of an asset without the folder's name, where it has that of today."""
    first, _, rest = path.partition("/")
    return Path(rest if first == version() else path)
