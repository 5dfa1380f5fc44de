"""Measures one small server with many namespaces: `python -m benchmarks.namespaces [--namespaces N] [--open-files N]`.

Starts `quartzdb serve` with a limit of open files, soft and hard, creates the namespaces over HTTP, writes some records
into each, waits until all are in segments, and asks each of them twice, in another order each time. Then it looks at
what the server costs while nobody asks, and starts it again. Ends with status 1 where a request was not answered as it
should be, or the server logged anything.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.http_by_hand import Connection, NoAnswer, Requests
from benchmarks.measured_page import keep, table
from benchmarks.memory import memory, size_of
from local.server_process import ServerProcess

DIMENSION = 8
RECORDS = 4
IDLE_SECONDS = 20.0
REST_SECONDS_MAX = 3_600.0


@dataclass(frozen=True, slots=True)
class Phase:
    """One thing done to the server. Milliseconds as a client saw them; processor seconds are the server's."""

    name: str
    requests: int
    seconds: float
    processor_seconds: float
    p50_ms: float
    p99_ms: float
    worst_ms: float
    own_bytes: int
    open_files: int
    disk_bytes: int


class Watched:
    """A server with a limit of open files, and what it costs."""

    def __init__(self, data_dir: Path, open_files: int, key: str | None = None) -> None:
        limited = ("sh", "-c", f'ulimit -n {open_files}; exec "$@"', "sh")
        begun = time.perf_counter()
        self.process = ServerProcess(data_dir, key=key, before=limited)
        self.started_seconds = time.perf_counter() - begun
        self.data_dir = data_dir
        headers = {"Authorization": f"Bearer {self.process.key}", "Content-Type": "application/json"}
        self._requests = Requests(f"{self.process.url}/v1", headers)
        self._connection = Connection(self.process.url)
        self.milliseconds: list[float] = []
        self.most_files = 0

    @property
    def processor_seconds(self) -> float:
        """Used by it since it started."""
        stat = Path(f"/proc/{self.process.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def open_files(self) -> int:
        """Now."""
        now = len(os.listdir(f"/proc/{self.process.process.pid}/fd"))
        self.most_files = max(self.most_files, now)
        return now

    def post(self, path: str, document: object) -> bytes:
        """The answer to a request. Raises SystemExit where there is none, or no success."""
        request = self._requests.post(path, json.dumps(document).encode())
        begun = time.perf_counter()
        try:
            answer = self._connection.ask(request)
        except (NoAnswer, OSError) as error:
            sys.exit(f"A request was not answered with success; the server's log says more. {error}")
        self.milliseconds.append((time.perf_counter() - begun) * 1000)
        return answer

    @contextmanager
    def phase(self, name: str, phases: list[Phase]) -> Iterator[None]:
        """Measure what is done inside."""
        self.milliseconds.clear()
        self._connection.close()  # a server closes what was idle for long
        begun, used = time.perf_counter(), self.processor_seconds
        yield
        took, used = time.perf_counter() - begun, self.processor_seconds - used
        p50, p99, worst = np.percentile(self.milliseconds or [float("nan")], [50, 99, 100])
        own = memory([self.process.process.pid])["anonymous"]
        requests = len(self.milliseconds)
        phases.append(
            Phase(
                name,
                requests,
                took,
                used,
                float(p50),
                float(p99),
                float(worst),
                own,
                self.open_files(),
                size_of(self.data_dir),
            )
        )
        print(phases[-1], file=sys.stderr)


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--namespaces", type=int, default=10_000)
    arguments.add_argument("--open-files", type=int, default=1_024, help="RLIMIT_NOFILE, soft and hard")
    arguments.add_argument(
        "--write-docs", action="store_true", help="keep the figures, and put them into pages"
    )
    arguments.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="quartzdb-bench-") as folder:
        phases, most_files = measure(Path(folder) / "data", given.namespaces, given.open_files)
    if given.write_docs:
        shown = [
            one for one in phases if "tenth" not in one.name or one.name.split()[1] in {"1.", "5.", "10."}
        ]
        keep("namespaces", "many", markdown(shown), command="make bench-namespaces")
    print(json.dumps([asdict(one) for one in phases]) if given.json else markdown(phases))
    print(
        f"At most {most_files} of {given.open_files} files were open when it was looked at.", file=sys.stderr
    )


def measure(data_dir: Path, namespaces: int, open_files: int) -> tuple[Sequence[Phase], int]:
    """Everything, on a directory of its own; the most files that were seen open, too. Raises SystemExit."""
    chance = np.random.default_rng(namespaces)
    names = [f"n{number:05}" for number in range(namespaces)]
    phases: list[Phase] = []
    server = Watched(data_dir, open_files)
    key = server.process.key
    try:
        # Tenths, so that what grows with the number of namespaces is seen.
        for tenth in range(10):
            some = names[tenth * namespaces // 10 : (tenth + 1) * namespaces // 10]
            with server.phase(f"create, {tenth + 1}. tenth", phases):
                for name in some:
                    create(server, name)
        for tenth in range(10):
            some = names[tenth * namespaces // 10 : (tenth + 1) * namespaces // 10]
            with server.phase(f"write, {tenth + 1}. tenth", phases):
                for name in some:
                    write(server, name, chance)
        with server.phase("until in segments", phases):
            until_at_rest(server, namespaces)
        for turn in ("ask, first time", "ask, second time"):
            random.Random(turn).shuffle(names)
            with server.phase(turn, phases):
                for name in names:
                    ask(server, name)
        with server.phase(f"nothing, {IDLE_SECONDS:g} s", phases):
            time.sleep(IDLE_SECONDS)
        most = server.most_files
        if server.process.terminate():
            sys.exit("The server did not stop as it should.")
        server = Watched(data_dir, open_files, key)
        with server.phase(f"start ({server.started_seconds:.1f} s), then ask", phases):
            for name in names:
                ask(server, name)
        most = max(most, server.most_files)
        server.process.terminate()
    except SystemExit:
        print(data_dir.with_name("data.log").read_text()[-4000:], file=sys.stderr)
        raise
    finally:
        server.process.kill()
    log = data_dir.with_name("data.log").read_text()
    if log:
        sys.exit(f"The server had something to say:\n{log[-2000:]}")
    return phases, most


def create(server: Watched, name: str) -> None:
    """A namespace."""
    server.post("/namespaces", {"name": name, "dimension": DIMENSION})


def write(server: Watched, name: str, chance: np.random.Generator) -> None:
    """Some records."""
    vectors = chance.standard_normal((RECORDS, DIMENSION)).round(3).tolist()
    records = [{"id": f"r{row}", "vector": vector} for row, vector in enumerate(vectors)]
    server.post(f"/namespaces/{name}/vectors", {"vectors": records})


def ask(server: Watched, name: str) -> None:
    """The nearest of all that a namespace has: all of it must be there."""
    question = {"vector": [1.0] * DIMENSION, "top_k": 10}
    found = json.loads(server.post(f"/namespaces/{name}/query", question))
    if len(found["matches"]) != RECORDS:
        sys.exit(f"{name} answered with {len(found['matches'])} of {RECORDS} records.")
    if len(server.milliseconds) % 100 == 0:
        server.open_files()


def until_at_rest(server: Watched, namespaces: int) -> None:
    """Until each has a segment."""
    segments = server.data_dir / "segments" / "pointers"
    deadline = time.monotonic() + REST_SECONDS_MAX
    while _count(segments) < namespaces:
        if time.monotonic() > deadline:
            sys.exit(
                f"After {REST_SECONDS_MAX:g} s {_count(segments)} of {namespaces} namespaces had a segment."
            )
        time.sleep(1)
        server.open_files()


def _count(pointers: Path) -> int:
    return sum("CURRENT" in files for _, _, files in os.walk(pointers))


def markdown(phases: Sequence[Phase]) -> str:
    """As a table."""
    columns: Sequence[tuple[str, Callable[[Phase], str]]] = (
        ("Phase", lambda one: one.name),
        ("Requests", lambda one: f"{one.requests:,}"),
        ("Seconds", lambda one: f"{one.seconds:,.1f}"),
        ("CPU of the server, s", lambda one: f"{one.processor_seconds:,.1f}"),
        (
            "p50 / p99 / worst, ms",
            lambda one: f"{one.p50_ms:.1f} / {one.p99_ms:.1f} / {one.worst_ms:.0f}" if one.requests else "",
        ),
        ("Own memory, MB", lambda one: f"{one.own_bytes / 1e6:.0f}"),
        ("Open files", lambda one: f"{one.open_files}"),
        ("Disk, MB", lambda one: f"{one.disk_bytes / 1e6:.0f}"),
    )
    return table([name for name, _ in columns], [[cell(one) for _, cell in columns] for one in phases])


if __name__ == "__main__":
    main()
