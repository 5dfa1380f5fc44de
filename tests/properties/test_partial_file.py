"""A partial file reads as the whole one does, whatever was read before and however little memory there is."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quartzdb.domain.errors import Corrupted
from quartzdb.storage.index.segments.partial_file import (
    BLOCK_BYTES,
    REQUEST_BYTES_MAX,
    REQUEST_BYTES_MIN,
    ROUND_WORTH_BYTES,
    FetchedMemory,
    PartialFile,
    block_sums,
)

CONTENT = random.Random(5).randbytes(40 * BLOCK_BYTES + 123)


class Source:
    """Where the bytes come from; notes every request."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.requests: list[tuple[int, int]] = []

    def fetch(self, ranges: Sequence[tuple[int, int]]) -> Sequence[bytes]:
        self.requests += ranges
        return [self.content[start : start + length] for start, length in ranges]


def opened(source: Source, memory: FetchedMemory, sums_of: bytes | None = None) -> PartialFile:
    content = source.content if sums_of is None else sums_of
    return PartialFile("file", len(content), lambda: block_sums(content), source.fetch, memory)


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, len(CONTENT) + 10), st.integers(0, 3 * BLOCK_BYTES)),
        max_size=30,
    ),
    st.integers(1, 60),
)
def test_reads_what_is_there(reads: list[tuple[int, int, int]], blocks_max: int) -> None:
    """Two files that take each other's memory; also a read that needs more than there is by itself."""
    memory = FetchedMemory(blocks_max * BLOCK_BYTES)
    files = [opened(Source(CONTENT), memory), opened(Source(CONTENT[::-1]), memory)]
    contents = [CONTENT, CONTENT[::-1]]
    for which, start, length in reads:
        assert files[which].read(start, length) == contents[which][start : start + length]
        most = max(memory.bytes_max, length + 2 * BLOCK_BYTES + 5 * BLOCK_BYTES)
        assert memory.held_bytes <= most


@given(st.lists(st.integers(0, len(CONTENT) // 1000 - 1), min_size=1, max_size=50), st.integers(1, 60))
def test_takes_rows(rows: list[int], blocks_max: int) -> None:
    """Rows may lie across the edge of a block, and come in the order asked for."""
    file = opened(Source(CONTENT), FetchedMemory(blocks_max * BLOCK_BYTES))
    taken = file.take(np.array(rows, dtype=np.int64), 1000)
    assert [row.tobytes() for row in taken] == [CONTENT[row * 1000 : row * 1000 + 1000] for row in rows]


def test_fetches_each_block_once_and_neighbours_together() -> None:
    """What is here is not asked for again."""
    source = Source(random.Random(6).randbytes(800 * BLOCK_BYTES))
    file = opened(source, FetchedMemory(10**9))
    file.expect(np.array([0, 2 * BLOCK_BYTES, 500 * BLOCK_BYTES]), 10)
    assert source.requests == [(0, 3 * BLOCK_BYTES), (500 * BLOCK_BYTES, BLOCK_BYTES)]
    file.read(BLOCK_BYTES, 100)
    file.read(500 * BLOCK_BYTES + 7, 9)
    assert len(source.requests) == 2


def test_the_rest_comes_once_single_requests_have_cost_as_much() -> None:
    """At most twice what knowing the future would have cost, in requests of bounded size."""
    source = Source(bytes(24 * 1024 * 1024))
    file = opened(source, FetchedMemory(10**9))
    affordable = -(-len(source.content) // ROUND_WORTH_BYTES)
    for number in range(affordable + 1):
        file.read(number * 37 * BLOCK_BYTES % len(source.content), 1)
    assert file.held_bytes == len(source.content)
    assert len(source.requests) <= affordable + len(source.content) // REQUEST_BYTES_MIN
    assert max(length for _, length in source.requests) <= REQUEST_BYTES_MAX


def test_a_file_beyond_half_of_memory_is_never_fetched_whole() -> None:
    """One segment must not push out all others."""
    source = Source(bytes(24 * 1024 * 1024))
    file = opened(source, FetchedMemory(30 * 1024 * 1024))
    for number in range(100):
        file.read(number * 13 * BLOCK_BYTES, 1)
    assert file.held_bytes < len(source.content) / 2


def test_damage_is_noticed_in_the_block_that_is_read() -> None:
    """And only there."""
    damaged = bytearray(CONTENT)
    damaged[30 * BLOCK_BYTES + 5] ^= 1
    file = opened(Source(bytes(damaged)), FetchedMemory(10**9), sums_of=CONTENT)
    assert file.read(0, 100) == CONTENT[:100]
    with pytest.raises(Corrupted, match="file is damaged"):
        file.read(30 * BLOCK_BYTES, 1)
    assert isinstance(file.damage, Corrupted)


def test_a_short_answer_is_damage() -> None:
    """The last block counts, too."""
    source = Source(CONTENT[:-1])
    file = opened(source, FetchedMemory(10**9), sums_of=CONTENT)
    with pytest.raises(Corrupted):
        file.read(len(CONTENT) - 1, 1)


def test_checksums_of_another_file_are_refused() -> None:
    """Before anything is believed because of them."""
    source = Source(CONTENT)
    file = PartialFile("f", 5 * BLOCK_BYTES, lambda: block_sums(CONTENT), source.fetch, FetchedMemory(10**9))
    with pytest.raises(Corrupted, match="blocks"):
        file.read(0, 1)
