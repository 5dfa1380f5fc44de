"""The site's sources: docs/ and what is adopted from outside it, in one folder, with links as they are there."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from docsite.links import ELSEWHERE, Link, between, file_of, replaced
from docsite.sources import ADOPTED, CONFIGURATION, DOCS, EXCLUDED, ROOT, configuration, written

STATIC = Path(__file__).parent / "static"
PROGRAMS = ROOT / "layers/platform/python/quartzdb_platform/console/static/data/programs.js"
"""A call as programs: the playground shows them as the console does."""


def stage(folder: Path, *, version: str, made: Mapping[str, str]) -> None:
    """Put the configuration and all sources into an empty folder. `made`: pages that are made of the code, by path."""
    text = CONFIGURATION.read_text("utf-8").replace("{version}", version)
    (folder / CONFIGURATION.name).write_text(text, "utf-8")
    sources = folder / "docs"
    shutil.copytree(DOCS, sources)
    for name in EXCLUDED:
        (sources / name).unlink()
    for name, file in written().items():
        _put(sources / name, moved(file.read_text("utf-8"), name, file))
    for name, text in made.items():
        _put(sources / name, text)
    shutil.copytree(STATIC, sources / "assets")
    shutil.copy(PROGRAMS, sources / "assets/playground")


def moved(text: str, name: str, file: Path) -> str:
    """The text of a file with the links that it has in the site, as the page `name`."""
    return replaced(text, lambda link: _link(link, name, file))


def _link(link: Link, name: str, page_file: Path) -> str | None:
    if ELSEWHERE.match(link.target) or link.target.startswith("#"):
        return None
    file, anchor = file_of(link.target, page_file)
    if file.is_dir():
        file /= "README.md"
    inside = _name_of(file)
    if inside is None:
        return _source(link, file)
    target = between(name, inside) + (f"#{anchor}" if anchor else "")
    return f"{'!' if link.image else ''}[{link.text}]({target})"


def _name_of(file: Path) -> str | None:
    """Where a file of the repository is in the site, if it is there."""
    path = str(file.relative_to(ROOT)) if file.is_relative_to(ROOT) else ""
    if path in ADOPTED:
        return ADOPTED[path]
    inside = str(file.relative_to(DOCS)) if file.is_relative_to(DOCS) else None
    return None if inside in EXCLUDED else inside


def _source(link: Link, file: Path) -> str:
    """A link to the source: to where mkdocs.yml says it is published, and until that is said no link."""
    where = configuration().get("repo_url")
    if not where:
        return link.text
    return f"[{link.text}]({where}/blob/main/{file.relative_to(ROOT)})"


def _put(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
