"""All samples as the page of the API takes them, in a file of the package: `python -m docsite.samples` writes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from docsite.samples import curl, javascript, python, rust
from docsite.samples.steps import samples
from quartzdb.cli.serve.reference.pages import SAMPLES

FILE: Path = SAMPLES


def document() -> dict[str, list[Mapping[str, str]]]:
    """By operation: the same call in several languages."""
    found: dict[str, list[Mapping[str, str]]] = {}
    for one in samples():
        shown = one.steps[-1:]
        found[one.operation] = [
            _sample("Shell", "curl", curl.shown(shown[0])),
            _sample("Python", "Python", python.program(shown)),
            _sample("JavaScript", "JavaScript", javascript.program(shown)),
            _sample("Rust", "Rust", rust.program(shown)),
        ]
    return dict(sorted(found.items()))


def _sample(language: str, label: str, source: str) -> Mapping[str, str]:
    return {"lang": language, "label": label, "source": source.rstrip("\n")}


def text() -> str:
    """What the file has to be."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"
