"""However rows lie in space, and however odd their numbers are, an order has each of them once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from quartzdb.storage.index.engines import row_order
from quartzdb.storage.index.engines.row_order import arranged, chain, renumbered
from quartzdb.storage.index.segments.record_spool import RecordSpool

points = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 30), st.integers(1, 4)),
    elements=st.one_of(
        st.floats(-10, 10, width=32), st.sampled_from([np.float32(3e38), np.float32(-3e38), np.float32(0)])
    ),
)


@given(points)
def test_a_chain_has_each_centroid_once(centroids: npt.NDArray[np.float32]) -> None:
    """Also where squares overflow."""
    assert sorted(chain(centroids).tolist()) == list(range(len(centroids)))


def test_a_chain_goes_from_neighbour_to_neighbour() -> None:
    """From one end of a line to the other."""
    line = np.random.default_rng(1).permutation(40)
    found = line[chain(np.stack([line, line], axis=1).astype(np.float32))].tolist()
    assert found in (list(range(40)), list(range(39, -1, -1)))


@given(points, st.integers(1, 6))
def test_groups_stay_together(coordinates: npt.NDArray[np.float32], groups: int) -> None:
    """Each comes after the one before it, with the rows that it had."""
    rows = np.arange(len(coordinates))
    parts = [rows[rows % groups == number] for number in range(groups)]
    order = arranged(parts, lambda some: coordinates[some])
    start = 0
    for part in parts:
        assert sorted(order[start : start + part.size].tolist()) == part.tolist()
        start += part.size


def test_rows_of_a_group_follow_the_direction_of_the_chain() -> None:
    """On a line cut into pieces, they come in the order of the line."""
    line = np.random.default_rng(1).permutation(1_000)
    coordinates = np.stack([line, np.zeros(1_000)], axis=1).astype(np.float32)
    pieces = [np.flatnonzero(line // 250 == piece) for piece in range(4)]
    assert line[arranged(pieces, lambda some: coordinates[some])].tolist() == list(range(1_000))


def test_a_group_too_large_to_arrange_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is never loaded whole."""
    monkeypatch.setattr(row_order, "ROWS_ARRANGED_MAX", 10)
    loaded = []

    def load(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        loaded.append(rows.size)
        return rows[:, None].astype(np.float32)

    order = arranged([np.arange(5), np.arange(5, 30), np.arange(30, 35)], load)
    assert order.tolist() == list(range(35))
    assert max(loaded) == 10


@given(st.permutations(list(range(12))), st.sets(st.integers(0, 11)))
def test_rows_that_are_named_elsewhere_are_renumbered(order: list[int], rows: set[int]) -> None:
    """They name the same rows as before."""
    new = renumbered(np.array(sorted(rows), dtype=np.int64), np.array(order))
    assert {order[row] for row in new.tolist()} == rows
    assert new.tolist() == sorted(new.tolist())


_record = st.tuples(
    st.text(max_size=8),
    st.integers(0, 2**63 - 1),
    st.integers(0, 2**32 - 1),
    st.none() | st.binary(max_size=20),
    st.none() | st.binary(max_size=20),
)


_shuffled = st.lists(_record, max_size=12).flatmap(
    lambda some: st.tuples(st.just(some), st.permutations(range(len(some))))
)


@given(shuffled=_shuffled)
def test_spooled_records_come_back_in_any_order(
    shuffled: tuple[list[Any], list[int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """With nothing lost: empty metadata is not none."""
    records, order = shuffled
    spool = RecordSpool(tmp_path_factory.mktemp("spool") / "records")
    for record in records:
        spool.add(*record)
    assert len(spool) == len(records)
    assert list(spool.read(order)) == [records[number] for number in order]
