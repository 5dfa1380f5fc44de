"""The yardstick: exact search by brute force over every live vector, for measuring an answer's recall."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from quartzdb.storage.index.engines.exact import scan_scores

if TYPE_CHECKING:
    from quartzdb.domain.namespace import Namespace
    from quartzdb.domain.vector import Vector
    from quartzdb.wiring.embedded import Database


def exact_search(
    database: Database, namespace: Namespace, question: Vector, top_k: int
) -> tuple[list[str], float, int]:
    """The ids of the `top_k` best, how many milliseconds it took, and how many vectors were compared."""
    view = database.readers.of(namespace).view()
    begun = time.perf_counter()
    scored: list[tuple[float, str]] = []
    compared = 0
    for part in view.parts:
        scores = scan_scores(part.segment.vectors, view.metric, question)
        scores = np.where(part.alive, scores, -np.inf)
        rows = np.argsort(-scores, kind="stable")[:top_k].tolist()
        scored += [
            (float(scores[row]), record.id) for row, record in part.segment.records.at_rows(rows).items()
        ]
        compared += part.alive_count
    if view.tail.alive_count:
        scores = np.where(view.tail.alive, view.tail.scores(view.metric, question), -np.inf)
        scored += [
            (float(scores[row]), view.tail.ids[row])
            for row in np.argsort(-scores, kind="stable")[:top_k].tolist()
        ]
        compared += view.tail.alive_count
    best = sorted(scored, key=lambda hit: (-hit[0], hit[1]))[:top_k]
    return [record_id for _, record_id in best], (time.perf_counter() - begun) * 1000, compared


def recall(found: list[str], exact: list[str]) -> float:
    """The share of the exact answer that was found."""
    return len(set(found) & set(exact)) / len(exact) if exact else 1.0
