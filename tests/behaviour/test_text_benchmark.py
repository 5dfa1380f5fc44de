"""What the benchmark of search by words measures: judged as others judge, on texts that repeat by their seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.text import quality
from benchmarks.text_collection import ndcg, read_collection, recall, short_questions, short_texts
from benchmarks.text_contenders import Fts5, QuartzDB

DOCUMENTS = """{"id": "a", "title": "Wings in a flow", "text": "Lift of swept wings was measured."}
{"id": "b", "title": "Heat", "text": "Heat conduction in composite slabs, and flow of heat."}
{"id": 3, "title": "", "text": "Nothing of the kind."}
"""
QUESTIONS = """{"id": 1, "text": "what is the lift of a wing"}
{"id": 2, "text": "conduction of heat"}
{"id": 3, "text": "nobody judged an answer to this"}
{"id": 4, "text": "all that was judged is not relevant"}
"""
GRADES = "query\tdoc\tgrade\n1\ta\t3\n1\tb\t1\n2\tb\t2\n2\t3\t0\n4\ta\t0\n"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "docs.jsonl").write_text(DOCUMENTS)
    (tmp_path / "queries.jsonl").write_text(QUESTIONS)
    (tmp_path / "qrels.tsv").write_text(GRADES)
    return tmp_path


def test_gain_is_exponential_and_what_nobody_judged_has_none() -> None:
    """By hand: a grade of 3 first would be 7, here it comes second; one of 1 is third."""
    relevant = {"a": 3, "b": 1}
    assert ndcg(["unknown", "a", "b"], relevant) == pytest.approx(
        (7 / 1.5849625 + 1 / 2) / (7 + 1 / 1.5849625), rel=1e-6
    )
    assert ndcg(["a", "b"], relevant) == 1
    assert ndcg(["x"] * 10 + ["a"], relevant) == 0
    assert recall(["x", "a"], relevant) == 0.5
    assert recall(["x", "a"], relevant, depth=1) == 0


def test_questions_without_a_relevant_document_are_left_out(directory: Path) -> None:
    """Nothing could be found for them, whoever searches."""
    collection = read_collection(directory)
    assert [question for question, _ in collection.judged] == [
        "what is the lift of a wing",
        "conduction of heat",
    ]
    assert collection.ids == ["a", "b", "3"]


def test_a_collection_is_indexed_and_judged(directory: Path) -> None:
    """Through the whole database, and beside it."""
    collection = read_collection(directory)
    for contender in (QuartzDB("QuartzDB"), QuartzDB("one field", one_field=True), Fts5()):
        figures = quality(contender, collection)
        assert figures["questions"] == 2
        # Document b has no word of the first question but "of", which FTS5 keeps.
        assert figures["recall@100"] == (1 if contender.name == "SQLite FTS5" else 0.75)
        assert 0.5 < float(str(figures["nDCG@10"])) <= 1


def test_short_texts_repeat_by_their_seed() -> None:
    """So that two runs measure the same."""
    sources = ["one two three four five six seven eight nine ten eleven twelve", "too short"]
    texts = short_texts(sources, 20, 5)
    assert texts == short_texts(sources, 20, 5) != short_texts(sources, 20, 6)
    assert all(5 <= len(text.split()) - 1 <= 15 for text in texts)
    assert short_questions(texts, 5, 1) == short_questions(texts, 5, 1)
