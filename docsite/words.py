"""How words are spelled in prose: by docsite/words.toml and the glossary. Code and links are as they are."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from docsite.links import prose
from docsite.sources import DOCS

LIST = Path(__file__).parent / "words.toml"
_NOT_PROSE = re.compile(
    r"(`+)(?:(?!\1).)+?\1(?!`)|\]\([^)]*\)|<!--.*?-->|<[^>]+>|https?://\S+|\S+@\S+", re.DOTALL
)
_AROUND = 40


@dataclass(frozen=True, slots=True)
class Word:
    """One word. `never` finds its other spellings; `but` is what stands around those that are right."""

    spelled: str
    never: re.Pattern[str]
    but: re.Pattern[str] | None = None
    files: frozenset[str] = frozenset()
    """In which it is right."""

    def misspelled(self, text: str) -> Iterator[str]:
        """Each variant in a text."""
        for found in self.never.finditer(text):
            around = text[max(0, found.start() - _AROUND) : found.end() + _AROUND]
            if self.but is None or not self.but.search(" ".join(around.split())):
                yield found[0]


def glossary() -> list[str]:
    """Every term that the glossary defines, in its order."""
    rows = re.findall(r"^\| \*\*(.+?)\*\* \|", (DOCS / "glossary.md").read_text("utf-8"), re.MULTILINE)
    return [term.strip() for row in rows for term in row.split(",")]


def listed() -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    """The list, by its parts."""
    return tomllib.loads(LIST.read_text("utf-8"))


@cache
def words() -> tuple[Word, ...]:
    """All of the list, and the glossary's terms of several parts, which have no other joint than theirs."""
    parts = listed()
    found = [
        _listed(spelled, entry)
        for part in ("terms", "ours", "names")
        for spelled, entry in parts[part].items()
    ]
    others = [_of_others(word, entry) for word, entry in parts["others"].items()]
    return (*found, *others, *(_joined(term) for term in glossary() if re.search(r"[ _-]", term)))


def misspelled(markdown: str, file: str = "") -> list[str]:
    """Variants in the prose of a page, with what they should be. `file`: its path below the repository."""
    pieces = (_NOT_PROSE.sub(" ", piece) for is_prose, piece in prose(markdown) if is_prose)
    return misspelled_text("\n".join(pieces), file)


def misspelled_text(text: str, file: str = "") -> list[str]:
    """The same of a text that is nothing but prose."""
    return [
        f"{found!r}: {word.spelled}"
        for word in words()
        if file not in word.files
        for found in word.misspelled(text)
    ]


def _listed(spelled: str, entry: Mapping[str, Any]) -> Word:
    return Word(spelled, _any_of([_as_it_begins(one) for one in entry["never"]]), _context(entry))


def _of_others(word: str, entry: Mapping[str, Any]) -> Word:
    return Word(entry["ours"], _any_of([_as_it_begins(f"{word}s?")]), _context(entry), frozenset(entry["in"]))


def _any_of(patterns: list[str]) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-])(?:{'|'.join(patterns)})(?![\w-])")


def _context(entry: Mapping[str, Any]) -> re.Pattern[str] | None:
    return re.compile("|".join(entry["but"])) if "but" in entry else None


def _joined(term: str) -> Word:
    parts = re.split(r"[ _-]", term)
    others = sorted({joint.join(parts) for joint in ("", " ", "-", "_")} - {term})
    # What is written apart may be two other words in a row, as "fail" and "static" are.
    others = [one for one in others if " " not in one or "_" in term]
    return Word(term, re.compile(rf"(?<![\w-])(?i:{'|'.join(map(re.escape, others))})s?(?![\w-])"))


def _as_it_begins(pattern: str) -> str:
    """The same at the beginning of a sentence; a pattern with capital letters is as it is."""
    plain = pattern[0].islower() and pattern.islower()
    return f"[{pattern[0]}{pattern[0].upper()}]{pattern[1:]}" if plain else pattern
