"""Scenarios: what a program does by a client, what must come of it, and what goes wrong on the way.

They are data, so that each client's runner reads them in its own language: see README.md for the format.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

SCENARIOS = Path(__file__).parent / "scenarios"

Failing = Literal["answer", "reset", "lose_answer", "truncate", "slow", "trickle", "duplicate"]


@dataclass(frozen=True, slots=True)
class Pattern:
    """Which requests are meant: a method and a path, in which `*` is anything."""

    method: str
    path: str

    @staticmethod
    def of(text: str) -> Pattern:
        """Of "POST /v1/namespaces/*/vectors"."""
        method, path = text.split(" ")
        return Pattern(method, path)

    def matches(self, method: str, path: str) -> bool:
        """Whether a request is meant; what follows `?` does not count."""
        return self.method in ("*", method) and fnmatchcase(path.partition("?")[0], self.path)


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to some requests in place of, or beside, being passed on.

    `answer`: answered with `status`, `headers` and `body`, and not passed on. `reset`: the connection is reset
    before anything is passed on. `lose_answer`: passed on, then reset without an answer. `truncate`: half an answer,
    then a reset. `slow`: passed on after `seconds`. `trickle`: the answer comes in twenty pieces, each `seconds` after
    the one before. `duplicate`: passed on twice; the second answer is sent.
    """

    on: Pattern
    do: Failing
    times: int = 1
    after: int = 0
    """So many such requests are let through first."""
    status: int = 503
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    seconds: float = 0

    @staticmethod
    def of(document: Mapping[str, Any]) -> Fault:
        """Of a scenario's `faults`."""
        return Fault(**{**document, "on": Pattern.of(document["on"])})


@dataclass(frozen=True, slots=True)
class Sent:
    """What must have been sent: so many requests, headers with one value in all of them, or with another in each."""

    on: Pattern
    count: int | None = None
    same: Sequence[str] = ()
    different: Sequence[str] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    """By name, what each must look like; `*` is anything."""
    absent: Sequence[str] = ()

    @staticmethod
    def of(document: Mapping[str, Any]) -> Sent:
        """Of a scenario's `sent`."""
        return Sent(**{**document, "on": Pattern.of(document["on"])})


@dataclass(frozen=True, slots=True)
class Versions:
    """Which of some requests had to carry a version token, by their order."""

    on: Pattern
    sent: Sequence[bool]

    @staticmethod
    def of(document: Mapping[str, Any]) -> Versions:
        """Of a scenario's `versions`."""
        return Versions(Pattern.of(document["on"]), document["sent"])


@dataclass(frozen=True, slots=True)
class Request:
    """One that reached the proxy; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One of them, with what the proxy needs of it."""

    name: str
    area: str
    document: Mapping[str, Any]
    faults: Sequence[Fault]
    sent: Sequence[Sent]
    versions: Sequence[Versions]

    def problems(self, requests: Sequence[Request]) -> list[str]:
        """What is wrong with what was sent."""
        problems = [problem for one in self.sent for problem in _problems(one, requests)]
        for one in self.versions:
            meant = [request for request in requests if one.on.matches(request.method, request.path)]
            with_version = ["version=" in request.path.partition("?")[2] for request in meant]
            if with_version != list(one.sent):
                problems.append(f"{one.on.path}: with a version token {with_version}, expected {one.sent}")
        return problems


def _problems(expected: Sent, requests: Sequence[Request]) -> list[str]:
    what = f"{expected.on.method} {expected.on.path}"
    meant = [request for request in requests if expected.on.matches(request.method, request.path)]
    problems = []
    if expected.count is not None and len(meant) != expected.count:
        problems.append(f"{what}: sent {len(meant)} times, expected {expected.count}")
    for name in (*expected.same, *expected.different):
        values = [request.headers.get(name.lower()) for request in meant]
        wanted = 1 if name in expected.same else len(meant)
        if len(set(values)) != wanted or None in values:
            how = "the same in each" if name in expected.same else "another in each"
            problems.append(f"{what}: {name} must be {how}, and was {values}")
    problems += [
        f"{what}: {name} must look like {like!r}, and was {request.headers.get(name.lower())!r}"
        for name, like in expected.headers.items()
        for request in meant
        if not fnmatchcase(request.headers.get(name.lower(), ""), like)
    ]
    problems += [
        f"{what}: {name} must not be sent"
        for name in expected.absent
        if any(name.lower() in request.headers for request in meant)
    ]
    return problems


def scenarios() -> list[Scenario]:
    """All of them, in the order of their files and in these."""
    found = []
    for path in sorted(SCENARIOS.glob("*.json")):
        for document in json.loads(path.read_text()):
            faults = [Fault.of(one) for one in document.get("faults", ())]
            sent = [Sent.of(one) for one in document.get("sent", ())]
            versions = [Versions.of(one) for one in document.get("versions", ())]
            found.append(Scenario(document["name"], path.stem, document, faults, sent, versions))
    if len({one.name for one in found}) != len(found):
        raise ValueError("Two scenarios have one name.")
    return found
