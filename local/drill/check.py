"""After a drill: do both sites answer every get and every search alike, and is every acknowledged write there?"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from local.clouds.client import Client
from local.clouds.site import Site
from local.drill.ledger import Ledger, Name
from local.drill.traffic import vector_of

SEARCHES = 50
SCORE_TOLERANCE = 1e-4


def problems(sites: Sequence[Site], ledger: Ledger, *, seed: int = 1) -> Iterator[str]:
    """Everything that is not as it must be."""
    for name in ledger.names():
        found = [(site.name, _found(site.client, name)) for site in sites]
        for site, value in found:
            wrong = ledger.judge(name, value)
            if wrong:
                yield f"{name.kind} {name.id} at {site}: {wrong}"
        if any(value != found[0][1] for _, value in found):
            yield f"{name.kind} {name.id}: the sites differ"
    chance = random.Random(seed)
    for number in range(SEARCHES):
        vector = vector_of(chance)
        answers = [_searched(site.client, vector) for site in sites]
        if not all(_alike(answers[0], answer) for answer in answers):
            yield f"search {number}: the sites differ"


def _found(client: Client, name: Name) -> Any:
    work = "get" if name.kind == "key" else "vector/get"
    reply = client.send("GET", f"/api/{work}/{quote(name.id, safe='')}")
    if reply.status == 404:
        return None
    if reply.status != 200:
        raise AssertionError(f"GET /api/{work}/{name.id}: {reply.status} {reply.body[:200]!r}")
    return reply.json()["value" if name.kind == "key" else "vector"]


def _searched(client: Client, vector: list[float]) -> list[tuple[str, float]]:
    reply = client.send("POST", "/api/vector/search", {"vector": vector, "k": 10})
    if reply.status != 200:
        raise AssertionError(f"search: {reply.status} {reply.body[:200]!r}")
    return [(result["id"], result["score"]) for result in reply.json()["results"]]


def _alike(left: list[tuple[str, float]], right: list[tuple[str, float]]) -> bool:
    """The same scores rank by rank, and the same records but for those that tie with the last."""
    if len(left) != len(right) or any(
        abs(a[1] - b[1]) > SCORE_TOLERANCE for a, b in zip(left, right, strict=True)
    ):
        return False
    last = left[-1][1] if left else 0.0
    certain = [{id_ for id_, score in answer if score > last + SCORE_TOLERANCE} for answer in (left, right)]
    return all(mine <= {id_ for id_, _ in other} for mine, other in zip(certain, (right, left), strict=True))
