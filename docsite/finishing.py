"""What is done to the generator's pages: scripts into files, a policy that allows nothing from elsewhere, and a link to
the same page as Markdown.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import partial
from pathlib import Path

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' {}; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'"
)
"""Of every page, with the hash of the one style that the theme's script adds, which is that of the search."""
MOUNT = "/docs/"
"""Where the site is served. Only the page for what is not there needs to know, as it is shown at any depth."""

_SEARCH_STYLE = re.compile(r"""\bvar Tc='((?:[^'\\])*)';""")
_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_ALIGNED = re.compile(r'(<t[hd]) style="text-align: (\w+);"')
_CHARSET = '<meta charset="utf-8">'


class UnexpectedPage(ValueError):
    """The generator made a page that this does not understand: it is not the pinned one."""


def finish(site: Path) -> None:
    """Every page of a built site, in place. Raises UnexpectedPage."""
    scripts = site / "assets/javascripts"
    policy = POLICY.format(_style_hash(scripts))
    for file in sorted(site.rglob("*.html")):
        html = file.read_text("utf-8")
        if _CHARSET not in html:
            raise UnexpectedPage(f"{file.relative_to(site)} has no {_CHARSET}")
        path = str(file.relative_to(site))
        if path == "404.html":
            html = re.sub(r'((?:href|src)="|new URL\("|"base":"|"search":")/(?!/)', rf"\g<1>{MOUNT}", html)
        html = _INLINE.sub(partial(_external, scripts=scripts, page=file), html)
        html = _ALIGNED.sub(r'\1 class="\2"', html)
        html = _one_navigation(html.replace("<th></th>", "<td></td>"))  # a head without words is a cell
        head = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        head += f'<script src="{_base(file, site)}assets/site.js"></script>'
        if path != "404.html":
            head += f'<link rel="alternate" type="text/markdown" href="{_markdown_of(path)}">'
        html = html.replace(_CHARSET, _CHARSET + head, 1)
        if found := re.search(r"<style|\sstyle=|\son\w+=\"", html):
            raise UnexpectedPage(f"{path} has what its policy forbids: {html[found.start() :][:80]}")
        file.write_text(html, "utf-8")


def _external(inline: re.Match[str], *, scripts: Path, page: Path) -> str:
    """An inline script as a file, which runs at the same point of the page."""
    script = inline[1]
    name = f"inline-{hashlib.sha256(script.encode()).hexdigest()[:12]}.js"
    (scripts / name).write_text(script, "utf-8")
    return f'<script src="{_base(page, scripts.parents[1])}assets/javascripts/{name}"></script>'


def _one_navigation(html: str) -> str:
    """Sections inside the navigation are no landmarks of their own: each would need a name that no other has."""
    open_ones: list[bool] = []

    def tag(match: re.Match[str]) -> str:
        if match[0] != "</nav>":
            open_ones.append("data-md-level=" in match[0] and 'data-md-level="0"' not in match[0])
            return match[0].replace("<nav", '<div role="group"', 1) if open_ones[-1] else match[0]
        return "</div>" if open_ones.pop() else match[0]

    return re.sub(r"<nav\b[^>]*>|</nav>", tag, html)


def _base(page: Path, site: Path) -> str:
    """The top of the site as seen from a page."""
    return MOUNT if page.name == "404.html" else "../" * (len(page.relative_to(site).parts) - 1)


def _style_hash(scripts: Path) -> str:
    """Of the style that the theme's bundle puts into the page, as policies name it."""
    (bundle,) = scripts.glob("bundle.*.js")
    found = _SEARCH_STYLE.search(bundle.read_text("utf-8"))
    if found is None:
        raise UnexpectedPage(f"{bundle.name} has another style for its search: look what it adds to a page")
    return f"'sha256-{base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()}'"


def _markdown_of(path: str) -> str:
    """The relative link from a page to its Markdown: a/b/index.html is made of a/b.md or a/b/index.md."""
    folder = path.removesuffix("index.html").rstrip("/")
    return f"../{folder.rpartition('/')[2]}.md" if folder else "index.md"
