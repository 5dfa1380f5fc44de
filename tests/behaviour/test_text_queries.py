"""What a text query and a sparse query are made of, and what is said of those that cannot be asked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest

from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.limits import SPARSE_ENTRIES_MAX, TEXT_CLAUSES_MAX, TEXT_QUERY_CHARACTERS_MAX
from quartzdb.domain.text_fields import LANGUAGES, UNSTEMMED, TextField
from quartzdb.domain.text_query import (
    Clause,
    Phrase,
    TextQuery,
    WordPrefix,
    Words,
    clauses_of,
    searched_fields,
    sparse_query,
)


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("plain words", (Words("plain words"),)),
        ('words "a phrase" pre*', (Words("words"), Phrase("a phrase"), WordPrefix("pre"))),
        ('a "b c" d', (Words("a d"), Phrase("b c"))),
        ('it is "never closed', (Words("it is"), Phrase("never closed"))),
        ('* ** "" "  "', (Words("* **"),)),
        ("C++ a*b", (Words("C++ a*b"),)),
        ("  ", ()),
    ],
)
def test_what_is_written_is_read_as_words_phrases_and_prefixes(
    text: str, clauses: tuple[Clause, ...]
) -> None:
    """Quotation marks make a phrase, a star at the end a prefix; what is neither counts word by word."""
    assert clauses_of(text) == clauses


@pytest.mark.parametrize(
    ("query", "field", "says"),
    [
        ({}, "query", "asks for no word"),
        ({"query": " "}, "query", "asks for no word"),
        ({"must_not": (Words("x"),)}, "query", "asks for no word"),
        ({"should": (Words("x"),) * (TEXT_CLAUSES_MAX + 1)}, "query", "clauses"),
        ({"query": "x" * (TEXT_QUERY_CHARACTERS_MAX + 1)}, "query", "characters"),
        ({"query": "x", "fields": {"a": -1.0}}, "fields.a", "from 0 to"),
        ({"query": "x", "fields": {"a": math.nan}}, "fields.a", "from 0 to"),
        ({"query": "x", "fields": {"a": 0.0}}, "fields", "No field is searched"),
        ({"query": "x", "fields": {}}, "fields", "No field is searched"),
    ],
)
def test_a_text_query_that_cannot_be_asked_says_why(query: dict[str, Any], field: str, says: str) -> None:
    """Nothing to look for, too much, and weights that are none."""
    with pytest.raises(InvalidArgument, match=says) as refused:
        TextQuery(**query)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("weights", "searched"),
    [
        (None, {"body": 1.0, "title": 1.0}),
        ({"title": 2, "body": 1}, {"body": 0.5, "title": 1.0}),
        ({"title": 0.25}, {"title": 1.0}),
        ({"title": 3, "body": 0}, {"title": 1.0}),
    ],
)
def test_weights_say_how_fields_stand_to_each_other(
    weights: Mapping[str, float] | None, searched: dict[str, float]
) -> None:
    """All alike where none are given; a field of weight 0 is left out."""
    assert searched_fields(("title", "body"), weights) == searched


def test_fields_that_are_not_declared_cannot_be_searched() -> None:
    """The error names those that can, or says how text fields come about."""
    with pytest.raises(InvalidArgument, match="'author' is no text field") as unknown:
        searched_fields(("title", "body"), {"author": 1})
    assert unknown.value.hint == "Its text fields are body, title."
    with pytest.raises(InvalidArgument, match="has no text fields") as none:
        searched_fields((), None)
    assert "when a namespace is created" in (none.value.hint or "")


@pytest.mark.parametrize(
    ("indices", "values", "field"),
    [
        ([1, 2], [0.5], "indices"),
        ([], [], "indices"),
        (list(range(SPARSE_ENTRIES_MAX + 1)), [1.0] * (SPARSE_ENTRIES_MAX + 1), "indices"),
        ([1, -1], [0.5, 0.5], "indices[1]"),
        ([2**32], [0.5], "indices[0]"),
        ([True], [0.5], "indices[0]"),
        ([7, 7], [0.5, 0.5], "indices"),
        ([7, 8], [0.5, math.inf], "values[1]"),
        ([7, 8], [1e39, 0.5], "values[0]"),
    ],
)
def test_a_sparse_query_that_cannot_be_asked_says_where(
    indices: list[int], values: list[float], field: str
) -> None:
    """As many values as indices, each index once and below 2**32, numbers that 32 bits can hold."""
    with pytest.raises(InvalidArgument) as refused:
        sparse_query("splade", indices, values)
    assert refused.value.field == field


def test_a_language_is_one_of_those_that_are_known() -> None:
    """The error lists them; those without stemming are among them."""
    assert TextField().language == "english"
    assert set(LANGUAGES) >= UNSTEMMED
    with pytest.raises(InvalidArgument, match="'klingon' is no language") as refused:
        TextField("klingon")
    assert "other" in (refused.value.hint or "")
