"""What identity, limits and metering add to a warm request: `python -m benchmarks.request_overhead [--rounds N]`.

Two servers over directories of their own, one with a usage journal; in each a tenant without a grant and one with rates
that are never reached. The four take turns, request by request, so that whatever else the machine does falls on all of
them alike. Beside that, what the edge itself spends on knowing the key and deciding from a slice, in this process.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from quartzdb.api.auth import Authenticator
from quartzdb.api.limits import Undecided, told
from quartzdb.api.slice_limiter import SliceLimiter, threads_ahead
from quartzdb.domain.grant import GrantLimits, TenantGrant
from quartzdb.wiring.embedded import Database, EmbeddedSettings, open_embedded

RATES = GrantLimits(1_000_000, 1_000_000, 1_000_000, 1_000_000)
WARM_UP = 200
BLOCK = 100
_DECISIONS = 20_000


@dataclass(frozen=True, slots=True)
class Case:
    """A key at a server, which is the process `pid`."""

    name: str
    pid: int
    connection: http.client.HTTPConnection
    key: str

    def ask(self) -> float:
        """Milliseconds that one request takes, as the client sees it."""
        begun = time.perf_counter()
        headers = {"Authorization": f"Bearer {self.key}"}
        self.connection.request("GET", "/v1/namespaces/n/kv/k", headers=headers)
        answer = self.connection.getresponse()
        answer.read()
        took = (time.perf_counter() - begun) * 1_000
        if answer.status != http.client.OK:
            raise SystemExit(f"{self.name}: answered {answer.status}")
        return took


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=4_000, help="Requests of each case.")
    rounds = parser.parse_args().rounds
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        cases = []
        for metering in (False, True):
            data_dir = Path(directory) / f"metering-{metering}"
            database = open_embedded(EmbeddedSettings(data_dir))
            plain, limited = _filled(database)
            url, pid = stack.enter_context(_served(data_dir, metering=metering))
            for limits, key in ((False, plain), (True, limited)):
                name = f"{'limits' if limits else 'no limits'}, {'metering' if metering else 'no metering'}"
                connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
                cases.append(Case(name, pid, connection, key))
        _report(cases, _measured(cases, rounds), _processor(cases, rounds))
        _report_decisions(database, limited)


def _filled(database: Database) -> tuple[str, str]:
    """Keys of a tenant without a grant and of one with rates, which have a namespace and an item each."""
    from quartzdb.domain.namespace import NamespaceSettings
    from quartzdb.services.keyvalue import NewItem

    keys = []
    for tenant in ("plain", "limited"):
        namespace, _ = database.namespaces.create(tenant, "n", NamespaceSettings(8))
        database.key_values.put(namespace, NewItem("k", b"v" * 100))
        keys.append(database.api_keys.create(tenant, "bench", ["read"])[1])
    database.tenants.put(TenantGrant("limited", 1, plan="bench", limits=RATES))
    return keys[0], keys[1]


@contextmanager
def _served(data_dir: Path, *, metering: bool) -> Iterator[tuple[str, int]]:
    command = [
        sys.executable,
        "-m",
        "quartzdb.cli",
        "serve",
        "--data-dir",
        str(data_dir),
        "--port",
        "0",
        "--json",
    ]
    with subprocess.Popen(
        [*command, *(["--usage-journal"] if metering else [])],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"], process.pid
        finally:
            process.terminate()


def _measured(cases: Sequence[Case], rounds: int) -> Sequence[list[float]]:
    times: list[list[float]] = [[] for _ in cases]
    order = list(range(len(cases)))
    choice = random.Random(1)
    for number in range(WARM_UP + rounds):
        choice.shuffle(order)
        for index in order:
            took = cases[index].ask()
            if number >= WARM_UP:
                times[index].append(took)
    return times


def _processor(cases: Sequence[Case], rounds: int) -> Sequence[float]:
    """Milliseconds of processor time that a server takes for a request, in blocks of requests that take turns."""
    used = [0.0 for _ in cases]
    blocks = max(1, rounds // BLOCK)
    choice = random.Random(2)
    order = list(range(len(cases)))
    for _ in range(blocks):
        choice.shuffle(order)
        for index in order:
            before = _on_processor(cases[index].pid)
            for _ in range(BLOCK):
                cases[index].ask()
            used[index] += _on_processor(cases[index].pid) - before
    return [seconds * 1_000 / (blocks * BLOCK) for seconds in used]


def _on_processor(pid: int) -> float:
    """Seconds that the threads of a process have run."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def _report(cases: Sequence[Case], times: Sequence[list[float]], processor: Sequence[float]) -> None:
    base = times[0]
    print(
        "| A warm key-value read | p50 ms | more at the median, ms | ratio | p95 ms | server's processor, ms |"
    )
    print("|---|---|---|---|---|---|")
    for case, taken, used in zip(cases, times, processor, strict=True):
        more = statistics.median(a - b for a, b in zip(taken, base, strict=True))
        median = statistics.median(taken)
        ratio = median / statistics.median(base)
        p95 = statistics.quantiles(taken, n=20)[-1]
        print(f"| {case.name} | {median:.3f} | {more:+.3f} | {ratio:.3f} | {p95:.3f} | {used:.3f} |")


def _report_decisions(database: Database, key: str) -> None:
    """What runs on the event loop for each request, by itself."""
    authenticator = Authenticator(database.api_keys, database.tenants, database.clock, seconds=3_600)
    principal = authenticator.look_up(key)
    limiter = SliceLimiter(database.rate_slices, database.clock, ahead=threads_ahead())

    def limits() -> None:
        quota = limiter.admit(principal, "get_value")
        told(limiter.decide(principal, "get_value") if isinstance(quota, Undecided) else quota)

    def identity() -> None:
        known = authenticator.remembered(key)
        assert known is not None
        known.require_tenant(changes=False)
        known.require_unblocked(reads=True, writes=False, now_ms=database.clock.unix_ms())

    for name, work in (("knowing the key", identity), ("deciding and telling two rates", limits)):
        print(f"{name}: {_microseconds(work):.1f} µs at the median, alone in a process")


def _microseconds(work: Callable[[], None]) -> float:
    times = []
    for _ in range(_DECISIONS):
        begun = time.perf_counter_ns()
        work()
        times.append(time.perf_counter_ns() - begun)
    return statistics.median(times) / 1_000


if __name__ == "__main__":
    main()
