"""Relevance: scores from 0, not alike, to 1, the same."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt


def relevance_of(metric: str) -> Callable[[float], float]:
    """What makes relevance of a score of that metric. Of `dot` and `euclidean` it is true for vectors of length 1."""
    return _of_distance if metric == "euclidean" else _of_similarity


def _of_similarity(score: float) -> float:
    """Right angles, and all beyond, are not alike."""
    return min(1.0, max(0.0, score))


def _of_distance(score: float) -> float:
    """A score is the negative distance, and at right angles that is √2."""
    return min(1.0, max(0.0, 1.0 + score / sqrt(2)))
