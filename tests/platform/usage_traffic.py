"""Synthetic usage lines, and what they come to by a naive count."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

PROJECTS = ("prj_" + "0" * 25 + "a", "prj_" + "0" * 25 + "b")
START_MS = 1_795_823_999_000  # a second before 2026-11-28: the week has the end of a month in it
WEEK_MS = 7 * 24 * 3_600_000
_OPERATIONS = {
    "query_vectors": (1, 0),
    "fetch_vectors": (2, 0),
    "upsert_vectors": (0, 7),
    "put_value": (0, 1),
}


def line(random_: random.Random, at_ms: int) -> str:
    """One request, now and then a refused or failed one, which uses nothing."""
    operation = random_.choice(sorted(_OPERATIONS))
    status = random_.choices([200, 429, 503], [90, 7, 3])[0]
    reads, writes = _OPERATIONS[operation] if status == 200 else (0, 0)
    document = {
        "v": 1,
        "id": f"{random_.getrandbits(128):032x}",
        "at": at_ms,
        "tenant": random_.choice(PROJECTS),
        "key": random_.choice(["aaaaaaaaaaaa", "bbbbbbbbbbbb"]),
        "namespace": random_.choice(["books", "films"]),
        "op": operation,
        "status": status,
        "ms": round(random_.lognormvariate(1, 1), 1),
        "in": random_.randrange(1, 5_000),
        "out": random_.randrange(1, 5_000),
        "records": random_.randrange(10),
        "read_units": reads,
        "write_units": writes,
        "site": "local",
    }
    return json.dumps({name: value for name, value in document.items() if value}, separators=(",", ":"))


def week(seed: int, lines: int) -> Sequence[str]:
    """A week of requests, in time order."""
    random_ = random.Random(seed)
    return [
        line(random_, at_ms) for at_ms in sorted(START_MS + random_.randrange(WEEK_MS) for _ in range(lines))
    ]


def batches(seed: int, lines: Sequence[str], most: int) -> Sequence[tuple[str, Sequence[str]]]:
    """The lines in batches of a few to many, each with its id."""
    random_ = random.Random(seed)
    found: list[tuple[str, Sequence[str]]] = []
    begin = 0
    while begin < len(lines):
        size = random_.randrange(1, most)
        found.append((f"batch-{begin}", lines[begin : begin + size]))
        begin += size
    return found


def naive(lines: Sequence[str]) -> Counter[tuple[str, str]]:
    """(project, what): how much of it there is."""
    sums: Counter[tuple[str, str]] = Counter()
    for text in lines:
        document: dict[str, Any] = json.loads(text)
        project = document["tenant"]
        sums[project, "requests"] += 1
        for name in ("read_units", "write_units"):
            sums[project, name] += document.get(name, 0)
    return sums
