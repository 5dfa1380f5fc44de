"""Steady mixed traffic through one endpoint: each client writes names of its own and reads what it wrote."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.clouds.client import Client, NoAnswer, Reply
from local.drill.ledger import Ledger, Name

DIMENSION = 384
_OVERWRITTEN = 8
"""Names of each kind that a client writes again and again; all others are written once."""


@dataclass(frozen=True, slots=True)
class Observed:
    """One request as its client saw it. `at` is when it ended, in seconds of the drill; `status` 0: no answer."""

    at: float
    safe: bool
    what: str
    status: int
    seconds: float
    origin: str

    @property
    def failed(self) -> bool:
        """Whether the client could not go on. 404 is an answer."""
        return self.status == 0 or self.status >= 500


class Traffic:
    """`clients` threads, each sending `per_second` requests a second. `now` gives the drill's seconds."""

    def __init__(
        self,
        url: str,
        key: str,
        ledger: Ledger,
        *,
        now: Callable[[], float],
        clients: int = 4,
        per_second: float = 8.0,
        seed: int = 1,
    ) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}"}
        self._ledger = ledger
        self._now = now
        self._pause = 1.0 / per_second
        self._stop = threading.Event()
        self._observed: list[Observed] = []
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, args=(number, random.Random(f"{seed}/{number}")), daemon=True)
            for number in range(clients)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, after the requests that are under way."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def observed(self, since: float = 0.0, until: float = float("inf")) -> list[Observed]:
        """What was seen between two moments."""
        with self._lock:
            return [one for one in self._observed if since <= one.at <= until]

    def _run(self, number: int, chance: random.Random) -> None:
        client = Client(self._url, self._headers)
        written = 0
        while not self._stop.wait(self._pause * chance.uniform(0.5, 1.5)):
            written += 1
            self._one(client, chance, f"c{number}-{written}", f"c{number}-again-{written % _OVERWRITTEN}")
        client.close()

    def _one(self, client: Client, chance: random.Random, fresh: str, again: str) -> None:
        dice = chance.random()
        id_ = again if chance.random() < 0.3 else fresh
        if dice < 0.15:
            self._write(client, "POST", "/api/put", Name("key", id_), f"{fresh} {dice}")
        elif dice < 0.35:
            self._write(client, "POST", "/api/vector/insert", Name("record", id_), vector_of(chance))
        elif dice < 0.40:
            self._delete(client, Name("key", again))
        elif dice < 0.45:
            self._delete(client, Name("record", again))
        elif dice < 0.75:
            vector = vector_of(chance)
            self._send(client, "POST", "/api/vector/search", {"vector": vector, "k": 5}, safe=True)
        elif dice < 0.90:
            self._send(client, "GET", f"/api/get/{again}", None, safe=True)
        else:
            self._send(client, "GET", f"/api/vector/get/{again}", None, safe=True)

    def _write(self, client: Client, method: str, path: str, name: Name, value: Any) -> None:
        body = {"key": name.id, "value": value} if name.kind == "key" else {"id": name.id, "vector": value}
        reply = self._send(client, method, path, body, safe=False)
        self._note(name, value, reply)

    def _delete(self, client: Client, name: Name) -> None:
        path = f"/api/delete/{name.id}" if name.kind == "key" else f"/api/vector/delete/{name.id}"
        reply = self._send(client, "DELETE", path, None, safe=False)
        if reply is not None and reply.status == 404:
            return  # an id that this site has never seen: nothing was written
        self._note(name, None, reply)

    def _note(self, name: Name, value: Any, reply: Reply | None) -> None:
        if reply is not None and reply.status == 200:
            self._ledger.acknowledged(name, value)
        else:
            self._ledger.doubtful(name, value)

    def _send(
        self, client: Client, method: str, path: str, body: Mapping[str, Any] | None, *, safe: bool
    ) -> Reply | None:
        begun = self._now()
        try:
            reply = client.send(method, path, body)
        except NoAnswer:
            reply = None
        ended = self._now()
        status = reply.status if reply else 0
        origin = reply.headers.get("x-quartzdb-served-by", "") if reply else ""
        with self._lock:
            self._observed.append(Observed(ended, safe, f"{method} {path}", status, ended - begun, origin))
        return reply


def vector_of(chance: random.Random) -> list[float]:
    """A vector that both sites keep bit for bit: multiples of 1/64."""
    return [chance.randint(-64, 64) / 64 for _ in range(DIMENSION)]
