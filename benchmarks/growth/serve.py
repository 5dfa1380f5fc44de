"""One process that opens what was built and searches it: time to open, latency, recall, memory. Prints JSON."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.filling import Floats, open_database, share_of
from benchmarks.growth.case import Step, parse_step
from benchmarks.growth.memory import hold_to, memory
from benchmarks.mixtures import NearestSoFar
from quartzdb.domain.filter import Filter, parse
from quartzdb.domain.namespace import Namespace
from quartzdb.services.search import QueryRequest, Search

TOP_K = 10
SHARES = {"10 %": 10, "1 %": 1}


def main() -> None:
    """Measure."""
    step = parse_step(__doc__)
    hold_to(step.memory_gb)
    print(json.dumps(serve(step)))


def serve(step: Step) -> dict[str, Any]:
    """Everything that is asked of a database at rest."""
    queries: Floats = np.load(step.data / "queries.npy")[: step.queries]
    begun = time.perf_counter()
    opened = open_database(step.directory, step.case.dimension)
    search, namespace = opened.database.search, opened.namespace
    search.query(namespace, QueryRequest(queries[0]))
    first_answer = time.perf_counter() - begun
    plain = asked(search, namespace, queries, None, step.seconds)
    served = memory()
    filtered = {
        name: asked(search, namespace, queries, parse({"share": {"$lt": share}}), step.seconds)
        for name, share in SHARES.items()
    }
    found = {"all": plain.pop("found"), **{name: one.pop("found") for name, one in filtered.items()}}
    opened.close()
    truth = exact_answers(step, queries)
    return {
        "first_answer_ms": 1000 * first_answer,
        "query": {**plain, "recall": recall(found["all"], truth["all"])},
        "filtered": {
            name: {**one, "recall": recall(found[name], truth[name])} for name, one in filtered.items()
        },
        "anonymous_bytes": served.anonymous_bytes,
        "file_bytes": served.file_bytes,
        "serving_peak_bytes": served.peak_bytes,
    }


def asked(
    search: Search, namespace: Namespace, queries: Floats, condition: Filter | None, seconds: float
) -> dict[str, Any]:
    """Every query once to warm up, then over and over for so long, each timed by the clock and by the processor."""
    requests = [QueryRequest(query, top_k=TOP_K, condition=condition) for query in queries]
    found = [[match.id for match in search.query(namespace, one).matches] for one in requests]
    waits, cpu_begun, begun = [], time.process_time(), time.perf_counter()
    while time.perf_counter() - begun < seconds:
        for one in requests:
            started = time.perf_counter()
            search.query(namespace, one)
            waits.append(time.perf_counter() - started)
    cpu = (time.process_time() - cpu_begun) / len(waits)
    return {
        "p50_ms": 1000 * float(np.median(waits)),
        "p99_ms": 1000 * float(np.quantile(waits, 0.99)),
        "cpu_ms": 1000 * cpu,
        "per_cpu_second": 1 / cpu,
        "found": found,
    }


def exact_answers(step: Step, queries: Floats) -> dict[str, npt.NDArray[np.int32]]:
    """The true nearest of every query, among all rows and among those that each filter allows."""
    base: Floats = np.load(step.data / "base.npy", mmap_mode="r")[: step.case.rows]
    numbers = np.arange(len(base))
    shares = share_of(numbers)
    everything = NearestSoFar(queries, TOP_K)
    among = {name: NearestSoFar(queries, TOP_K) for name in SHARES}
    for start in range(0, len(base), 65_536):
        block = np.asarray(base[start : start + 65_536])
        everything.add(block)
        for name, share in SHARES.items():
            among[name].add(block[shares[start : start + len(block)] < share])
    allowed = {name: numbers[shares < share] for name, share in SHARES.items()}
    return {
        "all": everything.rows(),
        **{name: allowed[name][nearest.rows()].astype(np.int32) for name, nearest in among.items()},
    }


def recall(found: list[list[str]], truth: npt.NDArray[np.int32]) -> float:
    """The share of the true nearest that was found."""
    hits = sum(
        len({int(one.rsplit("-", 1)[1]) for one in ids} & set(rows.tolist()))
        for ids, rows in zip(found, truth, strict=True)
    )
    return hits / truth.size


if __name__ == "__main__":
    main()
