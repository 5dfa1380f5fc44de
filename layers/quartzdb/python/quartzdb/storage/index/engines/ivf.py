"""The IVF engine: rows in lists around centroids, a bit or two per coordinate, rescored from full precision.

How many lists are visited and how many rows are rescored is calibrated at build time. Where one bit cannot reach the
target recall, codes get two; where those do not, the index says so and every search is a scan.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.metric import Metric
from quartzdb.domain.vector import Floats, Mask, Matrix, Rows, Vector, norms_of
from quartzdb.storage.index.engines.allowed_rows import Allowed, AllowedRows
from quartzdb.storage.index.engines.calibration import held_out
from quartzdb.storage.index.engines.centroids import Centroids
from quartzdb.storage.index.engines.codes import Codes
from quartzdb.storage.index.engines.encoded_rows import EncodedRows
from quartzdb.storage.index.engines.exact import ExactIndex
from quartzdb.storage.index.engines.faiss_library import openmp_threads
from quartzdb.storage.index.engines.ivf_calibration import calibrate, near_lists
from quartzdb.storage.index.engines.kernel_codes import KernelCodes
from quartzdb.storage.index.engines.kernel_library import Kernel, kernel
from quartzdb.storage.index.engines.kernel_lists import KernelRanking
from quartzdb.storage.index.engines.long_rows import added, long_rows, parse
from quartzdb.storage.index.engines.port import Best, BuiltIndex, one_by_one
from quartzdb.storage.index.engines.probe_margins import ProbeMarginTable, margins_by_recall
from quartzdb.storage.index.engines.product_codes import mapped_codes
from quartzdb.storage.index.engines.product_quantizer import ProductQuantizer
from quartzdb.storage.index.engines.rabitq_codes import RabitqCodes
from quartzdb.storage.index.engines.recall_levels import ByRecall
from quartzdb.storage.index.engines.rotation import Rotation
from quartzdb.storage.index.engines.row_order import arranged, renumbered
from quartzdb.storage.index.engines.search_parameters import SearchParameterTable, parameters_by_recall
from quartzdb.storage.index.segments.segment_files import EngineFiles
from quartzdb.storage.index.segments.stored_vectors import StoredVectors

PRODUCT_FILE = "ivf.codes"
RABITQ_FILE = "ivf.faiss"
"""Codes of segments that were built before there were product codes. They are opened and searched, and not written."""
ROTATION_FILE = "frame.npy"
CODES_FILES = (PRODUCT_FILE, RABITQ_FILE)
FILES = (*CODES_FILES, ROTATION_FILE)
"""Names of files that an index may have."""

ROWS_MIN = 1000
"""Below this a scan is as fast as any index, so none is written."""
LISTS_PER_ROOT = 1.6
"""Lists per square root of rows: 506 at 100k, where 256 and 1024 were both slower at recall .98."""
TRAINING_ROWS_PER_LIST = 64
ROTATION_SAMPLE_ROWS = 4096
PART_COORDINATES = (4, 2)
"""Coordinates that share 4 bits, tried in turn: a bit for each coordinate, or two where that is not enough."""
DEPTH_STRIDE = 4
"""How much deeper a filtered search ranks each time it must go on; it begins as deep as a plain one."""
FILTERED_DEPTH_MAX = 16_384
STRIDE = 16
"""By how much the number of visited lists may grow at once: results improve meanwhile, and fewer lists are needed; but
each further search starts with nothing to compare with."""
QUERIES_TOGETHER = 256
"""Of more queries in one call of faiss, none is answered sooner, and what they found takes memory."""
_BLOCK_FLOATS = 1 << 22


class IvfEngine:
    """Trains, encodes and calibrates; opens memory-mapped."""

    name = "ivf"

    def __init__(self, find_kernel: Callable[[], Kernel | None] = kernel) -> None:
        self._find_kernel = find_kernel

    def build(
        self, vectors: Matrix, metric: Metric, directory: Path, *, seed: int, threads: int
    ) -> BuiltIndex:
        """Write codes and rotation, unless the rows are few or beyond coding: then neither, and a search is a scan."""
        if len(vectors) < ROWS_MIN:
            return BuiltIndex(files=(), parameters={"coded": False})
        generator = np.random.default_rng(seed)
        own = held_out(len(vectors), generator)
        others = np.delete(np.arange(len(vectors)), own)
        rotation = Rotation.fit(_sample(vectors, others, ROTATION_SAMPLE_ROWS, generator), metric, generator)
        lists = math.ceil(LISTS_PER_ROOT * math.sqrt(len(vectors)))
        training = rotation.turned(
            rotation.rows(_sample(vectors, others, TRAINING_ROWS_PER_LIST * lists, generator))
        )
        asked_seed = int(generator.integers(1 << 31))
        # Parts are learnt from some of those, in no order.
        generator.shuffle(training)
        with openmp_threads(threads):
            centroids = Centroids.train(training, lists, inner=rotation.inner, seed=asked_seed)
            encoded = EncodedRows(centroids, lambda: _turned_blocks(vectors, rotation), self._find_kernel())
            for coordinates in PART_COORDINATES:
                encoded.encode(
                    ProductQuantizer.train(training, rotation.padded // coordinates, seed=asked_seed)
                )
                codes = encoded.write(directory / PRODUCT_FILE)
                search_parameters = calibrate(codes, rotation, vectors, own, seed=asked_seed)
                if search_parameters is not None:
                    order = arranged(encoded.groups, lambda some: rotation.rows(vectors[some]))
                    head_bytes = encoded.write_in(order, directory / PRODUCT_FILE)
                    rotation.save(directory / ROTATION_FILE)
                    document = {"coded": True, "part_coordinates": coordinates, "head_bytes": head_bytes}
                    document |= {**rotation.parameters, **search_parameters.document()}
                    if not rotation.unit:
                        document["long"] = renumbered(_far(vectors, rotation), order).tolist()
                    return BuiltIndex((PRODUCT_FILE, ROTATION_FILE), document, order)
        (directory / PRODUCT_FILE).unlink()
        return BuiltIndex(files=(), parameters={"coded": False})

    def open(
        self,
        files: Mapping[str, Path],
        parameters: Mapping[str, Any],
        vectors: StoredVectors,
        metric: Metric,
    ) -> IvfIndex | ExactIndex:
        """Map the codes into memory. Raises Corrupted."""
        scan = ExactIndex(vectors, metric)
        if parameters.get("coded") is False:
            return scan
        name = _codes_file(files)
        rotation = Rotation.load(files[ROTATION_FILE], parameters, vectors.shape[1], metric)
        read = RabitqCodes.read if name == RABITQ_FILE else partial(mapped_codes, kernel=self._find_kernel())
        codes: Codes = read(
            files[name],
            rows=vectors.shape[0],
            width=rotation.padded,
            inner=rotation.inner,
            part=files.part(name) if isinstance(files, EngineFiles) else None,
        )
        long = parse(parameters.get("long", []), vectors.shape[0])
        return IvfIndex(
            codes,
            rotation,
            plain=parameters_by_recall(parameters),
            filtered=margins_by_recall(parameters),
            long=long,
            ranking=codes.ranking(rotation, vectors, metric, long)
            if isinstance(codes, KernelCodes)
            else None,
            scan=scan,
            file_bytes=sum(files[name].stat().st_size for name in (name, ROTATION_FILE)),
        )


def check_unopened(files: Mapping[str, Path], parameters: Mapping[str, Any], rows: int) -> None:
    """Raises Corrupted for files that are missing and parameters that nobody can use: what is known without opening."""
    if parameters.get("coded") is not False:
        _codes_file(files)
        parameters_by_recall(parameters)
        margins_by_recall(parameters)
        parse(parameters.get("long", []), rows)


def _codes_file(files: Mapping[str, Path]) -> str:
    names = [name for name in CODES_FILES if name in files]
    if len(names) != 1 or ROTATION_FILE not in files:
        raise Corrupted(
            f"An ivf index is {PRODUCT_FILE} and {ROTATION_FILE}; this segment has {sorted(files)}."
        )
    return names[0]


class IvfIndex:
    """One opened index. Searching changes nothing in it, so any number of threads may."""

    def __init__(
        self,
        codes: Codes,
        rotation: Rotation,
        *,
        plain: ByRecall[SearchParameterTable],
        filtered: ByRecall[ProbeMarginTable],
        long: Rows,
        ranking: KernelRanking | None,
        scan: ExactIndex,
        file_bytes: int,
    ) -> None:
        self._codes = codes
        self._rotation = rotation
        self._plain = plain
        self._filtered = filtered
        self._long = long
        self._ranking = ranking
        self._allowed = AllowedRows(codes)
        self._scan = scan
        self._file_bytes = file_bytes

    def candidates(
        self, query: Vector, count: int, allowed: Mask | None = None, recall: float | None = None
    ) -> Rows:
        """Rows to rescore, ascending, so that reads from a mapped file go forward."""
        among = None if allowed is None else self._allowed.of(allowed)
        wanted = min(count, self._codes.rows if among is None else among.matches)
        placed = self._rotation.query(query)
        found = None
        if placed is not None and wanted:
            turned = self._rotation.turned(placed[None, :])[0]
            found = (
                self._plainly(turned, count, recall)
                if among is None
                else self._among(turned, count, recall, among)
            )
        if found is None or found.size < wanted:
            # A recall out of reach, or numbers at the edge of float32: an estimate that is not finite is never ranked.
            return self._scan.candidates(query, count, allowed)
        if self._long.size:
            return added(found, self._long, allowed)
        found.sort()
        return found

    def candidates_of_each(self, queries: Matrix, count: int, recall: float | None = None) -> Sequence[Rows]:
        """The rows that `candidates` has for each query; lists are searched for many queries at once."""
        search_parameters = self._plain.at(count, recall)
        if search_parameters is None or count > search_parameters.count_max:
            return one_by_one(self, queries, count, recall)
        cut, depth = search_parameters.at(count)
        depth, wanted = min(depth, self._codes.rows), min(count, self._codes.rows)
        proposed: list[Rows | None] = []
        for start in range(0, len(queries), QUERIES_TOGETHER):
            part = [self._rotation.query(query) for query in queries[start : start + QUERIES_TOGETHER]]
            within = [placed for placed in part if placed is not None]
            every = iter(self._plainly_each(np.stack(within), cut, depth) if within else ())
            proposed += [None if placed is None else next(every) for placed in part]
        return [
            # What one search of near lists has not answered, one that goes further does.
            self.candidates(query, count, recall=recall)
            if found is None or found.size < wanted
            else (added(found, self._long, None) if self._long.size else np.sort(found))
            for query, found in zip(queries, proposed, strict=True)
        ]

    def best(
        self, query: Vector, count: int, recall: float | None = None, allowed: Mask | None = None
    ) -> Best | None:
        """In one call of the kernel, where lists and rows are in memory and there is no filter."""
        if self._ranking is None or allowed is not None:
            return None
        search_parameters = self._plain.at(count, recall)
        if search_parameters is None or count > search_parameters.count_max:
            return None
        cut, depth = search_parameters.at(count)
        return self._ranking.best(query, count, cut, min(depth, self._codes.rows))

    def exactly(
        self, query: Vector, count: int, rows: Rows | None = None, allowed: Mask | None = None
    ) -> None:
        """It knows of no shorter way."""

    @property
    def resident_bytes(self) -> int:
        """Codes and rotation, which a busy index has in memory though they are mapped, and what is gathered of them."""
        return self._file_bytes + self._allowed.resident_bytes

    def _plainly(self, turned: Floats, count: int, recall: float | None) -> Rows | None:
        """Visit the lists that are near compared with the nearest one: few for a clear query, more for a vague one."""
        search_parameters = self._plain.at(count, recall)
        if search_parameters is None:
            return None
        cut, depth = search_parameters.at(count)
        depth = min(depth, self._codes.rows)
        nearness = self._codes.centroids.nearness(turned)
        if count <= search_parameters.count_max:
            lists = near_lists(nearness, cut)
            found, _ = self._codes.search(turned, depth, lists, nearness[lists])
            if found.size >= min(count, self._codes.rows):
                return found
        lists = np.argsort(-nearness)
        return self._codes.search(turned, depth, lists, nearness[lists])[0]

    def _plainly_each(self, placed: Matrix, cut: float, depth: int) -> Sequence[Rows]:
        """What `_plainly` finds first for each query (m, d)."""
        turned = self._rotation.turned(placed)
        nearness = self._codes.centroids.nearness_of_each(turned)
        return self._codes.search_each(turned, depth, [near_lists(near, cut) for near in nearness], nearness)

    def _among(self, turned: Floats, count: int, recall: float | None, allowed: Allowed) -> Rows | None:
        """Visit lists, nearest first, until the next is too far behind the results found so far to hold a better one.

        What a filter allows may lie around the query or far away; how soon this ends depends on where it does lie.
        """
        search_parameters, probe_margins = self._plain.at(count, recall), self._filtered.at(count, recall)
        if search_parameters is None or probe_margins is None:
            return None
        gap, margin = probe_margins.at(count)
        matches, wanted = allowed.matches, min(count, allowed.matches)
        depth = min(matches, search_parameters.at(count)[1])
        nearness = self._codes.centroids.nearness(turned)
        lists = np.argsort(-nearness)
        by_list = allowed.by_list[lists]
        lists, seen = lists[by_list > 0], np.cumsum(by_list[by_list > 0])
        nearness = nearness[lists]
        visited = int(np.searchsorted(seen, depth)) + 1
        rows, estimates = allowed.search(turned, depth, lists[:visited], nearness[:visited])
        # What a search leaves out is no better than this.
        left_out = _worst_of_full(estimates, depth)
        while estimates.size >= wanted:
            last = np.partition(estimates, estimates.size - wanted)[estimates.size - wanted]
            upto = min(int(np.count_nonzero(nearness >= last - gap)), STRIDE * visited)
            if upto > visited:
                part = slice(visited, upto)
                more = allowed.search(turned, depth, lists[part], nearness[part])
                rows, estimates = np.concatenate([rows, more[0]]), np.concatenate([estimates, more[1]])
                left_out = max(left_out, _worst_of_full(more[1], depth))
                visited = upto
            elif left_out >= last - margin and depth < min(matches, FILTERED_DEPTH_MAX):
                depth = min(matches, FILTERED_DEPTH_MAX, DEPTH_STRIDE * depth)
                rows, estimates = allowed.search(turned, depth, lists[:visited], nearness[:visited])
                left_out = _worst_of_full(estimates, depth)
            else:
                close: Rows = rows[estimates >= last - margin]
                return close
        return rows


def _worst_of_full(estimates: Floats, depth: int) -> float:
    """The worst estimate of a search that found all it was asked for, or else minus infinity: it left nothing out."""
    return float(estimates.min()) if estimates.size >= depth else -math.inf


def _sample(vectors: Matrix, among: Rows, size: int, generator: np.random.Generator) -> Matrix:
    sample: Matrix = vectors[np.sort(generator.choice(among, size=min(size, among.size), replace=False))]
    return sample


def _far(vectors: Matrix, rotation: Rotation) -> Rows:
    """Rows out of all proportion, which no value of a part is near to."""
    return long_rows(np.concatenate([norms_of(block) for block in _turned_blocks(vectors, rotation)]))


def _turned_blocks(vectors: Matrix, rotation: Rotation) -> Iterator[npt.NDArray[np.float32]]:
    step = max(1, _BLOCK_FLOATS // rotation.padded)
    for start in range(0, len(vectors), step):
        yield rotation.turned(rotation.rows(vectors[start : start + step]))
