"""A collection of texts with questions and judgements, how well an answer does, and short texts made of its words."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SENTENCE_WORDS = 10


@dataclass(frozen=True, slots=True)
class Collection:
    """`documents` are (title, text) by id; `grades` say of some documents how well they answer a question."""

    ids: Sequence[str]
    documents: Sequence[tuple[str, str]]
    questions: Mapping[str, str]
    grades: Mapping[str, Mapping[str, int]]

    @property
    def judged(self) -> Iterator[tuple[str, Mapping[str, int]]]:
        """Questions with what is relevant to them. One to which nothing was judged relevant is left out."""
        for number, text in self.questions.items():
            relevant = {one: grade for one, grade in self.grades.get(number, {}).items() if grade > 0}
            if relevant:
                yield text, relevant

    @property
    def text_bytes(self) -> int:
        """Titles and texts, in UTF-8."""
        return sum(len(title.encode()) + len(text.encode()) for title, text in self.documents)


def read_collection(directory: Path) -> Collection:
    """From docs.jsonl ({"id", "title", "text"}), queries.jsonl ({"id", "text"}) and qrels.tsv (query, doc, grade;
    names in the first line).
    """
    documents = _lines(directory / "docs.jsonl")
    grades: dict[str, dict[str, int]] = {}
    for line in (directory / "qrels.tsv").read_text().splitlines()[1:]:
        question, document, grade = line.split("\t")
        grades.setdefault(question, {})[document] = int(grade)
    return Collection(
        [str(one["id"]) for one in documents],
        [(str(one.get("title") or ""), str(one.get("text") or "")) for one in documents],
        {str(one["id"]): str(one["text"]) for one in _lines(directory / "queries.jsonl")},
        grades,
    )


def ndcg(ranked: Sequence[str], relevant: Mapping[str, int], depth: int = 10) -> float:
    """With gain 2^grade - 1; what nobody judged has none. Järvelin and Kekäläinen, 2002, as web search has it since."""

    def gained(grades: Sequence[int]) -> float:
        return sum((2.0**grade - 1) / math.log2(place + 2) for place, grade in enumerate(grades[:depth]))

    ideal = gained(sorted(relevant.values(), reverse=True))
    return gained([relevant.get(one, 0) for one in ranked]) / ideal


def recall(ranked: Sequence[str], relevant: Mapping[str, int], depth: int = 100) -> float:
    """The share of what is relevant that is among the first."""
    return len(set(ranked[:depth]) & relevant.keys()) / len(relevant)


def short_texts(sources: Sequence[str], count: int, seed: int) -> list[str]:
    """So many texts of about ten words: runs of words as they stand in the sources, with one that is rare in each."""
    draw = random.Random(seed)
    words = [found for text in sources if len(found := text.split()) > _SENTENCE_WORDS]
    texts: list[str] = []
    for _ in range(count):
        of = draw.choice(words)
        length = draw.randint(_SENTENCE_WORDS // 2, _SENTENCE_WORDS * 3 // 2)
        start = draw.randrange(max(1, len(of) - length))
        texts.append(" ".join([*of[start : start + length], f"item{draw.randrange(count)}"]))
    return texts


def short_questions(texts: Sequence[str], count: int, seed: int) -> list[str]:
    """Two to six words of one text each."""
    draw = random.Random(seed)
    chosen = (draw.choice(texts).split() for _ in range(count))
    return [" ".join(draw.sample(words, min(len(words), draw.randint(2, 6)))) for words in chosen]


def _lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
