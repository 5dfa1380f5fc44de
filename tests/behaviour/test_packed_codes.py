"""Product codes lie in blocks exactly as faiss lays them out, and come out of them as they went in."""

from __future__ import annotations

import faiss
import numpy as np
import pytest

from quartzdb.storage.index.engines.packed_codes import packed, unpacked
from quartzdb.storage.index.engines.product_quantizer import ProductQuantizer


@pytest.mark.parametrize("rows", [1, 16, 31, 32, 33, 100])
@pytest.mark.parametrize("width", [1, 3, 48])
def test_blocks_are_those_of_faiss(rows: int, width: int) -> None:
    coordinates, parts = 4 * width, 2 * width
    vectors = np.random.default_rng(width).standard_normal((200, coordinates)).astype(np.float32)
    quantizer = ProductQuantizer.train(vectors, parts, seed=1)
    codes = quantizer.codes(vectors[:rows])
    flat = faiss.IndexFlatL2(coordinates)
    flat.add(np.zeros((1, coordinates), np.float32))
    index = faiss.IndexIVFPQFastScan(flat, coordinates, 1, parts, 4)
    faiss.copy_array_to_vector(quantizer.values, index.pq.centroids)
    index.is_trained = True
    index.add(vectors[:rows])
    blocks = packed(codes)
    assert np.array_equal(blocks, faiss.rev_swig_ptr(index.invlists.get_codes(0), blocks.size))
    assert np.array_equal(unpacked(blocks, rows, width), codes)
