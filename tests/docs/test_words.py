"""Our words are spelled one way, in all prose: the glossary's, and names of what we build on (docsite/words.toml)."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docsite.sources import ROOT
from docsite.words import glossary, listed, misspelled, misspelled_text, words
from tests.docs.examples import markdown_files

CONSOLE = ROOT / "layers/platform/python/quartzdb_platform/console"
SITE = ROOT / "docsite/static"
SCRIPTS = [*CONSOLE.glob("static/*.js"), *CONSOLE.glob("static/data/*.js"), *SITE.rglob("*.js")]
SCRIPTS.remove(SITE / "playground/questions.js")  # questions with vectors: as somebody may ask them
_SCRIPT_TEXT = re.compile(r"\"((?:[^\"\\\n]|\\.)*)\"|'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\]|\\.)*)`")


def name(file: Path) -> str:
    return str(file.relative_to(ROOT))


def said_by_script(source: str) -> Iterator[str]:
    """Texts of a script that somebody reads: those of several words."""
    code = re.sub(r"^\s*(//|\*|/\*).*$", "", source, flags=re.MULTILINE)
    for found in _SCRIPT_TEXT.finditer(code):
        text = re.sub(r"\$\{[^}]*\}", " ", next(one for one in found.groups() if one is not None))
        if re.search(r"[a-z] [a-z]", text):
            yield text


def said_by_template(source: str) -> str:
    """What a template shows, and what it says of fields."""
    shown = re.sub(r"\{[%{#].*?[%}#]\}", " ", source, flags=re.DOTALL)
    attributes = " ".join(re.findall(r"(?:title|placeholder|alt|aria-label)=\"([^\"]*)\"", shown))
    return f"{re.sub(r'<[^>]+>', ' ', shown)} {attributes}"


def said_by_words(part: Any) -> Iterator[str]:
    """Every text of a file of texts."""
    if isinstance(part, dict):
        for inside in part.values():
            yield from said_by_words(inside)
    elif isinstance(part, list):
        for inside in part:
            yield from said_by_words(inside)
    else:
        yield re.sub(r"<[^>]+>|\{\w+\}", " ", str(part))


@pytest.mark.parametrize("file", markdown_files(), ids=name)
def test_words_of_pages_are_spelled_one_way(file: Path) -> None:
    """Code, links and quoted names are as they are."""
    assert misspelled(file.read_text("utf-8"), name(file)) == []


@pytest.mark.parametrize("file", SCRIPTS, ids=name)
def test_words_of_scripts_are_spelled_one_way(file: Path) -> None:
    """Of the console, of the playground and of the calculators."""
    assert [one for text in said_by_script(file.read_text("utf-8")) for one in misspelled_text(text)] == []


def test_words_of_the_console_are_spelled_one_way() -> None:
    """Those of its file of texts, and what its templates have beside them."""
    texts = list(said_by_words(tomllib.loads((CONSOLE / "words/en.toml").read_text("utf-8"))))
    assert len(texts) > 300
    assert [one for text in texts for one in misspelled_text(text)] == []
    templates = sorted(CONSOLE.glob("templates/*.html"))
    assert len(templates) > 30
    assert [
        one for file in templates for one in misspelled_text(said_by_template(file.read_text("utf-8")))
    ] == []


def test_the_list_is_of_our_words() -> None:
    """Its terms are in the glossary, which defines each once; and no variant is how another word is spelled."""
    assert [term for term in listed()["terms"] if term not in glossary()] == []
    assert [term for term, times in Counter(glossary()).items() if times > 1] == []
    for word in words():
        for other in words():
            assert not word.never.fullmatch(other.spelled), f"{other.spelled} is a variant of {word.spelled}"
    assert len(words()) > 70


def test_every_exception_is_needed() -> None:
    """What stands around a variant that is right is in some text."""
    pages = [" ".join(one.read_text("utf-8").split()) for one in markdown_files()]
    for part in listed().values():
        for spelled, entry in part.items():
            for context in entry.get("but", ()):
                assert any(re.search(context, page) for page in pages), f"{spelled}: nothing has {context!r}"
    for word, entry in listed()["others"].items():
        for file in entry["in"]:
            assert re.search(rf"(?i){word}", (ROOT / file).read_text("utf-8")), f"{file} has no {word}"


def test_a_variant_is_found() -> None:
    """In prose, and in prose alone."""
    assert misspelled("A name space of Dynamodb.") == ["'name space': namespace", "'Dynamodb': DynamoDB"]
    assert misspelled("`top-k` and [x](top-k.md)\n\n```sh\nname space\n```\n") == []
    assert misspelled("The top-k of a collection, by change-feed.") == [
        "'collection': namespace", "'top-k': top_k", "'change-feed': change feed",
    ]  # fmt: skip
    assert misspelled("Garbage collection, and a top_k.") == []
    assert misspelled("A collection.", "docs/tutorials/migrating.md") == []
    assert misspelled_text("Your email, and your API-keys.") == ["'API-keys': API key", "'email': e-mail"]
    assert list(said_by_script('// a name space\nf("id", "your name space", `of ${x} tomb stones`);')) == [
        "your name space", "of   tomb stones",
    ]  # fmt: skip
    assert "name space" in said_by_template('{{ a }}<p title="a name space">{% if b %}</p>')
