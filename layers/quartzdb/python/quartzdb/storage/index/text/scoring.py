"""BM25 as Lucene has it: what a word adds to a score, by how often it is in the record and how many records have it.

idf · count / (count + k1 · (1 - b + b · length / average length)), idf = ln(1 + (n - df + ½) / (df + ½)).
Kamphuis et al., "Which BM25 Do You Mean?", 2020. Counts and lengths are sums over fields, each with its weight
(BM25F; Robertson, Zaragoza and Taylor, "Simple BM25 Extension to Multiple Weighted Fields", 2004): fields of equal
weight are scored as one text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Floats
from quartzdb.storage.index.text.gaps import Numbers
from quartzdb.storage.index.text.inverted import Inverted
from quartzdb.storage.index.text.leaves import AnalysedQuery, Leaf
from quartzdb.storage.index.text.postings import RowNumbers
from quartzdb.storage.index.text.text_statistics import TextStatistics

K1 = 1.5
B = 0.75


@dataclass(frozen=True, slots=True, eq=False)
class Scoring:
    """`leaves` with their weights, those that say most first: in this order every record's score is added up.

    `weights` are those of fields; `average` is the average length of a record's text, by these.
    """

    leaves: Sequence[tuple[Leaf, float]]
    weights: Mapping[str, float]
    average: float

    def norms(self, inverted: Inverted, rows: RowNumbers | Numbers) -> Floats:
        """What each row's length does (m,): k1 · (1 - b + b · length / average length)."""
        lengths = np.zeros(rows.size, dtype=np.float32)
        for name, weight in self.weights.items():
            of_field = inverted.lengths(name)[rows].astype(np.float32)
            lengths += of_field if weight == 1 else of_field * np.float32(weight)
        lengths *= np.float32(K1 * B / self.average)
        lengths += np.float32(K1 * (1 - B))
        return lengths

    def least_norm(self, inverted: Inverted) -> float:
        """That of a text as short as there is none shorter."""
        shortest = min(weight * inverted.shortest(name) for name, weight in self.weights.items())
        return K1 * (1 - B) + K1 * B * shortest / self.average


def scoring_of(asked: AnalysedQuery, statistics: TextStatistics) -> Scoring:
    """What a query's leaves count for in a namespace of these statistics."""
    total = sum(weight * statistics.lengths.get(name, 0) for name, weight in asked.weights.items())
    average = total / statistics.records if statistics.records else 1.0
    leaves = [(leaf, times * _idf(leaf, statistics)) for leaf, times in asked.scored.items()]
    leaves.sort(key=lambda one: (-one[1], one[0].forms))
    return Scoring(leaves, asked.weights, average or 1.0)


def _idf(leaf: Leaf, statistics: TextStatistics) -> float:
    """Of a phrase, that of all its words together, as Lucene has it."""
    return sum(_idf_of_word(word, statistics) for word in leaf.words())


def _idf_of_word(word: Leaf, statistics: TextStatistics) -> float:
    documents = statistics.frequencies.get(word, 0)
    return math.log(1 + (statistics.records - documents + 0.5) / (documents + 0.5))
