"""Lists of product codes by the kernel and by faiss: the same estimates and rows, on every instruction set."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TypedDict

import numpy as np
import numpy.typing as npt
import pytest

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.metric import Metric
from quartzdb.domain.vector import Floats, Matrix, norms_of
from quartzdb.storage.index.engines.codes import Codes
from quartzdb.storage.index.engines.exact import gather_scores
from quartzdb.storage.index.engines.ivf import PRODUCT_FILE, ROTATION_FILE, IvfEngine, IvfIndex
from quartzdb.storage.index.engines.kernel_codes import KernelCodes
from quartzdb.storage.index.engines.kernel_library import LIBRARY, Instructions, Kernel, load
from quartzdb.storage.index.engines.packed_codes import unpacked
from quartzdb.storage.index.engines.port import BuiltIndex
from quartzdb.storage.index.engines.product_codes import mapped_codes
from quartzdb.storage.index.engines.product_file import ProductHead, read_head
from quartzdb.storage.index.engines.rotation import Rotation
from quartzdb.storage.index.segments.stored_vectors import MappedVectors
from tests.contracts.test_engines import clumped

pytestmark = pytest.mark.skipif(not LIBRARY.exists(), reason="there is no kernel: no C compiler was found")

ROWS = 3000
KERNELS = [found for one in Instructions if (found := load(LIBRARY, one)) is not None]
# An even number of pairs of parts, two odd ones, and so many parts that their sums fill 16 bits.
SHAPES = [(Metric.COSINE, 24), (Metric.DOT, 200), (Metric.EUCLIDEAN, 72), (Metric.COSINE, 1200)]


class Shape(TypedDict):
    """What a reader of codes expects."""

    rows: int
    width: int
    inner: bool


class Made:
    """An index that was built, and all that it takes to open it."""

    def __init__(self, metric: Metric, dimension: int, directory: Path) -> None:
        vectors = clumped(ROWS, 1, dimension, metric)
        if metric is not Metric.COSINE:
            vectors[7] *= 60
        built = IvfEngine(lambda: KERNELS[-1]).build(vectors, metric, directory, seed=1, threads=1)
        assert built.order is not None
        self.metric, self.directory = metric, directory
        self.built = BuiltIndex(built.files, json.loads(json.dumps(dict(built.parameters))), built.order)
        self.vectors: Matrix = vectors[built.order]
        self.stored = MappedVectors(self.vectors, norms_of(self.vectors))
        self.queries = clumped(25, 2, dimension, metric)
        self.rotation = Rotation.load(directory / ROTATION_FILE, self.built.parameters, dimension, metric)

    def opened(self, kernel: Kernel | None) -> IvfIndex:
        files = {name: self.directory / name for name in self.built.files}
        index = IvfEngine(lambda: kernel).open(files, self.built.parameters, self.stored, self.metric)
        assert isinstance(index, IvfIndex)
        return index

    @property
    def shape(self) -> Shape:
        return {"rows": ROWS, "width": self.rotation.padded, "inner": self.rotation.inner}

    def codes(self, kernel: Kernel) -> KernelCodes:
        codes = mapped_codes(self.directory / PRODUCT_FILE, kernel, **self.shape)
        assert isinstance(codes, KernelCodes)
        return codes

    def of_faiss(self) -> Codes:
        return mapped_codes(self.directory / PRODUCT_FILE, None, **self.shape)

    @property
    def head(self) -> ProductHead:
        return read_head(self.directory / PRODUCT_FILE, **self.shape)

    def step(self, turned: Floats) -> float:
        """What rounding to bytes may make of a sum: half a step of the widest part for each part, at the most."""
        values = self.head.values.reshape(self.head.parts, 16, -1)
        asked = turned.reshape(self.head.parts, 1, -1)
        tables = (values * asked if self.rotation.inner else (values - asked) ** 2).sum(axis=2)
        spans = np.ptp(tables, axis=1)
        step = max(spans.max() / 255, spans.sum() / (65535 - self.head.parts))
        return float(self.head.parts * step / 2)

    def turned(self, query: Floats) -> Floats:
        placed = self.rotation.query(query)
        assert placed is not None
        turned: Floats = self.rotation.turned(placed[None, :])[0]
        return turned


@pytest.fixture(scope="module", params=SHAPES, ids=lambda shape: f"{shape[0]}-{shape[1]}")
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    metric, dimension = request.param
    return Made(metric, dimension, tmp_path_factory.mktemp("lists"))


def bits(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    return np.packbits(mask, bitorder="little")


class TestSearching:
    @pytest.mark.parametrize("depth", [1, 40, 700, ROWS])
    def test_every_instruction_set_finds_the_same_rows_in_the_same_order(
        self, made: Made, depth: int
    ) -> None:
        """Tables are made of whole numbers, and their sums are exact."""
        codes = [made.codes(kernel) for kernel in KERNELS]
        allowed = bits(np.random.default_rng(4).random(ROWS) < 0.4)
        for query in made.queries[:8]:
            turned = made.turned(query)
            nearness = codes[0].centroids.nearness(turned)
            for visit, some in ((3, None), (30, None), (nearness.size, None), (nearness.size, allowed)):
                lists = np.argsort(-nearness)[:visit]
                found = [one.search(turned, depth, lists, nearness[lists], some) for one in codes]
                for rows, estimates in found:
                    assert rows.tolist() == found[0][0].tolist()
                    assert estimates.tolist() == found[0][1].tolist()

    @pytest.mark.parametrize("filtered", [False, True])
    def test_faiss_finds_the_same(self, made: Made, filtered: bool) -> None:
        """Rows with equal estimates are many, since sums are coarse: of those, one finds these and the other those."""
        codes, other = made.codes(KERNELS[-1]), made.of_faiss()
        mask = np.random.default_rng(5).random(ROWS) < 0.3
        allowed = bits(mask) if filtered else None
        for query in made.queries:
            turned = made.turned(query)
            nearness = codes.centroids.nearness(turned)
            lists = np.argsort(-nearness)[:40]
            rows, estimates = codes.search(turned, 60, lists, nearness[lists], allowed)
            also, expected = other.search(turned, 60, lists, nearness[lists], allowed)
            assert rows.size == also.size == np.unique(rows).size
            assert not filtered or mask[rows].all()
            assert (np.diff(estimates) <= 0).all()
            # Of distances it is the squares that are sums.
            of_sums = (lambda found: found) if made.rotation.inner else np.square
            step = made.step(turned)
            assert of_sums(estimates) == pytest.approx(of_sums(np.sort(expected)[::-1]), abs=step)
            clear = np.abs(of_sums(estimates) - of_sums(estimates[-1:])) > 2 * step
            assert np.isin(rows[clear], also).all()

    def test_estimates_are_those_of_the_values_that_codes_name(self, made: Made) -> None:
        """Computed here from the file, in another way: what each part of a code stands for, beside the query."""
        codes, head = made.codes(KERNELS[-1]), made.head
        values = head.values.reshape(head.parts, 16, -1)
        decoded = np.empty((ROWS, made.rotation.padded), dtype=np.float32)
        starts = np.concatenate([[0], np.cumsum(head.sizes)])
        for number, size in enumerate(head.sizes.tolist()):
            begin = int(head.offsets[number])
            blocks = head.file[begin : begin + int(head.capacities[number]) * head.row_bytes]
            pairs = unpacked(blocks, size, head.row_bytes)
            names = np.stack([pairs & 15, pairs >> 4], axis=2).reshape(size, head.parts)
            of_list = values[np.arange(head.parts), names].reshape(size, -1)
            decoded[starts[number] : starts[number + 1]] = of_list
        every = np.arange(codes.lists)
        for query in made.queries[:5]:
            turned = made.turned(query)
            rows, estimates = codes.search(turned, ROWS, every, codes.centroids.nearness(turned))
            assert sorted(rows.tolist()) == list(range(ROWS))
            if made.rotation.inner:
                assert estimates == pytest.approx(decoded[rows] @ turned, abs=made.step(turned))
            else:
                expected = ((decoded[rows] - turned) ** 2).sum(axis=1)
                assert estimates**2 == pytest.approx(expected, abs=made.step(turned))

    def test_no_list_and_no_row(self, made: Made) -> None:
        codes, turned = made.codes(KERNELS[-1]), made.turned(made.queries[0])
        nothing = np.empty(0, dtype=np.int64)
        assert codes.search(turned, 10, nothing, np.empty(0, np.float32))[0].size == 0
        every = np.arange(codes.lists)
        near = codes.centroids.nearness(turned)
        assert codes.search(turned, 10, every, near, bits(np.zeros(ROWS, np.bool_)))[0].size == 0

    def test_a_query_of_another_length_is_refused(self, made: Made) -> None:
        codes, every = made.codes(KERNELS[-1]), np.arange(3)
        with pytest.raises(ValueError, match="coordinates"):
            codes.search(np.ones(made.rotation.padded - 1, np.float32), 10, every, np.ones(3, np.float32))
        with pytest.raises(ValueError, match="coordinates"):
            made.opened(KERNELS[-1]).best(np.ones(made.vectors.shape[1] + 1, np.float32), 10)

    def test_the_lists_of_a_mask_are_searched_as_the_mask_is(self, made: Made) -> None:
        codes, mask = made.codes(KERNELS[-1]), np.random.default_rng(6).random(ROWS) < 0.2
        own = codes.among(mask)
        assert own is not None
        assert own.rows == np.count_nonzero(mask)
        for query in made.queries[:8]:
            turned = made.turned(query)
            nearness = codes.centroids.nearness(turned)
            lists = np.argsort(-nearness)
            rows, estimates = codes.search(turned, 30, lists, nearness[lists], bits(mask))
            also, expected = own.search(turned, 30, lists, nearness[lists])
            assert estimates.tolist() == expected.tolist()
            assert set(rows[estimates > estimates[-1]]) == set(also[expected > expected[-1]])

    def test_searches_of_many_queries_are_those_of_each(self, made: Made) -> None:
        index = made.opened(KERNELS[-1])
        for query, rows in zip(made.queries, index.candidates_of_each(made.queries, 10), strict=True):
            assert rows.tolist() == index.candidates(query, 10).tolist()


class TestBest:
    @pytest.mark.parametrize("recall", [None, 0.8, 0.99])
    def test_the_best_are_those_of_the_candidates_with_their_exact_scores(
        self, made: Made, recall: float | None
    ) -> None:
        """One call answers what two steps do, on every instruction set; long rows are scored with every query."""
        shared = 0
        for kernel in KERNELS:
            index = made.opened(kernel)
            for query in made.queries:
                found = index.best(query, 10, recall)
                assert found is not None
                rows = index.candidates(query, 10, None, recall)
                scores = gather_scores(made.stored, made.metric, query, rows)
                order = np.lexsort((rows, -scores))[:10]
                assert found.scores[:10] == pytest.approx(scores[order], rel=1e-4, abs=1e-5)
                assert (np.diff(found.scores) <= 0).all()
                shared += np.intersect1d(found.rows, rows[order]).size
        # Of equal estimates another one may have been the last.
        assert shared >= 0.99 * 10 * len(made.queries) * len(KERNELS)

    def test_what_near_lists_do_not_have_is_left_to_the_candidates(self, made: Made) -> None:
        index = made.opened(KERNELS[-1])
        assert index.best(made.queries[0], ROWS) is None
        assert index.candidates(made.queries[0], ROWS).size == ROWS
        assert index.best(made.queries[0], 10, 0.9999) is None

    def test_without_the_kernel_there_is_none(self, made: Made) -> None:
        index = made.opened(None)
        assert index.best(made.queries[0], 10) is None
        assert index.candidates(made.queries[0], 10).size >= 10


class TestBuilding:
    def test_a_build_without_the_kernel_writes_the_same_codes(self, made: Made, tmp_path: Path) -> None:
        """What calibration chooses is nearly the same: it searches the same codes."""
        vectors = np.empty_like(made.vectors)
        vectors[made.built.order] = made.vectors
        other = IvfEngine(lambda: None).build(vectors, made.metric, tmp_path, seed=1, threads=1)
        assert (tmp_path / PRODUCT_FILE).read_bytes() == (made.directory / PRODUCT_FILE).read_bytes()
        depths = [built.parameters["plain"][0][2] for built in (made.built, other)]
        assert max(depths) <= 1.3 * min(depths)


class TestOpening:
    def test_neither_opening_nor_searching_imports_faiss(self, made: Made) -> None:
        """Its import takes longer than most first answers."""
        np.save(made.directory / "rows.npy", made.vectors)
        (made.directory / "parameters.json").write_text(json.dumps(made.built.parameters))
        program = f"""
import json, sys
from pathlib import Path
import numpy as np
from quartzdb.domain.metric import Metric
from quartzdb.domain.vector import norms_of
from quartzdb.storage.index.engines.registry import engine_named
from quartzdb.storage.index.segments.stored_vectors import MappedVectors
directory = Path({str(made.directory)!r})
rows = np.load(directory / "rows.npy")
files = {{name: directory / name for name in {list(made.built.files)!r}}}
parameters = json.loads((directory / "parameters.json").read_text())
index = engine_named("ivf").open(files, parameters, MappedVectors(rows, norms_of(rows)), Metric({made.metric.value!r}))
mask = np.arange(len(rows)) % 3 == 0
assert index.best(rows[1000], 10).rows.size >= 10
assert index.candidates(rows[0], 10).size >= 10
assert index.candidates(rows[0], 10, mask).size >= 10
assert "faiss" not in sys.modules
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def test_a_list_that_names_rows_that_are_not_there(self, made: Made) -> None:
        """Only lists whose rows are not numbered as they lie have numbers that are read."""
        codes = made.codes(KERNELS[-1]).among(np.arange(ROWS) % 2 == 0)
        assert codes is not None
        turned, every = made.turned(made.queries[0]), np.arange(codes.lists)
        number = int(np.argmax(np.diff(codes.grouped[1])))
        codes.numbers(number)[:] = ROWS
        with pytest.raises(Corrupted, match="not in it"):
            codes.search(turned, ROWS, every, codes.centroids.nearness(turned))
