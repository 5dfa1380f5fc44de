"""Properties of recall levels: more recall never takes less, and what was not reached is not promised."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from quartzdb.domain.recall import RECALL_TARGETS
from quartzdb.storage.index.engines.recall_levels import LEVELS, Level, document
from quartzdb.storage.index.engines.search_parameters import (
    PLAIN_LEVELS,
    SearchParameterTable,
    parameters_by_recall,
)
from quartzdb.storage.index.engines.trial import Trial

SPENDS = 6
DEPTHS = 40
RECALLS = st.floats(0.5, 0.9995)


@st.composite
def trials(draw: st.DrawFn) -> Trial:
    """Searches in which more spent, and more rows rescored, never find less."""
    wanted = draw(st.integers(200, 4000))
    chance = np.random.default_rng(draw(st.integers(0, 10_000)))
    steps = chance.random((SPENDS, DEPTHS + 1)) * chance.random((SPENDS, 1)) ** 2
    found = np.maximum.accumulate(np.cumsum(steps, axis=1), axis=0)
    # The usual level is reached, and those beyond it now and then.
    best = draw(st.floats(0.975, 1.0))
    found = np.floor(found / found.max() * best * wanted).astype(np.int64)
    return Trial(10, found, wanted, [2.0**number for number in range(SPENDS)])


def chosen(trial: Trial) -> tuple[SearchParameterTable, Sequence[Level]]:
    """What calibration makes of it."""
    parameter, levels = trial.choose(lambda number, depth: 5.0 * 2**number + depth, 1e9)
    assert parameter is not None
    return SearchParameterTable((parameter,)), levels


@given(trials())
def test_the_cheapest_parameters_that_reach_a_level_are_taken_and_none_that_do_not(trial: Trial) -> None:
    """Every level's parameters found its share of what was wanted."""
    table, levels = chosen(trial)
    assert {level.recall for level in levels} <= {*LEVELS, *RECALL_TARGETS.values()}
    for level in levels:
        number = trial.visits.index(level.first)
        assert trial.found[number, int(level.second)] >= level.recall * trial.wanted - 1e-6
        assert level.second >= trial.count
    usual = next(level for level in levels if level.recall == RECALL_TARGETS[10])
    assert (usual.first, usual.second) == (table.by_count[0].visit, table.by_count[0].depth)


@given(trials(), RECALLS, RECALLS)
def test_more_recall_never_takes_less(trial: Trial, one: float, other: float) -> None:
    """Neither in what is looked at nor in what is rescored; and what a lower recall cannot reach, no higher one can."""
    table, levels = chosen(trial)
    parameters = json.loads(json.dumps({"plain": table.document(), PLAIN_LEVELS: document(levels)}))
    search_parameters = parameters_by_recall(parameters)
    low, high = (search_parameters.at(10, recall) for recall in sorted((one, other)))
    if low is None:
        assert high is None
    elif high is not None:
        assert low.at(10)[0] <= high.at(10)[0]
        assert low.at(10)[1] <= high.at(10)[1]


@given(trials(), RECALLS)
def test_what_was_not_reached_is_not_promised(trial: Trial, recall: float) -> None:
    """A recall up to the highest level has a table; one beyond it has none, nor has perfection."""
    table, levels = chosen(trial)
    search_parameters = parameters_by_recall({"plain": table.document(), PLAIN_LEVELS: document(levels)})
    reached = max(level.recall for level in levels)
    assert (search_parameters.at(10, recall) is not None) == (recall <= reached)
    assert search_parameters.at(10, 1.0) is None
    assert search_parameters.at(10, None) == table


def test_counts_of_which_one_is_out_of_reach() -> None:
    """Up to the last count that reaches a recall it is promised, and beyond that it is not."""
    table = {"plain": [[10, 1.0, 20], [100, 2.0, 200]]}
    levels = [
        [10, 0.9, 0.5, 12],
        [10, 0.97, 1.0, 20],
        [10, 0.99, 2.0, 30],
        [100, 0.9, 1.0, 110],
        [100, 0.97, 2, 200],
    ]
    search_parameters = parameters_by_recall({**table, PLAIN_LEVELS: levels})
    assert search_parameters.at(10, 0.99) is not None
    assert search_parameters.at(11, 0.99) is None
    assert search_parameters.at(5000, 0.99) is None
    for count in (10, 50, 100, 5000):
        assert search_parameters.at(count, 0.97) is not None
        assert search_parameters.at(count, None) == SearchParameterTable.parse(table, "plain")
