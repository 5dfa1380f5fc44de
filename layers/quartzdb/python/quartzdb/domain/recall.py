"""Recall: what share of the nearest records a query finds. What is usual, what may be asked for, what is promised.

A promise is what the sample reached on which an index was calibrated when it was built. What an index cannot promise is
searched exactly, so an answer promises what was asked for, or more.
"""

from __future__ import annotations

from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.limits import RECALL_MIN

RECALL_TARGETS = {10: 0.97, 100: 0.97, 1000: 0.95}
"""What is reached on the sample where a query names no recall, by how many results are asked for; between these the
outcome is interpolated.

Since the sample is the harder one, real texts that were not in the data find .975 to .985 of ten at 100k × 384.
"""


def check_recall(recall: float | None, min_recall: float | None) -> None:
    """Raises InvalidArgument for what is no share, and for both at once."""
    for name, share in (("recall", recall), ("min_recall", min_recall)):
        # What is no number compares as neither.
        if share is not None and not RECALL_MIN <= share <= 1.0:
            raise InvalidArgument(
                f"{name} must be {RECALL_MIN:g} to 1, not {share:g}.",
                field=name,
                hint="It is a share, such as 0.95. Leave it out for the usual one; 1 scores every matching record.",
            )
    if recall is not None and min_recall is not None:
        raise InvalidArgument(
            "A query has `recall` or `min_recall`, not both.",
            field="min_recall",
            hint="`recall` is what to aim at, also below the usual; `min_recall` is at least that, and never less than "
            "the usual.",
        )


def usual_recall(count: int) -> float:
    """What is promised of the best `count` where nothing is asked for."""
    return next(
        (share for most, share in RECALL_TARGETS.items() if count <= most), min(RECALL_TARGETS.values())
    )


def effort_for(recall: float | None, min_recall: float | None, count: int) -> float | None:
    """The recall to search the best `count` by; None is the usual, which is enough for a floor that is not above it."""
    if min_recall is None:
        return recall
    return None if min_recall <= usual_recall(count) else min_recall


def promised_recall(effort: float | None, count: int, *, exact: bool) -> float:
    """What an answer promises that was searched by this effort."""
    if exact:
        return 1.0
    return usual_recall(count) if effort is None else effort
