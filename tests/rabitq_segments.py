"""Writes an ivf index as it was before there were product codes: one bit for each coordinate, in a file of faiss.

Segments like that are opened and searched as ever, so tests need some. Nothing else writes them.
"""

from __future__ import annotations

import math
from pathlib import Path

import faiss
import numpy as np

from quartzdb.domain.metric import Metric
from quartzdb.domain.vector import Matrix, norms_of
from quartzdb.storage.index.engines.calibration import held_out
from quartzdb.storage.index.engines.centroids import Centroids
from quartzdb.storage.index.engines.faiss_library import openmp_threads
from quartzdb.storage.index.engines.ivf import LISTS_PER_ROOT, RABITQ_FILE, ROTATION_FILE
from quartzdb.storage.index.engines.ivf_calibration import calibrate
from quartzdb.storage.index.engines.long_rows import long_rows
from quartzdb.storage.index.engines.port import BuiltIndex
from quartzdb.storage.index.engines.rabitq_codes import RabitqCodes
from quartzdb.storage.index.engines.rotation import Rotation
from quartzdb.storage.index.engines.row_order import renumbered


def build(vectors: Matrix, metric: Metric, directory: Path, *, seed: int, bits: int = 1) -> BuiltIndex:
    """What IvfEngine.build made of vectors (n, d)."""
    generator = np.random.default_rng(seed)
    rotation = Rotation.fit(vectors, metric, generator)
    turned = rotation.turned(rotation.rows(vectors))
    lists = math.ceil(LISTS_PER_ROOT * math.sqrt(len(vectors)))
    with openmp_threads(1):
        centroids = Centroids.train(turned, lists, inner=rotation.inner, seed=seed)
        flat = faiss.IndexFlatIP(rotation.padded) if rotation.inner else faiss.IndexFlatL2(rotation.padded)
        flat.add(centroids.matrix)
        measure = faiss.METRIC_INNER_PRODUCT if rotation.inner else faiss.METRIC_L2
        index = faiss.IndexIVFRaBitQ(flat, rotation.padded, lists, measure, True, bits)
        index.train(centroids.matrix)
        index.add(turned)
        codes = RabitqCodes.over(index, arranged=False)
        found = calibrate(codes, rotation, vectors, held_out(len(vectors), generator), seed=seed)
        assert found is not None
        rows, starts = codes.grouped
        # Any order within a list will do.
        order = rows.astype(np.int64)
        for number in range(lists):
            start, end = int(starts[number]), int(starts[number + 1])
            if start < end:
                # faiss holds an address: the array has to outlive the call.
                numbers = np.arange(start, end, dtype=np.int64)
                index.invlists.update_entries(
                    number, 0, end - start, faiss.swig_ptr(numbers), index.invlists.get_codes(number)
                )
    faiss.write_index(index, str(directory / RABITQ_FILE))
    rotation.save(directory / ROTATION_FILE)
    size = (directory / RABITQ_FILE).stat().st_size
    document = {"coded": True, "bits": bits, "head_bytes": size - codes.listed_bytes}
    document |= {**rotation.parameters, **found.document()}
    if metric is Metric.DOT:
        document["long"] = renumbered(long_rows(norms_of(vectors)), order).tolist()
    return BuiltIndex((RABITQ_FILE, ROTATION_FILE), document, order)
