"""The whole reference on one page, for a server without the site: no script, and nothing from elsewhere."""

from __future__ import annotations

import html
from collections.abc import Sequence
from functools import lru_cache

from markdown_it import MarkdownIt

from quartzdb.cli.serve.reference.operations import Description, Tag, groups
from quartzdb.cli.serve.reference.pages import samples, section

_POLICY = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'"
_HEAD = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>The API - QuartzDB</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="reference.css">
</head>
<body>
<header><a href="./">QuartzDB</a> <a href="problems">Problem types</a> <a href="/openapi.json">OpenAPI</a></header>
""".replace("{policy}", _POLICY)


class _OnePage:
    """Headings with anchors, and blocks that are opened one at a time: HTML in Markdown, which needs no extension."""

    def __init__(self) -> None:
        self._sets = 0

    def heading(self, text: str, anchor: str) -> str:
        return f'<h3 id="{html.escape(anchor)}">{html.escape(text)}</h3>'

    def choices(self, blocks: Sequence[tuple[str, str]]) -> str:
        self._sets += 1
        return "\n\n".join(
            f'<details name="set-{self._sets}"{"" if place else " open"}><summary>{html.escape(label)}</summary>'
            f"\n\n{block}\n\n</details>"
            for place, (label, block) in enumerate(blocks)
        )

    def errors(self) -> str:
        return "problems"


def page(document: Description) -> bytes:
    """HTML."""
    every = groups(document)
    dialect = _OnePage()
    given = samples()
    parts = [f"# {document['info']['title']}: the API\n\n{document['info']['description']}"]
    for group in every:
        parts.append(f'<h2 id="tag-{group.name}">{_title(group)}</h2>\n\n{group.words}\n')
        parts += [section(one, given, dialect) for one in group.operations]
    text = _renderer().render("\n\n".join(parts))
    scrolled = text.replace("<pre>", '<pre tabindex="0">')
    framed = scrolled.replace("<table>", '<div class="wide" tabindex="0"><table>').replace(
        "</table>", "</table></div>"
    )
    menu = f'<nav aria-label="Operations">{_menu(every)}</nav>'
    return f"{_HEAD}{menu}\n<main>\n{framed}</main>\n</body>\n</html>\n".encode()


@lru_cache(maxsize=1)
def _renderer() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("table")


def _title(group: Tag) -> str:
    return html.escape(group.name[:1].upper() + group.name[1:])


def _menu(every: Sequence[Tag]) -> str:
    parts = []
    for group in every:
        links = "".join(
            f'<li><a href="#{one.id}">{html.escape(one.summary)}</a></li>' for one in group.operations
        )
        parts.append(f'<h2><a href="#tag-{group.name}">{_title(group)}</a></h2><ul>{links}</ul>')
    return "".join(parts)
