"""Change feeds under load: `python -m benchmarks.changes [--seconds N] [--writers N] [--followers N] [--before PATH]`.

*Delay*: writers upsert records over HTTP at a steady pace, each with the moment at which its request was sent;
followers, half by long polls and half by event streams, note when each record came. So a delay begins before the
write, and ends when a client has the event.

*Writes*: servers that keep the log for 7 days and not at all take writes in turns, block by block, so that whatever
else the machine does falls on both alike; with `--before`, also one that runs the package at another path, of before
there were feeds. What is compared are the blocks.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

from benchmarks.children import ROOT

DIMENSION = 384
PATH = "/v1/namespaces/n"
PACKAGE = ROOT / "layers" / "quartzdb" / "python"
LATE_SECONDS = 5.0
"""How long followers are waited for after the last write."""


@dataclass(frozen=True, slots=True)
class Server:
    """One that is served to."""

    name: str
    place: str
    key: str
    data_dir: Path
    pid: int

    @property
    def processor_ms(self) -> float:
        """What its process has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1_000 / os.sysconf("SC_CLK_TCK")

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.place, timeout=60)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}

    def ask(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: object = None
    ) -> bytes:
        """An answer's body. Raises SystemExit for any other than a success."""
        connection.request(method, path, None if body is None else json.dumps(body), self.headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{self.name}: {method} {path} answered {answer.status}: {content[:200]!r}")
        return content

    def create(self) -> None:
        """The namespace that is written to."""
        connection = self.connection()
        self.ask(connection, "POST", "/v1/namespaces", {"name": "n", "dimension": DIMENSION})


@dataclass(slots=True)
class Told:
    """When each record came, by its number."""

    at: dict[int, float] = field(default_factory=dict)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="Of writing, for the delay.")
    parser.add_argument("--writers", type=int, default=2)
    parser.add_argument("--pause-ms", type=float, default=20.0, help="Of each writer between two writes.")
    parser.add_argument("--followers", type=int, default=8)
    parser.add_argument("--blocks", type=int, default=20, help="Of writes, for each server.")
    parser.add_argument("--block", type=int, default=100, help="Writes in a block.")
    parser.add_argument("--before", type=Path, help="A `layers/quartzdb/python` of before there were feeds.")
    given = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as directory:
        _delay(Path(directory), given)
        _writes(Path(directory), given)


def _delay(directory: Path, given: argparse.Namespace) -> None:
    with serving("feeds", directory / "delay", PACKAGE, "7") as server:
        server.create()
        stop = threading.Event()
        told = [Told() for _ in range(given.followers)]
        follow = [_stream if number % 2 else _poll for number in range(given.followers)]
        threads = [
            threading.Thread(target=how, args=(server, one, stop), daemon=True)
            for how, one in zip(follow, told, strict=True)
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        sent = _written(server, given)
        until = time.perf_counter() + LATE_SECONDS
        while any(len(one.at) < len(sent) for one in told) and time.perf_counter() < until:
            time.sleep(0.05)
        stop.set()
    missing = sum(len(sent) - len(one.at) for one in told)
    print(
        f"\n{len(sent)} writes of {given.writers} writers, {given.followers} followers; {missing} were not told"
    )
    for name, kind in (("long polls", _poll), ("event streams", _stream)):
        delays = sorted(
            (moment - sent[number]) * 1_000
            for how, one in zip(follow, told, strict=True)
            if how is kind
            for number, moment in one.at.items()
        )
        if delays:
            print(
                f"delay by {name}, ms: p50 {_at(delays, 0.5):.0f}, p90 {_at(delays, 0.9):.0f}, "
                f"p99 {_at(delays, 0.99):.0f}, most {delays[-1]:.0f}"
            )


def _written(server: Server, given: argparse.Namespace) -> dict[int, float]:
    """When each record was sent."""
    sent: dict[int, float] = {}
    until = time.perf_counter() + given.seconds

    def write(writer: int) -> None:
        connection = server.connection()
        number = writer
        while time.perf_counter() < until:
            sent[number] = time.perf_counter()
            server.ask(connection, "POST", f"{PATH}/vectors", _body(number))
            number += given.writers
            time.sleep(given.pause_ms / 1_000)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(given.writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sent


def _poll(server: Server, told: Told, stop: threading.Event) -> None:
    connection = server.connection()
    cursor = json.loads(server.ask(connection, "GET", f"{PATH}/changes"))["cursor"]
    while not stop.is_set():
        path = f"{PATH}/changes?wait=2&limit=1000&cursor={quote(cursor)}"
        page = json.loads(server.ask(connection, "GET", path))
        _note(told, page)
        cursor = page["cursor"]


def _stream(server: Server, told: Told, stop: threading.Event) -> None:
    connection = server.connection()
    connection.request(
        "GET", f"{PATH}/changes?limit=1000", headers={**server.headers, "Accept": "text/event-stream"}
    )
    answer = connection.getresponse()
    while not stop.is_set():
        line = answer.readline()
        if line.startswith(b"data: "):
            _note(told, json.loads(line[6:]))
        elif not line:
            return


def _note(told: Told, page: dict[str, list[dict[str, str]]]) -> None:
    now = time.perf_counter()
    for change in page["changes"]:
        told.at[int(change["id"])] = now


def _writes(directory: Path, given: argparse.Namespace) -> None:
    packages = [("7 days kept", PACKAGE, "7"), ("as short as it may", PACKAGE, "0")]
    if given.before is not None:
        packages.append(("before", given.before, ""))
    with ExitStack() as stack:
        servers = [
            stack.enter_context(serving(name, directory / f"writes-{number}", package, days))
            for number, (name, package, days) in enumerate(packages)
        ]
        for server in servers:
            server.create()
        connections = [server.connection() for server in servers]
        blocks: list[list[float]] = [[] for _ in servers]
        used = [0.0 for _ in servers]
        number = 0
        for turn in range(given.blocks + 1):
            order = list(range(len(servers)))
            order = order[turn % len(order) :] + order[: turn % len(order)]
            for place in order:
                begun, before = time.perf_counter(), servers[place].processor_ms
                for _ in range(given.block):
                    number += 1
                    servers[place].ask(connections[place], "POST", f"{PATH}/vectors", _body(number))
                if turn:  # the first warms up
                    blocks[place].append((time.perf_counter() - begun) * 1_000 / given.block)
                    used[place] += servers[place].processor_ms - before
        print(f"\n{given.blocks} blocks of {given.block} writes of one record for each server, in turns")
        last = statistics.median(blocks[-1])
        for server, some, processor in zip(servers, blocks, used, strict=True):
            size = sum(file.stat().st_size for file in server.data_dir.glob("log.db*"))
            quiet = sorted(some)[len(some) // 4]
            print(
                f"{server.name}: {statistics.median(some):.3f} ms a write (quarter {quiet:.3f}), "
                f"{statistics.median(some) / last:.3f} of the last; "
                f"processor {processor / given.blocks / given.block:.3f} ms; log.db {size / 1e6:.1f} MB"
            )


def _body(number: int) -> dict[str, object]:
    vector = [((number * 31 + place * 17) % 97) / 97 + 0.01 for place in range(DIMENSION)]
    return {
        "vectors": [{"id": str(number), "vector": vector, "metadata": {"number": number, "text": "x" * 250}}]
    }


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@contextmanager
def serving(name: str, data_dir: Path, package: Path, days: str) -> Iterator[Server]:
    """A server over a directory of its own. `days` "": it knows no such option."""
    option = ["--changes-days", days] if days else []
    command = [
        str(Path(sys.executable).parent / "quartzdb"),
        "serve",
        "--port",
        "0",
        "--json",
        "--plain",
        *option,
    ]
    environment = {**os.environ, "PYTHONPATH": str(package)}
    with subprocess.Popen(
        [*command, "--data-dir", str(data_dir)], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"{name}: the server did not start")
            greeting = json.loads(line)
            yield Server(name, urlsplit(greeting["url"]).netloc, greeting["key"], data_dir, process.pid)
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
