"""The site for programs that read text: every page as Markdown, and llms.txt, which says what there is."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from docsite.links import ELSEWHERE, Link, between, replaced
from docsite.sources import configuration, pages, sections

_HEADING = re.compile(r"^# (.+)$", re.MULTILINE)


def address(name: str) -> str:
    """Of a page's Markdown, below the site: a folder's index is named as the folder, like its HTML."""
    folder = re.sub(r"/(index|README)\.md$", ".md", name)
    return "index.md" if name == "index.md" else folder


def page_addresses() -> list[str]:
    """Of all pages, below the site, as a browser asks for them: "", "queries/"."""
    found = (address(name).removesuffix(".md") for name in pages())
    return ["" if name == "index" else f"{name}/" for name in found]


def write(site: Path, sources: Path) -> None:
    """Put the Markdown of all pages beside their HTML, and llms.txt and llms-full.txt at the top."""
    described = configuration()["site_description"]
    short = [
        f"# QuartzDB\n\n> {described}\n\nEvery page is here as Markdown; llms-full.txt has all of them in one file.\n"
    ]
    whole = [f"# QuartzDB\n\n> {described}\n"]
    for section, names in sections():
        short.append(f"\n## {section}\n\n")
        for name in names:
            text = _beside((sources / name).read_text("utf-8"), name)
            target = site / address(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8")
            short.append(f"- [{title(text)}]({address(name)}){_summary(text)}\n")
            whole.append(f"\n\n<!-- {address(name)} -->\n\n{text.strip()}\n")
    (site / "llms.txt").write_text("".join(short), "utf-8")
    (site / "llms-full.txt").write_text("".join(whole), "utf-8")


def _beside(text: str, name: str) -> str:
    """The text of a page with links to the Markdown of others, from where its own is."""

    def link(one: Link) -> str | None:
        path, hash_, anchor = one.target.partition("#")
        if ELSEWHERE.match(one.target) or not path:
            return None
        other = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
        target = between(address(name), address(other)) + hash_ + anchor
        return f"{'!' if one.image else ''}[{one.text}]({target})"

    return replaced(text, link)


def title(text: str) -> str:
    """Of a page. Raises ValueError where there is none."""
    found = _HEADING.search(text)
    if found is None:
        raise ValueError(f"A page has no heading: {text[:80]!r}")
    return found[1]


def _summary(text: str) -> str:
    """The first sentence below the heading, if there is one before anything else."""
    below = _HEADING.split(text, maxsplit=1)[2].strip()
    paragraph = " ".join(below.partition("\n\n")[0].split())
    if not paragraph or paragraph[0] in "|#-`<>!":
        return ""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", paragraph)
    return f": {re.split(r'(?<=[.:]) ', plain, maxsplit=1)[0].rstrip(':')}"
