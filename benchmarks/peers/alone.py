"""What is measured of one database while no other is open: writing, every setting, memory, first answers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.children import environment
from benchmarks.memory import forget_files, size_of
from benchmarks.peers import questions
from benchmarks.peers.about import fingerprint
from benchmarks.peers.choice import FILTERED_TARGET, TARGETS, cases, chosen
from benchmarks.peers.chroma_server import served_copy
from benchmarks.peers.plan import STEP_SECONDS_MAX, Plan, say, worker
from benchmarks.peers.questions import CONDITIONS, UNFILTERED
from benchmarks.peers.registry import PEERS
from benchmarks.peers.results import Results

INGEST_SECONDS_MAX = 3_600.0
SWEEP_SECONDS = 30.0
SWEEP_SECONDS_EACH = 1.5
FILTER_SECONDS = 6.0
FILTER_SECONDS_EACH = 0.4
FILTER_QUERIES = 300
MEMORY_SECONDS = 2.0
FIRST_ANSWERS = {"warm": 5, "dropped": 3}


def prepare(name: str, plan: Plan, results: Results) -> str:
    """Everything of one peer that no other is there for. What became of it."""
    record = results.record(name)
    started = time.monotonic()
    try:
        ingest(name, plan, results)
        wanted = [UNFILTERED] if "plain" in plan.cases else []
        wanted += [known for known in CONDITIONS if known and "filters" in plan.cases]
        if missing := [known for known in wanted if known not in record.get("sweeps", {})]:
            sweep(name, plan, results, missing)
        if "memory" in plan.cases and "memory" not in record:
            measure_memory(name, plan, results)
        if "first" in plan.cases and "first" not in record:
            measure_first(name, plan, results)
    except RuntimeError as error:
        results.note_in(name, "reasons", "all", str(error))
        return f"{error}"
    return f"{time.monotonic() - started:.0f} s"


def ingest(name: str, plan: Plan, results: Results) -> None:
    """Build the index, unless it is there, and know what that took."""
    if shared := PEERS[name].shares:
        _built(shared, plan)
    written = _built(name, plan)
    if "written" not in results.record(name):
        # Now that nobody has it open: a journal counts as long as its writer lives, and goes with it.
        disk = None if PEERS[name].shares else size_of(plan.place(name))
        results.note(name, written=written, disk=disk, family=PEERS[name].family)


def _built(name: str, plan: Plan) -> dict[str, Any]:
    """What building it took: now, or when it was built by the same version."""
    slug = "".join(letter if letter.isalnum() else "-" for letter in name)
    facts = plan.kept / f"{slug}-{plan.data.name}-{plan.rows or 'all'}.json"
    of = fingerprint(PEERS[name].package)
    if facts.exists():
        kept: dict[str, Any] = json.loads(facts.read_text())
        if kept.pop("of") == of:
            return kept
    if PEERS[name].shares is None:
        for old in (plan.place(name), served_copy(plan.place(name))):
            shutil.rmtree(old, ignore_errors=True)
    say(f"{name}: writing")
    # A build may use every core, as far as the library does so by itself.
    cores = str(len(os.sched_getaffinity(0)))
    with worker(name, plan, OMP_NUM_THREADS=cores) as child:
        written = child.ask("ingest", seconds=INGEST_SECONDS_MAX)
    facts.write_text(json.dumps({"of": of, **written}))
    return written


def sweep(name: str, plan: Plan, results: Results, conditions: Sequence[str]) -> None:
    """Recall and speed of all settings."""
    with worker(name, plan) as child:
        results.note(name, open_ms=child.ask("open", seconds=STEP_SECONDS_MAX)["open_ms"])
        for condition in conditions:
            budget: tuple[float, float, int, float] = (
                SWEEP_SECONDS_EACH,
                SWEEP_SECONDS,
                1_000_000,
                max(TARGETS),
            )
            if condition:
                budget = (FILTER_SECONDS_EACH, FILTER_SECONDS, FILTER_QUERIES, FILTERED_TARGET)
            try:
                found = child.ask("sweep", condition, *budget, seconds=STEP_SECONDS_MAX)["sweep"]
            except RuntimeError as error:
                # Without a sweep there is no race of it. The rest goes on if the process does.
                for case, (its, _) in cases().items():
                    if its == condition:
                        results.note_in(name, "reasons", case, str(error))
                continue
            results.note_in(name, "sweeps", condition, found)


def measure_memory(name: str, plan: Plan, results: Results) -> None:
    """What a process of its own holds after some queries."""
    setting = _setting(results, name)
    with worker(name, plan) as child:
        bare = child.ask("open", seconds=STEP_SECONDS_MAX)["bare"]
        child.ask("race", UNFILTERED, setting, MEMORY_SECONDS, seconds=STEP_SECONDS_MAX)
        results.note(name, memory=child.ask("memory"), bare=bare)


def measure_first(name: str, plan: Plan, results: Results) -> None:
    """Milliseconds from nothing to an answer. For a server, from its start; for the others, from Python's."""
    vector = plan.cache / "first.npy"
    np.save(vector, questions.load(plan.cache).queries[0])
    setting = json.dumps(_setting(results, name))
    command = [sys.executable, "-m", "benchmarks.peers.first", name, str(plan.place(name)), setting]
    found: dict[str, list[float]] = {}
    dropped_by = ""
    # The first of all is not counted: it brings files, and what is compiled on first use, into the cache.
    for how, times in (("", 1), *FIRST_ANSWERS.items()):
        for _ in range(times):
            if how == "dropped":
                dropped_by = forget_files([plan.place(name), Path(sys.prefix)])
            started = time.monotonic()
            opening, answered = _answered([*command, str(vector)])
            if how:
                begun = opening if PEERS[name].shares else started
                found.setdefault(how, []).append(1000 * (answered - begun))
    results.note(name, first=found, dropped_by=dropped_by)


def _answered(command: Sequence[str]) -> tuple[float, float]:
    """When a fresh process began to open the database, and when it had its answer."""
    try:
        ran = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=STEP_SECONDS_MAX,
            check=True,
            env=environment(),
        )
    except subprocess.SubprocessError as error:
        raise RuntimeError(f"A fresh process gave no answer: {error}") from error
    opening, answered, _ = json.loads(ran.stdout.splitlines()[-1])
    return opening, answered


def _setting(results: Results, name: str) -> Any:
    """How a peer is told to search where it matters little: well enough."""
    record = results.record(name)
    found = chosen(record, f"recall {TARGETS[0]}")
    return found["setting"] if found else PEERS[name].make().settings[-1]
