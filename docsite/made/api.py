"""The reference of the API: a page for each tag of the OpenAPI document, and one that leads to them."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import quartzdb
from docsite.samples.document import document as samples
from quartzdb.api.openapi import describe
from quartzdb.api.routes import FAMILIES
from quartzdb.cli.serve.reference.operations import OperationText, Tag, common_headers, groups
from quartzdb.cli.serve.reference.pages import cell, section

FOLDER = "api"
DESCRIPTION = f"{FOLDER}/openapi.json"

_TOP = """\
# The API

Everything that the database does is done over HTTP, with JSON. Each operation is here with calls in curl, Python,
JavaScript and Rust, which are run by tests; a server without this site shows the same at `/docs`.

A server describes itself at `/openapi.json` (OpenAPI 3.1), which generators of clients and tools for tests read;
<a href="openapi.json">this is the one of this version</a>. [The clients](../clients.md) are written by hand, and do
what a program would have to do by itself: retries that apply once, deadlines, pages, arrays of numbers.

**A key** goes with each request, as `Authorization: Bearer KEY` or as `X-API-Key: KEY`. What its scope has to be is
said with each operation.

**Errors** are problem documents (RFC 9457): programs go by their `code`, which is stable, and
[the page of errors](../reference/errors.md) says what to do about each. [Limits](../limits.md) says how much one
request may ask for.

**Bodies** may be sent with `Content-Encoding: gzip`.
"""


class _Pages:
    """What the site's generator has of its own: ids of headings, and tabs."""

    def heading(self, text: str, anchor: str) -> str:
        return f"## {text} {{ #{anchor} }}"

    def choices(self, blocks: Sequence[tuple[str, str]]) -> str:
        return "\n\n".join(f'=== "{label}"\n\n{textwrap.indent(block, "    ")}' for label, block in blocks)

    def errors(self) -> str:
        return "../reference/errors.md"


def pages() -> Mapping[str, Callable[[], str]]:
    """What makes each page, by its path below the site's sources."""
    made: dict[str, Callable[[], str]] = {f"{FOLDER}/index.md": index}
    for group in _groups():
        made[f"{FOLDER}/{group.name}.md"] = lambda group=group: page(group)  # type: ignore[misc]
    return made


def index() -> str:
    """All operations, by group, with what every answer has."""
    parts = [_TOP]
    for group in _groups():
        parts.append(f"## {_title(group)}\n\n{group.words}\n\n| Operation | Request | Scope |\n|---|---|---|")
        parts[-1] += "".join(
            f"\n| [{one.summary}]({group.name}.md#{one.id}) | `{one.method} {one.path}` | {one.scope or 'no key'} |"
            for one in group.operations
        )
    headers = common_headers(_document()).items()
    parts.append("## Headers of every answer\n\n| Header | Meaning |\n|---|---|")
    parts[-1] += "".join(f"\n| `{name}` | {cell(words)} |" for name, words in headers)
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def page(group: Tag) -> str:
    """The operations of one tag."""
    given = samples()
    dialect = _Pages()
    return f"# {_title(group)}\n\n{group.words}\n\n" + "\n".join(
        section(one, given, dialect) for one in group.operations
    )


def description() -> str:
    """The OpenAPI document itself."""
    return json.dumps(_document(), ensure_ascii=False)


@cache
def operations() -> dict[str, tuple[str, OperationText]]:
    """All of them by their ids, each with the name of its page."""
    return {one.id: (group.name, one) for group in _groups() for one in group.operations}


def _title(group: Tag) -> str:
    return f"{group.name[:1].upper()}{group.name[1:]}"


@cache
def _document() -> dict[str, Any]:
    return describe(FAMILIES, title="QuartzDB", version=quartzdb.__version__)


@cache
def _groups() -> tuple[Tag, ...]:
    return tuple(groups(_document()))
