"""Damages copies of an index's files and searches what still opens: `python -m tests.damaged_indexes DIRECTORY FILE …`.

A process of its own, because what it looks for is a process that dies. Its last line says which damage it was at.
"""

from __future__ import annotations

import gc
import json
import random
import resource
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.metric import Metric
from quartzdb.domain.vector import Matrix, norms_of
from quartzdb.storage.index.engines.annoy import PROJECTION_FILE, TREES_FILE
from quartzdb.storage.index.engines.annoy_projection import Projection
from quartzdb.storage.index.engines.annoy_space import AnnoySpace
from quartzdb.storage.index.engines.ivf import RABITQ_FILE
from quartzdb.storage.index.engines.port import Index
from quartzdb.storage.index.engines.registry import engine_named
from quartzdb.storage.index.segments.stored_vectors import MappedVectors
from tests import rabitq_segments

ROWS, DIMENSION = 1_500, 24
TREES, DIRECTIONS = 6, 12
# A damaged length that is believed asks for more than this.
_MEMORY_BYTES_MAX = 4 << 30
_EXTREME = (0, 1, 2, -1, -2, 0x7FFFFFFF, -0x80000000, ROWS, ROWS - 1, ROWS + 1, 1 << 20)
_CHANGES_MAX = 4


def clumped() -> Matrix:
    """Vectors in clumps, as embeddings are."""
    chance = np.random.default_rng(7)
    rows = chance.standard_normal((50, DIMENSION))[chance.integers(50, size=ROWS)]
    return (rows + 0.7 * chance.standard_normal((ROWS, DIMENSION))).astype(np.float32)


@dataclass(frozen=True)
class Sound:
    """An index as it was built."""

    engine: str
    metric: Metric
    directory: Path

    def build(self, name: str) -> None:
        """Write the files, one of them called so, and the parameters beside them."""
        vectors = clumped()
        if self.engine == "annoy":
            # So few rows get no trees from the engine; as many as do would take seconds for each hundred damages.
            self._plant(vectors)
            return
        if name == RABITQ_FILE:
            built = rabitq_segments.build(vectors, self.metric, self.directory, seed=3)
        else:
            built = engine_named(self.engine).build(vectors, self.metric, self.directory, seed=3, threads=1)
        assert built.order is not None
        np.save(self.directory / "order", built.order)
        self._note({"files": list(built.files), "parameters": dict(built.parameters)})

    def _note(self, document: Mapping[str, Any]) -> None:
        (self.directory / "noted.json").write_text(json.dumps(document))

    def _plant(self, vectors: Matrix) -> None:
        longest = float(norms_of(vectors).max())
        turned, _ = np.linalg.qr(np.random.default_rng(5).standard_normal((DIMENSION, DIRECTIONS)))
        projection = Projection(turned.astype(np.float32), np.zeros(DIMENSION, np.float32))
        projection.save(self.directory / PROJECTION_FILE)
        space = AnnoySpace(self.metric, DIMENSION, longest, projection)
        trees = space.new_trees()
        for number, row in enumerate(space.items(vectors)):
            trees.add_item(number, row)
        trees.build(TREES, n_jobs=1)
        trees.save(str(self.directory / TREES_FILE))
        parameters = {
            "trees": TREES,
            "directions": DIRECTIONS,
            "longest": longest,
            "plain": [[1, 200, 20], [100, 4_000, 200]],
            "plain_levels": [],
        }
        self._note({"files": [TREES_FILE, PROJECTION_FILE], "parameters": parameters})


def _place(content: bytearray, chance: random.Random, align: int) -> int:
    """Anywhere, but as often near the beginning or the end, where headers and roots are."""
    near = chance.choice((len(content), 256, 4_096))
    at = chance.randrange(min(near, len(content)))
    at = at if chance.random() < 0.7 else len(content) - 1 - at
    return max(0, min(at // align * align, len(content) - align))


def _flipped(content: bytearray, chance: random.Random) -> None:
    for _ in range(chance.randint(1, _CHANGES_MAX)):
        content[_place(content, chance, 1)] ^= 1 << chance.randrange(8)


def _edited(content: bytearray, chance: random.Random) -> None:
    for _ in range(chance.randint(1, _CHANGES_MAX)):
        code = chance.choice("iq")
        number = chance.choice((*_EXTREME, chance.randrange(ROWS), chance.randrange(-(1 << 31), 1 << 31)))
        at = _place(content, chance, 4 if len(content) % 4 == 0 else 1)
        if at + struct.calcsize(code) <= len(content):
            struct.pack_into(f"<{code}", content, at, number)


def _truncated(content: bytearray, chance: random.Random) -> None:
    del content[_place(content, chance, chance.choice((1, 4, 512))) :]


def _lengthened(content: bytearray, chance: random.Random) -> None:
    content += chance.choice((b"\0", b"\xff")) * chance.choice((1, 76, 80, 4_096))


def _swapped(content: bytearray, chance: random.Random) -> None:
    size = chance.choice((4, 8, 76, 512, 4_096))
    one, other = (_place(content, chance, 4) for _ in range(2))
    first, second = content[one : one + size], content[other : other + size]
    content[one : one + len(second)] = second
    content[other : other + len(first)] = first


def _blanked(content: bytearray, chance: random.Random) -> None:
    size = chance.choice((4, 512, 4_096))
    at = _place(content, chance, 4)
    end = min(at + size, len(content))
    content[at:end] = chance.choice((b"\0", b"\xff")) * (end - at)


DAMAGES: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _flipped,
    _flipped,
    _edited,
    _edited,
    _edited,
    _truncated,
    _lengthened,
    _swapped,
    _blanked,
)


def searched(index: Index, vectors: Matrix, chance: random.Random) -> None:
    """Whatever numbers a damaged index has, it finds rows that are there, each once, and enough of them."""
    query = vectors[chance.randrange(ROWS)]
    some = np.random.default_rng(chance.randrange(1 << 31)).random(ROWS) < chance.choice((0.05, 0.7))
    for count, allowed in ((10, None), (100, None), (10, some)):
        found = index.candidates(query, count, allowed)
        assert found.size >= min(count, ROWS if allowed is None else int(some.sum())), "too few rows"
        assert (found >= 0).all(), "rows that are not there"
        assert (found < ROWS).all(), "rows that are not there"
        assert np.unique(found).size == found.size, "a row twice"
        assert allowed is None or allowed[found].all(), "rows that are not allowed"


def damaged(sound: Sound, name: str, seeds: range) -> Iterator[tuple[int, str]]:
    """What came of each seed: `refused`, or `searched`. A tuple is yielded before, too, with nothing in it."""
    noted = json.loads((sound.directory / "noted.json").read_text())
    files = {other: sound.directory / other for other in noted["files"]}
    original = files[name].read_bytes()
    files[name] = sound.directory / f"damaged-{name}"
    vectors = clumped()
    if (sound.directory / "order.npy").exists():
        vectors = vectors[np.load(sound.directory / "order.npy")]
    stored, engine = MappedVectors(vectors, norms_of(vectors)), engine_named(sound.engine)
    for seed in seeds:
        yield seed, ""
        chance = random.Random(f"{sound.engine} {sound.metric.value} {name} {seed}")
        content = bytearray(original)
        chance.choice(DAMAGES)(content, chance)
        # A new file each time: one that an index still maps must not change.
        files[name].unlink(missing_ok=True)
        files[name].write_bytes(content)
        try:
            searched(engine.open(files, noted["parameters"], stored, sound.metric), vectors, chance)
        except Corrupted:
            yield seed, "refused"
        else:
            yield seed, "searched"


def main() -> None:
    """Arguments: directory, engine, metric, file, first seed, seed after the last."""
    directory, engine, metric, name, first, end = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES_MAX, _MEMORY_BYTES_MAX))
    gc.freeze()
    outcomes = {"refused": 0, "searched": 0}
    for seed, outcome in damaged(
        Sound(engine, Metric(metric), Path(directory)), name, range(int(first), int(end))
    ):
        if outcome:
            outcomes[outcome] += 1
        else:
            sys.stderr.write(f"{seed}\n")
    sys.stdout.write(json.dumps(outcomes))


if __name__ == "__main__":
    main()
