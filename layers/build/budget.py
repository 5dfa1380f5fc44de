"""Holds the layers to their sizes."""

from __future__ import annotations

from collections.abc import Mapping

from layers.build.failure import BuildFailed
from layers.build.plan import LAMBDA_UNZIPPED_BYTES_MAX, MB, TOGETHER_BYTES_MAX, UNZIPPED_BYTES_MAX


def check_budget(
    unzipped: Mapping[str, int],
    *,
    each_max: Mapping[str, int] = UNZIPPED_BYTES_MAX,
    together_max: int = TOGETHER_BYTES_MAX,
) -> None:
    """Raise BuildFailed for the layers of one processor (name → bytes) that are too large, alone or together."""
    over = [
        f"{name} is {size / MB:.1f} MB unzipped; its budget is {each_max[name] / MB:.1f} MB"
        for name, size in unzipped.items()
        if size > each_max[name]
    ]
    together = sum(unzipped.values())
    if together > min(together_max, LAMBDA_UNZIPPED_BYTES_MAX):
        over.append(f"together they are {together / MB:.1f} MB; their budget is {together_max / MB:.1f} MB")
    if over:
        raise BuildFailed(
            "Too large: " + "; ".join(over) + ". See what grew, or change layers/build/plan.py."
        )
