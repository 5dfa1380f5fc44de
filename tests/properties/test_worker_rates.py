"""The Worker counts rates as the other deployments do: the same algorithm in another language, tried on both."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local import workerd
from quartzdb.domain.gcra import Rate, lease

# Each run: rates as { name, perSecond, burst }, pauses in ms between requests, and where the object starts `again`.
PROGRAM = """
import { Rates } from "%s";
const rows = new Map();
const sql = {
  exec(statement, name, tat_us) {
    if (statement.startsWith("INSERT")) rows.set(name, tat_us);
    return statement.startsWith("SELECT") ? [...rows].map(([name, tat_us]) => ({ name, tat_us })) : [];
  },
};
let text = "";
for await (const chunk of process.stdin) text += chunk;
const told = JSON.parse(text).map(({ rates, pauses, again }) => {
  rows.clear();
  let counted = new Rates(sql);
  let now = 1_700_000_000_000;
  return pauses.map((pause, at) => {
    if (at === again) counted = new Rates(sql);
    now += pause;
    const { admitted, at: tightest, remaining, waitMs } = counted.spend(rates, now);
    return [admitted, tightest, remaining, waitMs];
  });
});
console.log(JSON.stringify(told));
"""
BEGAN_MS = 1_700_000_000_000
# Those whose interval is a whole number of microseconds, so that both languages count alike.
PER_SECOND = st.sampled_from([1, 2, 4, 5, 8, 10, 50, 100, 1_000])
RATES = st.lists(st.builds(Rate, PER_SECOND, st.integers(1, 60)), min_size=1, max_size=2)
PAUSES = st.lists(st.sampled_from([0, 0, 0, 1, 20, 100, 500, 2_000]), min_size=1, max_size=150)
RUNS = st.lists(st.tuples(RATES, PAUSES), min_size=20, max_size=20)

Told = list[tuple[bool, int, int, int]]


def told_by_worker(runs: list[tuple[list[Rate], list[int]]], again: int | None = None) -> list[Told]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node here")
    documents = [
        {
            "rates": [
                {"name": f"r{at}", "perSecond": rate.per_second, "burst": rate.burst}
                for at, rate in enumerate(rates)
            ],
            "pauses": pauses,
            "again": again,
        }
        for rates, pauses in runs
    ]
    program = PROGRAM % (Path(workerd.WORKER) / "src" / "gcra.js").as_uri()
    command = [
        node,
        "--no-warnings",
        "--experimental-default-type=module",
        "--input-type=module",
        "-e",
        program,
    ]
    ran = subprocess.run(command, input=json.dumps(documents), capture_output=True, text=True, check=True)
    return [[tuple(one) for one in run] for run in json.loads(ran.stdout)]


def told_here(rates: list[Rate], pauses: list[int]) -> Told:
    """The same from `gcra.lease`, a request at a time."""
    tats: list[int | None] = [None] * len(rates)
    now_ns, told = BEGAN_MS * 1_000_000, []
    for pause in pauses:
        now_ns += pause * 1_000_000
        leases = [lease(tat, now_ns, rate, 1, 1) for tat, rate in zip(tats, rates, strict=True)]
        full = next((at for at, (leased, _) in enumerate(leases) if not leased.requests), None)
        if full is not None:
            told.append((False, full, 0, max(50, leases[full][0].wait_ms)))
            continue
        tats = [tat for _, tat in leases]
        rooms = [leased.room for leased, _ in leases]
        shares = [room / rate.burst for room, rate in zip(rooms, rates, strict=True)]
        tightest = shares.index(min(shares))
        told.append((True, tightest, rooms[tightest], 0))
    return told


@settings(max_examples=4, deadline=None)
@given(RUNS)
def test_the_worker_counts_as_the_others_do(runs: list[tuple[list[Rate], list[int]]]) -> None:
    """Each request is admitted or not by both, with the same room left and the same time to wait."""
    assert told_by_worker(runs) == [told_here(rates, pauses) for rates, pauses in runs]


@settings(max_examples=4, deadline=None)
@given(RUNS, st.integers(1, 60))
def test_starting_anew_gives_half_a_second_at_most(
    runs: list[tuple[list[Rate], list[int]]], again: int
) -> None:
    """Never the whole burst once more, wherever an object was cut off."""
    for (rates, pauses), told in zip(runs, told_by_worker(runs, again), strict=True):
        for first in range(len(pauses)):
            for rate in rates:
                passed_s, admitted = 0.0, 0
                for pause, (one, _, _, _) in zip(pauses[first:], told[first:], strict=True):
                    passed_s += pause / 1_000 if admitted or one else 0
                    admitted += one
                    assert admitted <= rate.burst + rate.per_second * (passed_s + 0.5) + 1
