"""What clients of a QuartzDB server do under load: search, upsert, or both with a look at their own writes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.load import Client, Request, Step

SEARCH, UPSERT = "search", "upsert"
SEARCHES_SHARE = 0.9


@dataclass(frozen=True)
class Searches:
    """One of some ready-made bodies after the other, at random."""

    path: str
    bodies: Sequence[bytes]

    def step(self, client: Client) -> Step:
        yield Request(self.path, client.random.choice(self.bodies), SEARCH)


@dataclass(frozen=True)
class Upserts:
    """Ready-made batches, in which @@ stands for what makes each request's ids new."""

    path: str
    bodies: Sequence[str]
    batch: int

    def step(self, client: Client) -> Step:
        body = self.bodies[client.requests % len(self.bodies)]
        own = body.replace("@@", f"{client.number}-{client.requests}")
        if (yield Request(self.path, own.encode(), UPSERT)) is not None:
            client.counts["written"] += self.batch


@dataclass(frozen=True)
class Mixed:
    """Nine searches to one upsert. The request after an upsert searches for what was written: it must come first."""

    searches: Searches
    upserts_path: str
    dimension: int
    run: str

    def step(self, client: Client) -> Step:
        if client.random.random() < SEARCHES_SHARE:
            yield from self.searches.step(client)
            return
        record_id = f"own-{self.run}-{client.number}-{client.requests}"
        vector = [client.random.random() - 0.5 for _ in range(self.dimension)]
        record = json.dumps({"vectors": [{"id": record_id, "vector": vector}]}).encode()
        if (yield Request(self.upserts_path, record, UPSERT)) is None:
            return
        question = json.dumps({"vector": vector, "top_k": 1}).encode()
        found = yield Request(self.searches.path, question, SEARCH)
        client.counts["own_writes_checked"] += 1
        matches = json.loads(found)["matches"] if found is not None else []
        if not matches or matches[0]["id"] != record_id:
            client.counts["own_writes_missed"] += 1
