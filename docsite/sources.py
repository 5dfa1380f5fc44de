"""Which files are pages of the site, and in which order: mkdocs.yml's `nav`, and files from outside docs/."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
CONFIGURATION = ROOT / "mkdocs.yml"

ADOPTED: Mapping[str, str] = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "README.md": "readme.md",
    "SECURITY.md": "security-policy.md",
    "benchmarks/README.md": "measuring.md",
    "clients/conformance/README.md": "conformance.md",
    "cloudflare/README.md": "reference-worker.md",
    "local/stripe/README.md": "stripe-stand-in.md",
}
"""Files of the repository outside docs/ that are pages, and their names there."""

EXCLUDED: Mapping[str, str] = {
    "diagrams/README.md": "says how the diagrams are drawn: for whoever changes them",
}
"""Files of docs/ that are no pages, and why."""


def configuration() -> dict[str, Any]:
    """mkdocs.yml, without its tags of Python objects, which are the generator's concern."""
    document: dict[str, Any] = yaml.safe_load(re.sub(r"!!python/\S+", "", CONFIGURATION.read_text("utf-8")))
    return document


def pages() -> list[str]:
    """Paths of the pages below the site's sources, in the order of `nav`."""
    return list(_leaves(configuration()["nav"]))


def sections() -> list[tuple[str, list[str]]]:
    """The top of `nav`: each section with its pages in order."""
    return [(name, list(_leaves(inside))) for one in configuration()["nav"] for name, inside in one.items()]


def _leaves(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        for inside in part.values():
            yield from _leaves(inside)
    else:
        for inside in part:
            yield from _leaves(inside)


def written() -> dict[str, Path]:
    """Every page that somebody writes, by its path below the site's sources, whether or not `nav` has it."""
    found = {str(file.relative_to(DOCS)): file for file in sorted(DOCS.rglob("*.md"))}
    found = {name: file for name, file in found.items() if name not in EXCLUDED}
    return found | {name: ROOT / file for file, name in ADOPTED.items()}
