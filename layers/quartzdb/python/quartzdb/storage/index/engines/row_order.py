"""In which order lists, and the rows of each, are laid out, so that rows near each other in space are so in a file.

Nothing depends on it but how much a search reads. Candidates of a query lie in a few neighbouring lists, and in one
part of each: laid out so, 160 candidates among 100k rows are 30 runs of blocks where in any other order they are 150.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from quartzdb.domain.vector import Floats, Rows

Float32Matrix = npt.NDArray[np.float32]

ROWS_ARRANGED_MAX = 8_192
"""A list of more rows (copies of one text, mostly) is left as it is: arranging it would take all of it in memory."""
_HALVED_ROWS_MIN = 64
_POWER_ROUNDS = 3


def renumbered(rows: Rows, order: Rows) -> Rows:
    """Where rows lie now that row i is what row `order[i]` was; ascending."""
    places = np.empty_like(order)
    places[order] = np.arange(order.size)
    return np.sort(places[rows])


def chain(centroids: Float32Matrix) -> Rows:
    """A permutation of centroids (k, width) in which each is followed by the nearest that is left.

    It begins with the one furthest from the middle of all.
    """
    order = np.empty(len(centroids), dtype=np.int64)
    left = np.ones(len(centroids), dtype=np.bool_)
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.einsum("ij,ij->i", centroids, centroids)
        at = int(np.argmax(_ordered(squares - 2.0 * (centroids @ centroids.mean(axis=0)))))
        for place in range(len(centroids)):
            order[place] = at
            left[at] = False
            distances = _ordered(squares - 2.0 * (centroids @ centroids[at]))
            at = int(np.argmin(np.where(left, distances, np.inf)))
    return order


def _ordered(distances: Floats) -> Floats:
    """What is beyond float32 is far away, but never as far as what does not take part."""
    largest = float(np.finfo(np.float32).max)
    return np.nan_to_num(distances, nan=largest, posinf=largest, neginf=-largest)


def arranged(groups: Sequence[Rows], load: Callable[[Rows], Float32Matrix]) -> Rows:
    """The rows of all groups, group after group, each arranged from the group before it towards the one behind it.

    `load` gives the coordinates (m, width) of some rows. Few groups are in memory at once.
    """
    filled = [group for group in groups if group.size]
    if not filled:
        return np.empty(0, dtype=np.int64)
    # Rows out of all proportion may come to lie anywhere.
    with np.errstate(over="ignore", invalid="ignore"):
        middles = _middles(filled, load)
        before: Floats | None = None
        own = next(middles)
        parts: list[Rows] = []
        for group in filled:
            behind = next(middles, own)
            coordinates, middle = own
            towards: Floats = behind[1] - (middle if before is None else before)
            parts.append(group if coordinates is None else group[_spread(coordinates, towards)])
            before, own = middle, behind
    return np.concatenate(parts)


def _middles(
    groups: Sequence[Rows], load: Callable[[Rows], Float32Matrix]
) -> Iterator[tuple[Float32Matrix | None, Floats]]:
    """Coordinates of each group, None where it is too large, and their mean; of a large one that of some rows."""
    for group in groups:
        coordinates = load(group[:ROWS_ARRANGED_MAX])
        yield coordinates if group.size <= ROWS_ARRANGED_MAX else None, coordinates.mean(axis=0)


def _spread(coordinates: Float32Matrix, towards: Floats) -> Rows:
    """A permutation by the direction in which rows differ most; then each half of it likewise, down to a few rows."""
    centred = coordinates - coordinates.mean(axis=0)
    direction = towards
    for _ in range(_POWER_ROUNDS):
        stretched = (centred @ direction) @ centred
        length = np.sqrt(stretched @ stretched)
        if not 0.0 < length < np.inf:
            break
        direction = stretched / length
    if direction @ towards < 0:
        direction = -direction
    order = np.argsort(centred @ direction, kind="stable")
    if order.size < 2 * _HALVED_ROWS_MIN:
        return order
    halves = order[: order.size // 2], order[order.size // 2 :]
    return np.concatenate([half[_spread(coordinates[half], towards)] for half in halves])
