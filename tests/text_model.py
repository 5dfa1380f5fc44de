"""Records with text and sparse vectors, and what a text query finds among them by looking at every record."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from quartzdb.domain.filter import Filter, matches
from quartzdb.domain.fusion import Fusion, FusionMethod, QueryPart
from quartzdb.domain.text_fields import TextField
from quartzdb.domain.text_query import Clause, Phrase, SparseQuery, TextQuery, WordPrefix, searched_fields
from quartzdb.storage.index.text.analysis import Analyser
from quartzdb.storage.index.text.field_values import sparse_of

TEXT = {
    "title": TextField(),
    "body": TextField(),
    "note": TextField("other", stemming=False, stopwords=False),
}
SPARSE = ("splade",)
WORDS = (
    *(
        "wing",
        "wings",
        "winged",
        "flow",
        "flows",
        "flowing",
        "layer",
        "layers",
        "the",
        "of",
        "and",
        "boundary",
    ),
    *(
        "bound",
        "shock",
        "heat",
        "heating",
        "heated",
        "plate",
        "plates",
        "supersonic",
        "sonic",
        "café",
        "cafe",
    ),
    *("naïve", "x", "東京都", "京都", "ü1", "mach", "theory", "theories", "theoretical"),
)
K1, B = 1.5, 0.75

Model = Mapping[str, Mapping[str, Any]]
Texts = Mapping[str, Sequence[str | None]]
Ranking = list[tuple[str, float]]
"""Ids with their scores, the best first."""


def text(draw: random.Random, words: int) -> str:
    """Some of a few words, common ones often."""
    chosen = [WORDS[min(int(draw.expovariate(0.12)), len(WORDS) - 1)] for _ in range(words)]
    return " ".join(chosen) + draw.choice(["", ".", "!", ", etc."])


def metadata(draw: random.Random) -> dict[str, Any]:
    """Texts, lists of texts, and none."""
    fields: dict[str, Any] = {"group": draw.randrange(6)}
    if draw.random() < 0.8:
        fields["title"] = draw.choice(
            [text(draw, 4), text(draw, 2), [text(draw, 2), text(draw, 3)], "", [], "the of"]
        )
    if draw.random() < 0.9:
        fields["body"] = text(draw, draw.randrange(1, 30))
    if draw.random() < 0.4:
        fields["note"] = text(draw, draw.randrange(1, 80))
    if draw.random() < 0.8:
        indices = draw.sample(range(12), draw.randrange(6))
        fields["splade"] = {
            "indices": [index if index else 2**32 - 1 for index in indices],
            "values": [draw.choice([-1.5, 0.0, 0.25, 1.0, 3.0]) for _ in indices],
        }
    return fields


def queries(draw: random.Random) -> Iterator[TextQuery]:
    """Of every kind."""
    for _ in range(4):
        yield TextQuery(text(draw, draw.randrange(1, 5)))
    for weights in ({"title": 2.0, "body": 1.0}, {"note": 1.0}, {"body": 0.3, "note": 0.9, "title": 0.0}):
        yield TextQuery(text(draw, 3), fields=weights)
    yield TextQuery('heat "boundary layer" sup*')
    yield TextQuery('"the flow of the wing" flo*')
    yield TextQuery("wing wing plate", must=(WordPrefix("th"),), must_not=(WordPrefix("the"),))
    yield TextQuery(must=clauses(draw, 1), should=clauses(draw, 2))
    yield TextQuery(text(draw, 2), must_not=clauses(draw, 1))
    yield TextQuery("京", should=(Phrase("東京都"),))
    yield TextQuery("the of and", must=(Phrase("wing"),))
    yield TextQuery("the of x")
    yield TextQuery("boundary-la* x-wi*", must_not=(WordPrefix("the-pla"),))
    yield TextQuery("nobody has this")


def clauses(draw: random.Random, count: int) -> tuple[Clause, ...]:
    """Phrases and prefixes of words that there are."""
    made: list[Clause] = []
    for _ in range(count):
        pair = f"{draw.choice(WORDS)} {draw.choice(WORDS)}"
        made.append(Phrase(pair) if draw.random() < 0.5 else WordPrefix(draw.choice(WORDS)[:2]))
    return tuple(made)


def found(
    model: Model,
    query: TextQuery,
    condition: Filter | None,
    declared: Mapping[str, TextField] = TEXT,
) -> dict[str, float]:
    """The score of every record that matches, by the definition and nothing else."""
    weights = searched_fields(declared, query.fields)
    analysers = {name: Analyser(declared[name]) for name in weights}
    texts = {
        i: {name: list(_places(analysers[name], m.get(name))) for name in weights} for i, m in model.items()
    }
    lengths = {i: {n: sum(w is not None for w in words) for n, words in t.items()} for i, t in texts.items()}
    documents = [i for i in texts if any(lengths[i].values())]
    total = sum(weights[name] * length for i in documents for name, length in lengths[i].items())
    average = total / len(documents) if documents else 1.0

    stems = {i: {word for words in t.values() for word in words} for i, t in texts.items()}

    def count(i: str, leaf: _Leaf) -> float:
        single = [form[0][1] for form in leaf.values() if form]
        if not any(stem.endswith("*") or stem in stems[i] for stem in single):
            return 0.0  # nothing more than a shortcut
        return sum(
            weights[name] * sum(_stands(texts[i][name], at, form) for at in range(-3, len(texts[i][name])))
            for name, form in leaf.items()
            if form
        )

    def idf(leaf: _Leaf) -> float:
        parts = []
        for number in range(max(map(len, leaf.values()))):
            word = {name: [(0, form[number][1])] for name, form in leaf.items() if number < len(form)}
            df = sum(count(i, word) > 0 for i in documents)
            parts.append(math.log(1 + (len(documents) - df + 0.5) / (df + 0.5)))
        return sum(parts)

    def leaves(of: Sequence[Clause]) -> list[_Leaf]:
        return [leaf for clause in of for leaf in _leaves(clause, analysers) if any(leaf.values())]

    wanted: tuple[Clause, ...] = (*query.wanted, *query.must)
    required, excluded = leaves(query.must), leaves(query.must_not)
    scored = [(leaf, idf(leaf)) for leaf in leaves(wanted)]
    answers = {}
    for i in documents:
        if condition is not None and not matches(condition, model[i]):
            continue
        counts = [(count(i, leaf), weight) for leaf, weight in scored]
        if not all(count(i, leaf) for leaf in required) or any(count(i, leaf) for leaf in excluded):
            continue
        if any(c for c, _ in counts):
            length = sum(weights[name] * n for name, n in lengths[i].items())
            norm = K1 * (1 - B + B * length / average)
            answers[i] = sum(weight * c / (c + norm) for c, weight in counts)
    return answers


def found_sparse(model: Model, query: SparseQuery, condition: Filter | None) -> dict[str, float]:
    """Likewise the product of every record that has an index of the query."""
    asked = dict(zip(query.indices.tolist(), query.values.tolist(), strict=True))
    answers = {}
    for i, fields in model.items():
        if condition is None or matches(condition, fields):
            there = dict(zip(*sparse_of(fields, query.field), strict=True))
            if asked.keys() & there.keys():
                answers[i] = sum(asked[index] * there[index] for index in sorted(asked.keys() & there.keys()))
    return answers


_Leaf = dict[str, list[tuple[int, str]]]
"""By field: words with their distance from the first; with a star at the end, any that begin so."""


def _places(analyser: Analyser, value: Any) -> Iterator[str | None]:
    """The stem at each place, None for what is left out; between two texts nothing stands."""
    texts = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    for number, one in enumerate(t for t in texts if isinstance(t, str)):
        if number:
            yield None
        for word in analyser.words(one):
            yield analyser.stems[word] or None


def _stands(words: Sequence[str | None], at: int, form: Sequence[tuple[int, str]]) -> bool:
    for distance, stem in form:
        place = at + distance
        word = words[place] if at >= 0 and place < len(words) else None
        if word is None or not (word.startswith(stem[:-1]) if stem.endswith("*") else word == stem):
            return False
    return True


def _leaves(clause: Clause, analysers: Mapping[str, Analyser]) -> Iterator[_Leaf]:
    if isinstance(clause, WordPrefix):
        begun: _Leaf = {}
        for name, analyser in analysers.items():
            words, last = analyser.beginning(clause.text)
            stems_of = [(place, analyser.stems[word]) for place, word in enumerate(words)]
            there = [(place, stem) for place, stem in (*stems_of, (len(words), last + "*")) if stem]
            begun[name] = [(place - there[0][0], stem) for place, stem in there]
        yield begun
        return
    stems = {}
    for name, analyser in analysers.items():
        of = [analyser.stems[word] for word in analyser.query_words(clause.text)]
        stems[name] = [stem + "*" if len(stem) == 1 else stem for stem in of]
    if isinstance(clause, Phrase):
        forms: _Leaf = {}
        for name, of in stems.items():
            there = [(place, stem) for place, stem in enumerate(of) if stem]
            forms[name] = [(place - there[0][0], stem) for place, stem in there]
        yield forms
        return
    for place in range(max(map(len, stems.values()))):
        yield {n: [(0, of[place])] if place < len(of) and of[place] else [] for n, of in stems.items()}


def best(scores: Mapping[str, float], top_k: int) -> list[float]:
    """The best scores."""
    return sorted(scores.values(), reverse=True)[:top_k]


def same_scores(left: Sequence[float], right: Sequence[float]) -> bool:
    """As far as 32-bit numbers go."""
    return len(left) == len(right) and bool(np.allclose(left, right, rtol=2e-5, atol=1e-6))


def naively_fused(parts: Mapping[QueryPart, Ranking], fusion: Fusion) -> Ranking:
    """By the definition."""
    scores: dict[str, float] = {}
    for part, ranking in parts.items():
        values = [score for _, score in ranking]
        for name, score in ranking:
            if fusion.method is FusionMethod.RRF:
                added = 1 / (fusion.k + 1 + sum(other > score for other in values))
            else:
                added = fusion.weights[part] * (score - min(values)) / (max(values) - min(values))
            scores[name] = scores.get(name, 0.0) + added
    return sorted(scores.items(), key=lambda one: (-one[1], one[0]))


def in_groups(ranking: Ranking, model: Mapping[str, Mapping[str, object]], per_group: int) -> list[list[str]]:
    """Groups by the field `group`, in the order of their best records. Scores of groups are float32."""
    ordered = sorted(ranking, key=lambda one: (-float(np.float32(one[1])), one[0]))
    groups: dict[object, list[str]] = {}
    for name, _ in ordered:
        if model[name].get("group") is not None:
            groups.setdefault(model[name]["group"], []).append(name)
    return [ids[:per_group] for ids in groups.values()]
