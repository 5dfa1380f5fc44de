"""An opened graph, and the codes of ivf beside it for what a graph is bad at.

Under a filter the graph is walked as without one, and only allowed rows are kept: so the fewer there are, and the
further from the query, the longer the way. The kernel compares all of a few rows instead, and says for certain which
are the best; of many rows, where a walk leads nowhere soon enough, the codes find some.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence

import numpy as np

from quartzdb.domain.deadline import require_time
from quartzdb.domain.vector import Mask, Matrix, Rows, Vector
from quartzdb.storage.index.engines.allowed_bits import AllowedBits
from quartzdb.storage.index.engines.graph import Graph
from quartzdb.storage.index.engines.kernel_graph import KernelGraph, Limits
from quartzdb.storage.index.engines.long_rows import added
from quartzdb.storage.index.engines.port import Best, Index, one_by_one
from quartzdb.storage.index.engines.recall_levels import ByRecall
from quartzdb.storage.index.engines.search_parameters import SearchParameterTable

LOOSE_SHARE_MIN = 0.2
"""From this share of allowed rows on, the nearest of all rows may well hold enough of them, and are tried first."""
SPARE_SHARE = 0.3
SPARE_ROWS = 8
"""How many more of the nearest rows are looked at than hold the results on average."""
FILTERED_RECALL = 0.98
"""What a search under a filter keeps to where nothing is asked for. Without one it is less."""
NO_FILTER_SHARE = 0.9
"""Where more rows than this are allowed, the others are no filter."""
_TINY = 1e-9
VISITS_BEFORE, VISITS_PER_EF = 200, 13
"""Rows that a walk comes to on its way down, and for one of those it keeps (measured at 100,000 × 384)."""
VISITS_FACTOR = 2
"""A walk that comes to this many times as many rows as usual leads away from what is allowed, and is given up,"""
CODES_VISITS = 8_000
"""unless the codes, which are asked then, would take longer than to come to so many rows."""
ALLOWED_FACTOR = 0.4
"""It is given up early where this share of the allowed rows that it takes has not come after a fourth of the way."""
COMPARED_FACTOR = 4
"""So many rows are compared one after the other in the time in which a walk comes to one."""
COMPARED_MAX = 1 << 15
"""Up to so many rows, to compare them all takes no longer than the codes do, and is exact."""
LISTED_MIN = 256
"""Of fewer rows, scores of all are there sooner."""
_OPENING_SECONDS = 0.05
"""What opening codes may take, with the import of their library; it cannot be broken off."""


class HnswIndex:
    """One opened index. Searching changes nothing in it, so any number of threads may.

    `codes` opens those beside the graph, which filters need and few other searches: most of what a fresh process takes
    to its first answer is the import of the library that searches them.
    """

    def __init__(
        self,
        graph: Graph | KernelGraph,
        *,
        plain: ByRecall[SearchParameterTable],
        long: Rows,
        codes: Callable[[], Index],
        codes_bytes: int,
        file_bytes: int,
    ) -> None:
        self._graph = graph
        self._plain = plain
        self._long = long
        self._open_codes = codes
        self._codes_bytes = codes_bytes
        self._opened: Index | None = None
        self._opening = threading.Lock()
        self._file_bytes = file_bytes
        self._bits = AllowedBits()

    def candidates(
        self, query: Vector, count: int, allowed: Mask | None = None, recall: float | None = None
    ) -> Rows:
        """Rows to rescore, ascending, so that reads from a mapped file go forward."""
        if allowed is None:
            found = self._nearest(query, count, recall)
            if found is not None and found.size >= min(count, self._graph.rows):
                return self._with_long(found, None)
            return self._codes.candidates(query, count, None, recall)
        if isinstance(self._graph, KernelGraph):
            found = self._walked(self._graph, query, count, recall, allowed)
        else:
            found = self._loosely(query, count, recall, allowed)
        return self._codes.candidates(query, count, allowed, recall) if found is None else found

    def candidates_of_each(self, queries: Matrix, count: int, recall: float | None = None) -> Sequence[Rows]:
        """One after the other: each finds its own way through the graph, so that together they share nothing."""
        return one_by_one(self, queries, count, recall)

    def best(
        self, query: Vector, count: int, recall: float | None = None, allowed: Mask | None = None
    ) -> Best | None:
        """In one call of the kernel, where rows are in memory."""
        graph = self._graph
        if not (isinstance(graph, KernelGraph) and graph.scores):
            return None
        if self._plain.at(count, recall) is None:
            # No walk is known to find so much: what a scan would.
            return self.exactly(query, count, None, allowed)
        if allowed is not None:
            return self._best_among(graph, query, count, recall, allowed)
        effort = self._effort(count, recall)
        found = None if effort is None else graph.best(query, count, *effort)
        return None if found is None or found.rows.size < min(count, graph.rows) else found

    def exactly(
        self, query: Vector, count: int, rows: Rows | None = None, allowed: Mask | None = None
    ) -> Best | None:
        """By codes, and scores of what those leave; where rows are in memory, and not too few for it to pay."""
        graph = self._graph
        if not (isinstance(graph, KernelGraph) and graph.scores):
            return None
        if rows is not None:
            return graph.best_listed(query, count, rows) if rows.size >= LISTED_MIN else None
        return graph.best_allowed(query, count, None if allowed is None else self._bits.of(allowed).bits)

    @property
    def resident_bytes(self) -> int:
        """The files, which a busy index has in memory though they are mapped, and what the codes take."""
        of_codes = self._codes_bytes if self._opened is None else self._opened.resident_bytes
        return self._file_bytes + of_codes + self._bits.resident_bytes

    @property
    def _codes(self) -> Index:
        """Opened when they are first needed. Raises Corrupted."""
        if self._opened is None:
            require_time(_OPENING_SECONDS)
            with self._opening:
                if self._opened is None:
                    self._opened = self._open_codes()
        return self._opened

    def _nearest(self, query: Vector, count: int, recall: float | None) -> Rows | None:
        """Rows by their bytes, nearest first, as many as rescoring needs for `count`; None beyond calibration."""
        effort = self._effort(count, recall)
        return None if effort is None else self._graph.search(query, *effort)

    def _effort(self, count: int, recall: float | None) -> tuple[int, int] | None:
        """How many rows to rescore, and ef; None beyond calibration."""
        search_parameters = self._plain.at(count, recall)
        if search_parameters is None or count > search_parameters.count_max:
            return None
        parameter, depth = search_parameters.at(count)
        return min(depth, self._graph.rows), math.ceil(parameter)

    def _best_among(
        self,
        graph: KernelGraph,
        query: Vector,
        count: int,
        recall: float | None,
        allowed: Mask,
    ) -> Best:
        bits, matches = self._bits.of(allowed)
        effort = self._effort_among(matches, count, recall)
        wanted = min(count, matches)
        found: Best | None = None
        if effort is not None and not self._is_compared(graph, matches, effort):
            found = graph.best(query, count, *effort, bits, self._limits(matches, effort))
        if (found is None or found.rows.size < wanted) and matches <= COMPARED_MAX:
            found = graph.best_allowed(query, count, bits)
        if found is None or found.rows.size < wanted:
            found = self._codes.best(query, count, recall, allowed)
        if found is None:
            found = graph.scored(query, self._codes.candidates(query, count, allowed, recall))
        return found

    def _walked(
        self, graph: KernelGraph, query: Vector, count: int, recall: float | None, allowed: Mask
    ) -> Rows | None:
        """Rows that the graph proposes of the allowed ones; None where the codes are better at it."""
        bits, matches = self._bits.of(allowed)
        effort = self._effort_among(matches, count, recall)
        if effort is None:
            return None
        if self._is_compared(graph, matches, effort):
            compared = graph.best_allowed(query, effort[0], bits)
            return None if compared is None else np.sort(compared.rows)
        found = graph.search(query, *effort, bits, self._limits(matches, effort))
        return None if found is None or found.size < min(count, matches) else self._with_long(found, allowed)

    def _effort_among(self, matches: int, count: int, recall: float | None) -> tuple[int, int] | None:
        """That of three times as many of all rows as hold the results on average, as far as those are allowed; and
        at least that without a filter, since all near rows may be allowed.
        """
        share = matches / self._graph.rows
        # Rows that died are no filter, and few.
        spare = min(1.0, max(0.0, (NO_FILTER_SHARE - share) / (NO_FILTER_SHARE - 0.5)))
        among = FILTERED_RECALL if recall is None and spare else recall
        looked_at = math.ceil(count * (1 + 2 * spare) / max(share, _TINY) + SPARE_ROWS * spare)
        # What many results cannot be promised, few may be.
        least, of_all = (
            self._effort(many, among) or self._effort(many, recall) for many in (count, looked_at)
        )
        if least is None or of_all is None:
            return least
        depth, parameter = (
            max(math.ceil(share * all_of), one) for all_of, one in zip(of_all, least, strict=True)
        )
        return depth, parameter

    def _is_compared(self, graph: KernelGraph, matches: int, effort: tuple[int, int]) -> bool:
        """Whether it is less work to compare all allowed rows than to walk along the graph."""
        usual = _visits(effort) * graph.rows / max(matches, 1)
        return graph.tells_apart and matches <= COMPARED_FACTOR * usual

    def _limits(self, matches: int, effort: tuple[int, int]) -> Limits:
        """How far a walk may lead, before what is done instead would have taken no longer."""
        usual = _visits(effort) * self._graph.rows / max(matches, 1)
        instead = matches / COMPARED_FACTOR if matches <= COMPARED_MAX else CODES_VISITS
        return Limits(
            math.ceil(max(instead, VISITS_FACTOR * usual)),
            math.ceil(ALLOWED_FACTOR * VISITS_PER_EF * max(effort)),
        )

    def _loosely(self, query: Vector, count: int, recall: float | None, allowed: Mask) -> Rows | None:
        """What is allowed of the nearest rows; None where those are not enough, or not worth a try.

        This is no filtering afterwards that could lose results: where the nearest n rows of all hold `count` allowed
        ones, those are the nearest `count` of the allowed, and n are found with the recall that was calibrated for n.
        """
        share = np.count_nonzero(allowed) / self._graph.rows
        if share < LOOSE_SHARE_MIN:
            return None
        looked_at = math.ceil(count / share * (1 + SPARE_SHARE)) + SPARE_ROWS
        found = self._nearest(query, looked_at, recall)
        if found is None or np.count_nonzero(allowed[found[:looked_at]]) < count:
            return None
        return self._with_long(found[allowed[found]], allowed)

    def _with_long(self, found: Rows, allowed: Mask | None) -> Rows:
        if self._long.size:
            return added(found, self._long, allowed)
        found.sort()
        return found


def _visits(effort: tuple[int, int]) -> int:
    """How many rows a walk comes to where all are allowed; where a share is, that many times as many."""
    return VISITS_BEFORE + VISITS_PER_EF * max(effort)
