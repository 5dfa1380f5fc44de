"""The page of the server: which runs count, and when a bar is met."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.served_set import Loaded
from benchmarks.server import Asked, Report, Row
from benchmarks.server_page import BARS, LOADED, ONE, SHORT, TWO, page_tables
from docsite.results import parsed

Rates = dict[tuple[int, str, float | None], tuple[float, float]]


def measured_at(rates: Rates, p99_ms: float = 3.0) -> Callable[[Asked], Report]:
    """Reports in the place of measurements: rate and recall by processes, engine and recall asked for."""
    asked_for: list[Asked] = []

    def measured(asked: Asked) -> Report:
        asked_for.append(asked)
        rate, recall = rates.get((asked.workers, asked.engine, asked.recall), (1_000.0, 0.98))
        # Each further run of the same is slower by one.
        rate -= sum(one == asked for one in asked_for) - 1
        loaded = Loaded(100, 0.01, 0.5, "ivf", 164_000)
        return Report(asked, loaded, recall, 1.5, [Row("search", 8, rate, 1.0, 2.0, p99_ms, 0.0)])

    return measured


def test_of_several_runs_the_middle_one_counts() -> None:
    """Not the best."""
    tables = page_tables(measured_at({(1, "hnsw", 0.9): (3_500.0, 0.96)}), [SHORT], 3)
    _, first, *_ = parsed(tables[SHORT]).rows
    assert first == ("1", "hnsw", ".9", ".96", "numbers", "3,499", "1.0", "2.0", "3.0")


def test_a_bar_is_met_only_by_what_finds_enough() -> None:
    """Here the fastest of one process finds too little, and that of two answers too few."""
    rates: Rates = {
        (1, "hnsw", 0.9): (5_000.0, 0.94),
        (1, "hnsw", 0.95): (3_100.0, 0.97),
        (2, "ivf", None): (5_900.0, 0.98),
    }
    one, two = parsed(page_tables(measured_at(rates), [SHORT], 1)[BARS]).rows[1:]
    assert one[1].startswith("3,100 at .97")
    assert one[3] == "met"
    assert two[1].startswith("5,900 at .98")
    assert two[3] == "missed"


def test_a_bar_is_missed_by_a_slow_answer_in_a_hundred() -> None:
    """However many are answered."""
    rates: Rates = {(workers, "hnsw", 0.9): (9_000.0, 0.99) for workers in (1, 2)}
    assert {row[3] for row in parsed(page_tables(measured_at(rates, 21.0), [SHORT], 1)[BARS]).rows[1:]} == {
        "missed"
    }


def test_only_the_tables_that_are_wanted_are_measured() -> None:
    """A run of all scenarios tells of the import, too."""
    assert set(page_tables(measured_at({}), [SHORT], 1)) == {SHORT, BARS}
    assert set(page_tables(measured_at({}), [ONE, TWO], 1)) == {ONE, TWO, LOADED}
