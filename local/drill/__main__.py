"""`python -m local.drill`: the failover drill, with a timeline to read and an exit status for machines."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from local.clouds.clouds import clouds
from local.drill.scenario import FAST_RULES, Missed, Outcome, bars_of, half_broken, hard_failure
from local.drill.timeline import Timeline
from local.failure import LocalDeploymentFailed
from local.faults import KINDS, Fault
from local.work_directory import REPOSITORY
from quartzdb.routing.decision.rules import DEFAULT_RULES, Rules

LOG = REPOSITORY / "build" / "drill.log"
SLOW_SECONDS = 20.0
"""So slow that nobody waits for it."""
_FAULTS = [Fault(kind, seconds=SLOW_SECONDS if kind == "slow" else 0.0) for kind in KINDS if kind != "none"]
HARD = tuple(fault.kind for fault in _FAULTS)
HALF = "half"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 where every bar was met."""
    parser = argparse.ArgumentParser(prog="python -m local.drill", description=__doc__)
    parser.add_argument(
        "--faults",
        nargs="+",
        choices=[*HARD, HALF],
        default=[*HARD, HALF],
        help="which faults, one after the other; half: 50 %% of the answers are 503",
    )
    parser.add_argument("--fast", action="store_true", help="with the rules ten times as hasty")
    parser.add_argument("--half-seconds", type=float, default=120.0, help="how long half of it is broken")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=Path, default=LOG, help="a file for what the parts say of themselves")
    parser.add_argument("--json", type=Path, help="a file for what was measured")
    options = parser.parse_args(arguments)
    options.log.parent.mkdir(parents=True, exist_ok=True)
    # What the parts say of each broken request is for whoever looks for a reason, and not for the timeline.
    logging.basicConfig(filename=options.log, filemode="w", format="%(asctime)s %(name)s %(message)s")
    timeline = Timeline()
    outcomes: list[Outcome] = []
    missed: list[str] = []
    for number, kind in enumerate(options.faults):
        timeline.say(f"--- {kind} ---")
        try:
            outcomes.append(
                _one(
                    kind,
                    timeline,
                    rules=FAST_RULES if options.fast else DEFAULT_RULES,
                    half_seconds=options.half_seconds,
                    seed=options.seed + number,
                )
            )
        except Missed as bar:
            timeline.say(f"MISSED  {bar}")
            missed.append(str(bar))
        except LocalDeploymentFailed as failure:
            sys.stderr.write(f"{failure}\n")
            return 2
    _print(outcomes)
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1))
    for bar_missed in missed:
        sys.stdout.write(f"missed: {bar_missed}\n")
    return 1 if missed else 0


def _one(kind: str, timeline: Timeline, *, rules: Rules, half_seconds: float, seed: int) -> Outcome:
    """Each fault has clouds of its own: a breaker that opened before would hold down for longer."""
    with (
        tempfile.TemporaryDirectory(prefix="quartzdb-drill-") as folder,
        clouds(Path(folder), rules=rules) as running,
    ):
        running.wait_until_serving()
        bars = bars_of(running)
        if kind == HALF:
            return half_broken(running, timeline, bars=bars, seconds=half_seconds, seed=seed)
        fault = next(each for each in _FAULTS if each.kind == kind)
        return hard_failure(running, fault, timeline, bars=bars, seed=seed)


def _print(outcomes: Sequence[Outcome]) -> None:
    rows = [
        (
            "fault",
            "switch s",
            "reads failed",
            "GETs",
            "until s",
            "guarded",
            "writes failed",
            "failback s",
            "lag ms",
            "acknowledged",
            "wrong",
        )
    ]
    rows += [
        (
            one.fault,
            _number(one.switch_seconds),
            str(one.reads_failed),
            str(one.gets_failed),
            _number(one.reads_failed_span_seconds),
            str(one.reads_failed_guarded),
            str(one.writes_failed),
            _number(one.failback_seconds),
            str(one.lag_at_failback_ms),
            str(one.acknowledged),
            str(len(one.wrong)),
        )
        for one in outcomes
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        line = "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write(f"{line}\n")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


if __name__ == "__main__":
    sys.exit(main())
