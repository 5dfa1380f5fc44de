"""Runs a server for long under a mixed load: `python -m benchmarks.soak [--minutes N] [--write-docs]`.

Clients write, read, search and delete records and key-values, and create and drop namespaces, while the server is
killed with kill -9, stopped in order, killed again, and started after each. Each client remembers what was acknowledged
and checks it in later requests. Memory, open files and disk are sampled every ten seconds. Ends with status 1 where
what was acknowledged is missing, anything else is there, or the server logged a traceback.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from benchmarks.measured_page import keep, table
from benchmarks.memory import memory
from local.server_process import ServerProcess

CLIENTS = 3
DIMENSION = 32
RECORDS = 2_000
"""Ids of each client: they are written again and again, and deleted."""
SAMPLE_SECONDS = 10.0


@dataclass
class Sample:
    """Of one moment: seconds since the beginning, bytes, and requests since the sample before."""

    at: float
    own_bytes: int
    open_files: int
    disk_bytes: int
    requests: int


@dataclass
class Worker:
    """One client, and what it knows. It alone touches what it writes."""

    number: int
    random: random.Random
    there: dict[str, int] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)
    requests: int = 0
    refused: int = 0
    broken: list[str] = field(default_factory=list)

    @property
    def namespace(self) -> str:
        """Its own."""
        return f"soak-{self.number}"

    def step(self, client: httpx.Client) -> None:
        """One request, or two. Raises httpx.HTTPError where the server is away."""
        ids = [f"r{self.random.randrange(RECORDS):04}" for _ in range(20)]
        kind = self.random.random()
        if kind < 0.35:
            self._write(client, ids)
        elif kind < 0.45:
            self._delete(client, ids)
        elif kind < 0.55:
            body = {"vector": self._vector(self.random.randrange(1_000)), "top_k": 10}
            self._checked(client.post(f"/namespaces/{self.namespace}/query", json=body))
        elif kind < 0.9:
            self._read(client, ids)
        elif kind < 0.98:
            key = f"/namespaces/{self.namespace}/kv/k{self.random.randrange(200)}"
            self._checked(client.put(key, content=os.urandom(self.random.randrange(4_096))))
        else:
            self._passing(client)

    def create(self, client: httpx.Client) -> None:
        """Its namespace."""
        self._checked(client.post("/namespaces", json={"name": self.namespace, "dimension": DIMENSION}))

    def _write(self, client: httpx.Client, ids: list[str]) -> None:
        numbers = {one: self.random.randrange(1_000_000) for one in ids}
        records = [{"id": one, "vector": self._vector(n), "metadata": {"n": n}} for one, n in numbers.items()]
        self.unsure |= numbers.keys()
        if self._checked(client.post(f"/namespaces/{self.namespace}/vectors", json={"vectors": records})):
            self.there |= numbers
            self.unsure -= numbers.keys()

    def _delete(self, client: httpx.Client, ids: list[str]) -> None:
        self.unsure |= set(ids)
        if self._checked(
            client.post(f"/namespaces/{self.namespace}/vectors/delete", json={"ids": list(set(ids))})
        ):
            for one in ids:
                self.there.pop(one, None)
            self.unsure -= set(ids)

    def _read(self, client: httpx.Client, ids: list[str]) -> None:
        answer = self._checked(
            client.post(f"/namespaces/{self.namespace}/vectors/fetch", json={"ids": list(set(ids))})
        )
        if answer is None:
            return
        found = {one["id"]: one["metadata"]["n"] for one in answer.json()["records"]}
        for one in set(ids) - self.unsure:
            if found.get(one) != self.there.get(one):
                self.broken.append(
                    f"{self.namespace}/{one}: {found.get(one)} instead of {self.there.get(one)}"
                )

    def _passing(self, client: httpx.Client) -> None:
        """A namespace that comes and goes."""
        name = f"passing-{self.number}-{self.requests}"
        if self._checked(client.post("/namespaces", json={"name": name, "dimension": DIMENSION})):
            records = [{"id": "a", "vector": self._vector(1)}]
            self._checked(client.post(f"/namespaces/{name}/vectors", json={"vectors": records}))
            self._checked(client.delete(f"/namespaces/{name}"))

    def _checked(self, answer: httpx.Response) -> httpx.Response | None:
        self.requests += 1
        if answer.status_code < 300:
            return answer
        self.refused += 1
        return None

    @staticmethod
    def _vector(number: int) -> list[float]:
        return [float((number * (place + 3)) % 97 + 1) for place in range(DIMENSION)]


class Soak:
    """A server, its clients, and what was seen."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self.server = ServerProcess(data_dir)
        self.key = self.server.key
        self.workers = [Worker(number, random.Random(number)) for number in range(CLIENTS)]
        self.samples: list[Sample] = []
        self.restarts = 0
        self._over = threading.Event()
        self._counted = 0

    def run(self, seconds: float) -> None:
        """All of it."""
        threads = [
            threading.Thread(target=self._client, args=(worker,), daemon=True) for worker in self.workers
        ]
        for thread in threads:
            thread.start()
        begun = time.monotonic()
        # In between, not at the end: what comes after a restart counts as much as what was before.
        again = [(seconds * share, kind) for share, kind in ((0.25, "kill"), (0.5, "stop"), (0.75, "kill"))]
        while (passed := time.monotonic() - begun) < seconds:
            if again and passed >= again[0][0]:
                self._restart(again.pop(0)[1])
            self._sample(passed)
            time.sleep(SAMPLE_SECONDS)
        self._over.set()
        for thread in threads:
            thread.join()
        if self.server.terminate():
            sys.exit("The server did not stop as it should.")

    def _restart(self, kind: str) -> None:
        if kind == "kill":
            self.server.kill()
        elif self.server.terminate():
            sys.exit("The server did not stop as it should.")
        self.server = ServerProcess(self._data_dir, key=self.key)
        self.restarts += 1

    def _sample(self, passed: float) -> None:
        process = self.server.process.pid
        requests = sum(worker.requests for worker in self.workers)
        files = len(os.listdir(f"/proc/{process}/fd"))
        self.samples.append(
            Sample(
                passed,
                memory([process])["anonymous"],
                files,
                _taken(self._data_dir),
                requests - self._counted,
            )
        )
        self._counted = requests

    def _client(self, worker: Worker) -> None:
        try:
            self._ask(worker)
        finally:
            if not self._over.is_set():  # one that ended early must not look like one that found nothing
                worker.broken.append(f"client {worker.number} ended early")

    def _ask(self, worker: Worker) -> None:
        created = False
        while not self._over.is_set():
            headers = {"Authorization": f"Bearer {self.key}"}
            try:
                with httpx.Client(base_url=f"{self.server.url}/v1", headers=headers, timeout=30) as client:
                    if not created:
                        worker.create(client)
                        created = True
                    while not self._over.is_set():
                        worker.step(client)
            except httpx.HTTPError:
                time.sleep(0.2)  # it is being started again, maybe at another address


def _taken(place: Path) -> int:
    """Bytes on the disk; files come and go meanwhile."""
    total = 0
    for directory, _, names in os.walk(place):
        for name in names:
            with suppress(FileNotFoundError):
                total += (Path(directory) / name).stat().st_blocks * 512
    return total


def main() -> None:
    """Run and print."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--minutes", type=float, default=10)
    arguments.add_argument(
        "--write-docs", action="store_true", help="keep the figures, and put them into pages"
    )
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="quartzdb-soak-") as folder:
        soak = Soak(Path(folder) / "data")
        try:
            soak.run(given.minutes * 60)
        finally:
            soak.server.kill()
        log = (Path(folder) / "data.log").read_text()
    broken = [one for worker in soak.workers for one in worker.broken]
    text = markdown(soak)
    if given.write_docs:
        keep("soak", "minutes", text, command="make soak")
    sys.stdout.write(f"{text}\n")
    if broken or "Traceback" in log:
        sys.exit("\n".join([*broken[:20], log[-4_000:]]))


def markdown(soak: Soak) -> str:
    """A sample for each minute, and what came of it all."""
    columns = ["Minute", "Own memory, MB", "Open files", "Disk, MB", "Requests/s since the line before"]
    every = max(1, round(60 / SAMPLE_SECONDS))
    rows = []
    for start in range(0, len(soak.samples), every):
        some = soak.samples[start : start + every]
        seconds = some[-1].at - (soak.samples[start - 1].at if start else 0) or 1.0
        rows.append(
            [
                f"{some[-1].at / 60:.1f}",
                f"{max(one.own_bytes for one in some) / 1e6:.0f}",
                f"{max(one.open_files for one in some)}",
                f"{max(one.disk_bytes for one in some) / 1e6:.0f}",
                f"{sum(one.requests for one in some) / seconds:.0f}",
            ]
        )
    requests = sum(worker.requests for worker in soak.workers)
    refused = sum(worker.refused for worker in soak.workers)
    said = (
        f"{requests:,} requests of {CLIENTS} clients, {refused:,} of them refused; {soak.restarts} restarts; "
        f"{sum(len(worker.broken) for worker in soak.workers)} records that were not as acknowledged."
    )
    return f"{table(columns, rows)}\n\n{said}"


if __name__ == "__main__":
    main()
