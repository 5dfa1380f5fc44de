"""The contract of MergeRuns."""

from __future__ import annotations

from tests.contracts.adapters import StartedRuns, in_threads

DOCUMENT = {"plan": {"partition": "t/n/g/0", "segments": ["a", "ü"]}, "shards": [{"shard": 0}, {"shard": 1}]}


def test_a_run_is_given_its_document(merge_runs: StartedRuns) -> None:
    """As it was, and beside other runs."""
    merge_runs.runs.start("a1b2", DOCUMENT)
    merge_runs.runs.start("c3d4", {"plan": {}, "shards": []})
    assert merge_runs.started() == {"a1b2": DOCUMENT, "c3d4": {"plan": {}, "shards": []}}


def test_a_name_is_run_once(merge_runs: StartedRuns) -> None:
    """However often it is started, while it runs or when it has ended, and with whatever document."""
    for _ in range(3):
        merge_runs.runs.start("a1b2", DOCUMENT)
    merge_runs.runs.start("a1b2", {"plan": {}, "shards": []})
    assert merge_runs.started() == {"a1b2": DOCUMENT}


def test_one_of_many_starts_of_a_name_runs(merge_runs: StartedRuns) -> None:
    """Whoever else starts it at that moment is told nothing else than who comes later."""
    in_threads(6, lambda _: merge_runs.runs.start("a1b2", DOCUMENT))
    assert merge_runs.started() == {"a1b2": DOCUMENT}
