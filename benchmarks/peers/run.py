"""One run: each database alone, and then all of them in turns, round by round."""

from __future__ import annotations

from benchmarks.children import Child
from benchmarks.peers import questions
from benchmarks.peers.about import fingerprint
from benchmarks.peers.alone import prepare
from benchmarks.peers.choice import cases, chosen, refused, to_race
from benchmarks.peers.plan import STEP_SECONDS_MAX, Plan, say, start
from benchmarks.peers.registry import PEERS
from benchmarks.peers.results import Results

CLIENTS = 8
SERVER_CROWD_SECONDS = 2.0
"""More than in process, because connections are made at the start."""


def run(plan: Plan, results: Results) -> None:
    """Everything that the results do not have yet."""
    questions.make(plan.data, plan.rows, plan.cache)
    for name in plan.names:
        # What failed before is tried again; what was measured of another version, or of other code of ours, too.
        results.begin(name, fingerprint(PEERS[name].package))
    for name in plan.names:
        say(f"{name}: " + prepare(name, plan, results))
    race(plan, results)


def race(plan: Plan, results: Results) -> None:
    """All in turn, round by round."""
    wanted = [
        case
        for case, (condition, _) in cases().items()
        if ("filters" if condition else "plain") in plan.cases
    ]
    kinds = ["single", *(["crowd"] if "crowd" in plan.cases else [])]
    records = {name: results.record(name) for name in plan.names}
    left = list(to_race(records, wanted, kinds, plan.rounds))
    running: dict[str, Child] = {}
    at = (-1, "")
    try:
        for number, case, kind, name in left:
            if (number, case) != at:
                at = (number, case)
                say(f"round {number + 1}: {case}")
            record = results.record(name)
            found = chosen(record, case)
            if found is None or refused(record, case, kind):
                continue
            try:
                if name not in running:
                    running[name] = start(name, plan)
                    running[name].ask("open", seconds=STEP_SECONDS_MAX)
                seconds = plan.race_seconds
                more: tuple[int, ...] = ()
                if kind == "crowd":
                    more = (CLIENTS,)
                    seconds = SERVER_CROWD_SECONDS if PEERS[name].shares else seconds
                figures = running[name].ask(
                    "race" if kind == "single" else "crowd",
                    cases()[case][0],
                    found["setting"],
                    seconds,
                    *more,
                    seconds=STEP_SECONDS_MAX,
                )
            except RuntimeError as error:
                results.note_in(name, "reasons", f"{case} {kind}", str(error))
                if not running[name].alive:
                    del running[name]
            else:
                results.note_race(name, case, kind, figures)
    finally:
        for child in running.values():
            child.close()
