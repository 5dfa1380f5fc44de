"""Goes through the scenarios with the Python client, blocking or asynchronous.

`python -m clients.conformance.python_runner [--async]`, with QUARTZDB_URL (the proxy's) and QUARTZDB_API_KEY.
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
import os
import sys
import threading
import time
from array import array
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from inspect import isawaitable
from typing import Any

import httpx2

from clients.conformance.scenario import Scenario, scenarios
from quartzdb_client import NEVER, AsyncClient, Client, QuartzDBError, Retries, upsert_many, upsert_many_async

_RENAMED = {"delete_namespace": "delete_namespace", "describe_namespace": "describe"}
_TOLERANCE = 1e-5
_CONTROL = "/__conformance"


def problems_of(scenario: Scenario, proxy: str, api_key: str, *, asynchronous: bool) -> list[str]:
    """Go through one scenario. Gives what was wrong."""
    begun = httpx2.post(f"{proxy}{_CONTROL}/begin", json={"scenario": scenario.name}).json()
    if asynchronous:
        problems = asyncio.run(_AsyncRun(scenario, proxy, api_key, begun["namespace"]).problems())
    else:
        problems = _Run(scenario, proxy, api_key, begun["namespace"]).problems()
    found: list[str] = httpx2.post(f"{proxy}{_CONTROL}/end").json()["problems"]
    return problems + found


class _Steps:
    """What both kinds of runs have."""

    def __init__(self, scenario: Scenario, proxy: str, api_key: str, namespace: str) -> None:
        options = dict(scenario.document.get("client", {}))
        self.url = options.pop("url", proxy)
        self.api_key = options.pop("api_key", api_key)
        retries = Retries(max_retries=options.pop("max_retries", 3), backoff_seconds=0.05)
        self.options = {**options, "retries": retries}
        self.steps = scenario.document["steps"]
        self.namespace = namespace
        self.saved: dict[str, Any] = {}

    def filled(self, value: Any) -> Any:
        """With what the scenario leaves open."""
        if isinstance(value, dict):
            if set(value) == {"$bytes"}:
                return base64.b64decode(value["$bytes"])
            if set(value) == {"$float32"}:
                return array("f", value["$float32"])
            if set(value) == {"$in_seconds"}:
                return datetime.now(timezone.utc) + timedelta(seconds=value["$in_seconds"])
            if set(value) == {"$never"}:
                return NEVER
            return {key: self.filled(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.filled(one) for one in value]
        if isinstance(value, str):
            if value[:1] == "$":
                return value[1:] if value[:2] == "$$" else self.saved[value[1:]]
            return value.replace("{namespace}", self.namespace)
        return value

    def judged(self, step: Mapping[str, Any], outcome: Any, seconds: float) -> Iterator[str]:
        """What is wrong with the outcome of a step."""
        what = step["do"]
        if seconds < step.get("takes_at_least_seconds", 0) or seconds > step.get("takes_at_most_seconds", 60):
            yield f"{what} took {seconds:.2f} s"
        if isinstance(outcome, QuartzDBError):
            if "fails" not in step:
                yield f"{what} failed: {outcome!r} {outcome}"
                return
            yield from _wrong_error(what, self.filled(step["fails"]), outcome)
            return
        if "fails" in step:
            yield f"{what} did not fail, and gave {outcome}"
            return
        if "expect" in step:
            yield from _differences(what, self.filled(step["expect"]), outcome)
        for name, path in step.get("save", {}).items():
            self.saved[name] = _at(outcome, path)

    def called(self, db: Any, step: Mapping[str, Any]) -> Any:
        """Begin a step: an answer, an awaitable of one, or an iterator."""
        arguments = {**self.filled(step.get("with", {}))}
        do: str = step["do"]
        if do in ("list_namespaces", "usage", "health"):
            return getattr(db, do)(**arguments)
        if do.startswith("keys_"):
            return getattr(db.keys, do[5:])(**arguments)
        name = arguments.pop("name", self.namespace)
        if do == "create_namespace":
            return db.create_namespace(name, **arguments)
        if do == "delete_namespace":
            return db.delete_namespace(name)
        namespace = db.namespace(name)
        if do == "upsert_many":
            batch_size = arguments.pop("batch_size")
            write = upsert_many_async if isinstance(db, AsyncClient) else upsert_many
            return write(namespace, _records(**arguments), batch_size=batch_size)
        if do == "list_pages":
            return namespace.list(**arguments).pages()
        if do.endswith("changes"):
            return _Followed(namespace, do, arguments)
        if do.startswith("kv_"):
            return getattr(namespace.kv, do[3:])(**arguments)
        return getattr(namespace, _RENAMED.get(do, do))(**arguments)


class _Followed:
    """A feed: so many changes of it, or until it is stopped, or until it ends."""

    def __init__(self, namespace: Any, do: str, arguments: dict[str, Any]) -> None:
        self._take: int | None = arguments.pop("take", None)
        self._stop_after = arguments.pop("stop_after_seconds", None)
        self._feed = (namespace.kv if do == "kv_changes" else namespace).changes(**arguments)

    def taken(self) -> dict[str, Any]:
        """The changes, and where the feed stands."""
        changes: list[Any] = []
        with self._stopping():
            for change in self._feed:
                if self._took(changes, change):
                    break
        return {"changes": changes, "cursor": self._feed.cursor}

    async def taken_async(self) -> dict[str, Any]:
        """The same of an asynchronous one."""
        changes: list[Any] = []
        with self._stopping():
            async for change in self._feed:
                if self._took(changes, change):
                    break
        return {"changes": changes, "cursor": self._feed.cursor}

    def _took(self, changes: list[Any], change: Any) -> bool:
        changes.append(change)
        return self._take is not None and len(changes) >= self._take

    @contextmanager
    def _stopping(self) -> Iterator[None]:
        timer = threading.Timer(self._stop_after or 0, self._feed.stop)
        if self._stop_after is not None:
            timer.start()
        try:
            yield
        finally:
            timer.cancel()


class _Run(_Steps):
    def problems(self) -> list[str]:
        problems: list[str] = []
        with Client(self.url, api_key=self.api_key, **self.options) as db:
            for step in self.steps:
                begun = time.monotonic()
                try:
                    with self.meanwhile(db, step):
                        outcome = self.called(db, step)
                        if isinstance(outcome, _Followed):
                            outcome = outcome.taken()
                        elif isinstance(outcome, Iterator):
                            outcome = list(outcome)
                except QuartzDBError as error:
                    outcome = error
                problems += self.judged(step, outcome, time.monotonic() - begun)
        return problems

    @contextmanager
    def meanwhile(self, db: Client, step: Mapping[str, Any]) -> Iterator[None]:
        """What is done in another thread while the step is."""
        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(self.called, db, step["meanwhile"]) if "meanwhile" in step else None
            yield
            if done is not None:
                done.result()


class _AsyncRun(_Steps):
    async def problems(self) -> list[str]:
        problems: list[str] = []
        async with AsyncClient(self.url, api_key=self.api_key, **self.options) as db:
            for step in self.steps:
                begun = time.monotonic()
                try:
                    outcome = self.called(db, step)
                    other = self.called(db, step["meanwhile"]) if "meanwhile" in step else None
                    task = None if other is None else asyncio.ensure_future(other)
                    if isinstance(outcome, _Followed):
                        outcome = await outcome.taken_async()
                    elif isinstance(outcome, AsyncIterator):
                        outcome = [one async for one in outcome]
                    elif isawaitable(outcome):
                        outcome = await outcome
                    if task is not None:
                        await task
                except QuartzDBError as error:
                    outcome = error
                problems += self.judged(step, outcome, time.monotonic() - begun)
        return problems


def _records(count: int, dimension: int, wrong: Iterable[int]) -> Iterator[dict[str, Any]]:
    """So many, of which some have a vector that is too long."""
    for number in range(count):
        yield {"id": f"r-{number:05}", "vector": [1.0] * (dimension + (number in wrong))}


def _wrong_error(what: str, expected: Mapping[str, Any], error: QuartzDBError) -> Iterator[str]:
    for name, value in expected.items():
        if name == "has":
            yield from (f"{what}: the error has no {one}" for one in value if not getattr(error, one))
        elif name == "hides":
            if value in f"{error} {error!r} {error.problem}":
                yield f"{what}: the error shows the key"
        else:
            yield from _differences(f"{what}: {name} of the error", value, getattr(error, name))


def _differences(what: str, expected: Any, found: Any) -> Iterator[str]:  # noqa: PLR0912 - one case for each kind
    if isinstance(expected, dict):
        if "$any" in expected:
            if found is None:
                yield f"{what} is missing"
        elif "$count" in expected:
            if len(found) != expected["$count"]:
                yield f"{what} has {len(found)} items, expected {expected['$count']}"
        else:
            for name, value in expected.items():
                yield from _differences(f"{what}.{name}", value, _at(found, name))
    elif isinstance(expected, list):
        if len(found) != len(expected):
            yield f"{what} has {len(found)} items, expected {len(expected)}: {found}"
            return
        for number, (one, other) in enumerate(zip(expected, found, strict=True)):
            yield from _differences(f"{what}[{number}]", one, other)
    elif isinstance(expected, float | int) and not isinstance(expected, bool):
        if found is None or not math.isclose(expected, found, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE * 1e-15):
            yield f"{what} is {found}, expected {expected}"
    elif found != expected:
        yield f"{what} is {found!r}, expected {expected!r}"


def _at(found: Any, path: str) -> Any:
    for name in path.split("."):
        if isinstance(found, Mapping):
            found = found.get(name)
        elif isinstance(found, list):
            found = found[int(name)]
        else:
            found = getattr(found, name, None)
    return found


def main() -> int:
    """Print one line for each scenario. Gives the exit status."""
    failed = 0
    for scenario in scenarios():
        problems = problems_of(
            scenario,
            os.environ["QUARTZDB_URL"],
            os.environ["QUARTZDB_API_KEY"],
            asynchronous="--async" in sys.argv[1:],
        )
        failed += bool(problems)
        print(json.dumps({"scenario": scenario.name, "problems": problems}), flush=True)  # noqa: T201 - a report
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
