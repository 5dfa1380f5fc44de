"""Several clients in one process, a thread each; and what times of queries come to."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import numpy as np

from benchmarks.peers.port import Ask, Floats


def crowd(ask: Ask, queries: Floats, seconds: float, clients: int) -> dict[str, float]:
    """All clients ask one query after the other for some time. Raises what one of them met."""
    times: list[list[float]] = [[] for _ in range(clients)]
    spans: list[tuple[float, float]] = []
    failures: list[BaseException] = []
    together = threading.Barrier(clients + 1)

    def client(number: int) -> None:
        own, at = times[number], number * len(queries) // clients
        try:
            ask(queries[at])
            together.wait()
            began = time.perf_counter()
            while True:
                at += 1
                started = time.perf_counter()
                ask(queries[at % len(queries)])
                ended = time.perf_counter()
                own.append(ended - started)
                if ended > began + seconds:
                    spans.append((began, ended))
                    return
        except Exception as error:  # noqa: BLE001 - raised again, in the thread that is waited for
            failures.append(error)
            together.abort()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        together.wait()
    except threading.BrokenBarrierError:
        raise failures[0] from None
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    took = max(ended for _, ended in spans) - min(began for began, _ in spans)
    return figures([one for own in times for one in own], took)


def figures(times: Sequence[float], took: float) -> dict[str, float]:
    """Queries per second of all that was asked in `took` seconds, how many they were, and milliseconds of one."""
    p50, p95, p99 = (1000 * float(value) for value in np.percentile(times, (50, 95, 99)))
    return {"qps": len(times) / took, "count": len(times), "p50": p50, "p95": p95, "p99": p99}
