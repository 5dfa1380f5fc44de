"""Fusion: one ranking of the rankings that the parts of a question give.

By reciprocal rank only places count, so scores of different kinds need not be comparable: Cormack, Clarke and Büttcher,
"Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods", SIGIR 2009. By weights, the scores
of each part are first stretched to 0 … 1.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from typing import NamedTuple, TypeVar

from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.limits import FUSION_K_MAX, FUSION_WEIGHT_MAX
from quartzdb.domain.values import dataclass

Key = TypeVar("Key", bound=Hashable)


class QueryPart(StrEnum):
    """What a question may have beside a filter."""

    VECTOR = "vector"
    TEXT = "text"
    SPARSE = "sparse"


class FusionMethod(StrEnum):
    """How the rankings of parts become one."""

    RRF = "rrf"
    WEIGHTED = "weighted"


class PartRank(NamedTuple):
    """Where a record stands in the ranking of one part, and with which score of that part. `rank`: one more than there
    are better ones, so equals share it.
    """

    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Fusion:
    """`k` is of reciprocal ranks: how little the first places stand out. `weights` are of weighted scores, one for each
    part of the question. Raises InvalidArgument.
    """

    method: FusionMethod = FusionMethod.RRF
    k: int = 60
    weights: Mapping[QueryPart, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 1 <= self.k <= FUSION_K_MAX:
            raise InvalidArgument(f"`k` is 1 to {FUSION_K_MAX}, not {self.k}.", field="k")
        for part, weight in self.weights.items():
            if not (math.isfinite(weight) and 0 <= weight <= FUSION_WEIGHT_MAX):
                raise InvalidArgument(f"A weight is a number from 0 to {FUSION_WEIGHT_MAX:g}.", field=part)

    def check(self, parts: Collection[QueryPart]) -> None:
        """Raises InvalidArgument where the weights are not those of these parts."""
        if self.method is FusionMethod.RRF:
            return
        for part in QueryPart:
            if (part in self.weights) != (part in parts):
                wrong = "has no weight" if part in parts else "has a weight but is not asked for"
                raise InvalidArgument(
                    f"The part `{part}` of the query {wrong}.",
                    field=f"fusion.{part}",
                    hint="Give a weight to each part that is asked for, and to no other.",
                )
        if not any(self.weights.values()):
            raise InvalidArgument("No part has a weight above 0.", field="fusion")


RRF = Fusion()
"""What is done where nothing is said."""


def shared_ranks(scores: Sequence[float]) -> list[int]:
    """The ranks of scores, best first: 1, 2, 2, 4. What is as good counts as much, whatever it is called."""
    ranks: list[int] = []
    for place, score in enumerate(scores, 1):
        ranks.append(ranks[-1] if ranks and score == scores[place - 2] else place)
    return ranks


def fused(
    rankings: Mapping[QueryPart, Sequence[tuple[Key, float]]], fusion: Fusion
) -> dict[Key, tuple[float, Mapping[QueryPart, PartRank]]]:
    """The fused score of each key, higher is better, and where it stands in each ranking that has it.

    Rankings are (key, score), best first, each key once. By reciprocal rank a score is the sum of 1 / (k + rank); by
    weights it is the sum of weight × (score - lowest) / (highest - lowest), where equal scores are all 1. A ranking
    that does not have a key adds nothing.
    """
    found: dict[Key, dict[QueryPart, PartRank]] = {}
    scores: dict[Key, float] = {}
    for part, ranking in rankings.items():
        if not ranking:
            continue
        highest, lowest = ranking[0][1], ranking[-1][1]
        ranks = shared_ranks([score for _, score in ranking])
        for rank, (key, score) in zip(ranks, ranking, strict=True):
            found.setdefault(key, {})[part] = PartRank(rank, score)
            if fusion.method is FusionMethod.RRF:
                added = 1.0 / (fusion.k + rank)
            else:
                share = 1.0 if highest == lowest else (score - lowest) / (highest - lowest)
                added = fusion.weights[part] * share
            scores[key] = scores.get(key, 0.0) + added
    return {key: (scores[key], found[key]) for key in found}
