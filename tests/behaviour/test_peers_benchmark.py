"""The benchmark beside other databases: which settings race, taking a run up again, and what the page keeps."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.peers import questions
from benchmarks.peers.choice import cases, chosen, fastest, fastest_or_best, middle, to_race
from benchmarks.peers.page import BEGIN, END, renewed, table_page
from benchmarks.peers.plots import front
from benchmarks.peers.port import TOP_K
from benchmarks.peers.results import Results
from benchmarks.peers.threads import crowd
from benchmarks.peers.wider import filters, races

ABOUT = {
    "date": "2026-01-31",
    "data": "tiny",
    "source": "words",
    "rows": 1000,
    "dimension": 8,
    "rounds": 2,
    "race_seconds": 0.5,
    "cpu": "a processor",
    "cores": 2,
    "memory_bytes": 2**33,
    "system": "Linux",
    "python": "3.11",
    "versions": {"zvec": "1.0"},
}


def found(recall: float, qps: float, **setting: Any) -> dict[str, Any]:
    return {
        "setting": setting,
        "recall": recall,
        "qps": qps,
        "count": 300,
        "p50": 1000 / qps,
        "p95": 2.0,
        "p99": 3.0,
    }


def test_the_fastest_setting_that_reaches_the_recall_is_raced() -> None:
    """Not the first that reaches it, and not a faster one that does not."""
    sweep = [
        found(0.90, 900, ef=10),
        found(0.96, 300, ef=20),
        found(0.95, 500, ef=15),
        found(0.99, 200, ef=40),
    ]
    best = fastest(sweep, 0.95)
    assert best is not None
    assert best["setting"] == {"ef": 15}
    assert fastest(sweep, 0.995) is None


def test_under_a_filter_the_closest_is_raced_where_none_is_good_enough() -> None:
    """Without a filter, such a peer has no race."""
    record = {"sweeps": {"": [found(0.5, 9)], "random 1 %": [found(0.9, 100, ef=1), found(0.97, 50, ef=2)]}}
    assert fastest_or_best(record["sweeps"]["random 1 %"], 0.98)["setting"] == {"ef": 2}
    assert chosen(record, "recall 0.95") is None
    best = chosen(record, "random 1 %")
    assert best is not None
    assert best["recall"] == 0.97


def test_a_run_that_was_interrupted_goes_on_with_what_is_missing(tmp_path: Path) -> None:
    """Rounds that were run are read back and not run again, and peers take turns in those that are left."""
    path = tmp_path / "run.json"
    results = Results(ABOUT, path)
    for name in ("first", "second"):
        results.note_in(name, "sweeps", "", [found(0.96, 100)])
    results.note_race("first", "recall 0.95", "single", found(0.96, 90))
    again = Results(ABOUT, path)
    assert list(to_race(again.records, ["recall 0.95"], ["single"], 2)) == [
        (0, "recall 0.95", "single", "second"),
        (1, "recall 0.95", "single", "first"),
        (1, "recall 0.95", "single", "second"),
    ]


def test_what_failed_or_changed_is_measured_again() -> None:
    """A failure is forgotten when a run begins, and everything of a version that is no longer there."""
    results = Results(ABOUT)
    results.begin("peer", "peer 1.0")
    results.note("peer", memory=5)
    results.note_in("peer", "reasons", "all", "it crashed")
    results.begin("peer", "peer 1.0")
    assert results.record("peer") == {"of": "peer 1.0", "memory": 5}
    results.begin("peer", "peer 1.1")
    assert results.record("peer") == {"of": "peer 1.1"}


def test_figures_of_another_set_are_not_added_to(tmp_path: Path) -> None:
    """A file of figures belongs to one set and one number of rows."""
    path = tmp_path / "run.json"
    Results(ABOUT, path).save()
    with pytest.raises(ValueError, match="of another set"):
        Results({**ABOUT, "rows": 5}, path)


def test_a_peer_that_failed_does_not_race() -> None:
    """Whether in everything or in one case."""
    record: dict[str, Any] = {
        "sweeps": {"": [found(0.99, 1)]},
        "reasons": {"recall 0.95 crowd": "one thread only"},
    }
    kinds = ["single", "crowd"]
    assert [kind for *_, kind, _ in to_race({"a": record}, ["recall 0.95"], kinds, 1)] == ["single"]
    record["reasons"] = {"all": "it crashed"}
    assert list(to_race({"a": record}, ["recall 0.95"], kinds, 1)) == []


def test_the_median_round_counts() -> None:
    """Figure by figure, so that one disturbed round changes nothing."""
    rounds = [{**found(1, qps), "count": 10} for qps in (100, 5, 110)]
    figures = middle({"races": {"recall 0.95": {"single": rounds}}}, "recall 0.95", "single")
    assert figures is not None
    assert (figures["qps"], figures["count"]) == (100, 30)


def test_the_page_keeps_what_was_written_by_hand() -> None:
    """Only what is between the marks is replaced, and a page without them is not written over."""
    page = f"# Title\n\n{BEGIN}\nold\n{END}\n\n## Bars and misses\n\nBy hand.\n"
    after = renewed(page, "new")
    assert after == page.replace("\nold\n", "\n\nnew\n\n")
    assert renewed(after, "new") == after
    with pytest.raises(ValueError, match="two marks"):
        renewed("# Title\n", "new")


def test_the_page_says_what_a_peer_cannot_do() -> None:
    """No recall that is high enough, few queries, a failure: none is left out in silence."""
    results = Results(ABOUT)
    results.note_in("weak", "sweeps", "", [found(0.9, 100)])
    results.note_in("weak", "sweeps", "random 1 %", [found(0.91, 40)])
    results.note_race("weak", "random 1 %", "single", {**found(0.9, 40), "count": 12})
    results.note_in("broken", "reasons", "all", "broken: it ended with -11.\nmore")
    page = table_page(results.document())
    assert "| weak |  | at most 0.900 | n/a |" in page
    assert "*40.0† (0.910)*" in page
    assert "- broken: broken: it ended with -11." in page


def test_a_front_has_only_settings_that_no_other_beats() -> None:
    """By recall, so that a line through it never turns back."""
    assert front([found(0.9, 50), found(0.95, 60), found(0.99, 10), found(0.99, 20)]) == [
        (0.95, 60),
        (0.99, 20),
    ]


def test_questions_know_the_exact_answers_among_what_matches(tmp_path: Path) -> None:
    """Each filter takes its share of the rows; recall is 1 for its exact answers, and padding counts for nothing."""
    random = np.random.default_rng(3)
    base, queries = (random.standard_normal((n, 8)).astype(np.float32) for n in (2000, 4))
    for name, rows in (("base", base), ("queries", queries)):
        np.save(tmp_path / f"{name}.npy", rows / np.linalg.norm(rows, axis=1, keepdims=True))
    questions.make(tmp_path, 1000, tmp_path / "cache")
    known = questions.load(tmp_path / "cache")
    rows, fields = np.load(tmp_path / "cache" / "rows.npy"), np.load(tmp_path / "cache" / "fields.npy")
    assert len(rows) == 1000
    for name, condition in questions.CONDITIONS.items():
        allowed = (
            np.ones(1000, bool)
            if condition is None
            else fields[:, int(condition.field == "place")] < condition.below
        )
        if condition is not None and condition.field == "place":
            assert allowed.sum() == pytest.approx(condition.below / questions.VALUES * 1000, abs=1)
        scores = np.where(allowed, known.queries @ rows.T, -2.0)
        exact = [np.argsort(-one)[: min(TOP_K, allowed.sum())].tolist() for one in scores]
        assert known.recall(name, exact) == 1.0
        assert known.recall(name, [found[:1] for found in exact]) == pytest.approx(1 / max(1, len(exact[0])))


def test_eight_clients_ask_side_by_side_and_a_failure_is_raised() -> None:
    """Every one asks, each time counts, and what one of them meets is not lost."""
    queries = np.eye(16, dtype=np.float32)
    threads: set[int] = set()

    def ask(query: np.ndarray) -> list[int]:
        threads.add(threading.get_ident())
        return [int(query.argmax())]

    figures = crowd(ask, queries, 0.0, 8)
    assert (figures["count"], len(threads)) == (8, 8)

    def fail(query: np.ndarray) -> list[int]:
        raise KeyError(int(query.argmax()))

    with pytest.raises(KeyError):
        crowd(fail, queries, 0.0, 8)


def test_every_filter_is_a_case() -> None:
    """Two kinds at four shares, beside two recalls without a filter."""
    assert len(cases()) == 10


def test_several_sets_stand_beside_each_other() -> None:
    """What is missing of one set says so; filters have a table of their own, where any were asked."""
    sweeps = {"": [found(0.96, 500), found(0.995, 300)], "random 10 %": [found(0.985, 100)]}
    single = {"recall 0.95": 500.0, "recall 0.99": 300.0, "random 10 %": 100.0}
    raced = {case: {"single": [{**found(1, qps), "count": 300}]} for case, qps in single.items()}
    whole = {"sweeps": sweeps, "races": raced, "disk": 2_000_000, "written": {"rows": 1000}}
    slow = {"sweeps": {"": [found(0.96, 40)]}, "races": {"recall 0.95": {"single": [found(1, 40)]}}}
    small = {"about": ABOUT, "peers": {"zvec": slow, "QuartzDB ivf": whole}}
    wide = {"about": {**ABOUT, "dimension": 16}, "peers": {"QuartzDB ivf": whole}}
    assert races([small, wide]).splitlines() == [
        "| Queries/s, one client | 1,000 × 8, .95 | .99 | bytes a vector | 1,000 × 16, .95 | .99 | bytes a vector |",
        "| --- | --: | --: | --: | --: | --: | --: |",
        "| **QuartzDB ivf** | 500 | 300 | 2,000 | 500 | 300 | 2,000 |",
        "| zvec | 40.0 | n/a | n/a | n/a | n/a | n/a |",
    ]
    assert "| **QuartzDB ivf** | n/a | 100 (0.985) | n/a |" in filters(wide)
    assert filters({"about": ABOUT, "peers": {"zvec": slow}}) == ""
