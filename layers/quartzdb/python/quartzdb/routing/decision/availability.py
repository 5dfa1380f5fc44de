"""What is kept of probes for months: of each day how many there were, and which switches there have been. Pure.

A day that nobody probed on has no entry, and nothing is made up for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from quartzdb.routing.decision.state import Origin

DAYS_KEPT = 91
"""Today, and the 90 that are over."""
SWITCHES_KEPT = 100
REASON_CHARACTERS_MAX = 120
HISTORY_BYTES_MAX = 64 * 1024
_FORMAT = 1
_NUMBER_MAX = 2**53 - 1


class InvalidHistory(ValueError):
    """These bytes are no history."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many probes succeeded, and how many failed."""

    ok: int = 0
    failed: int = 0

    def plus(self, ok: bool) -> Tally:
        """With one more."""
        return Tally(self.ok + ok, self.failed + (not ok))

    def __add__(self, other: object) -> Tally:
        """Together with others."""
        assert isinstance(other, Tally)
        return Tally(self.ok + other.ok, self.failed + other.failed)


@dataclass(frozen=True, slots=True)
class ProbedDay:
    """`service`: probes of the origin that was active then. `lag_ms`: the latest known lag of replication, and when it
    was found out; `seen_ms`: when something was added last.
    """

    origins: Mapping[Origin, Tally] = field(default_factory=dict)
    service: Tally = Tally()
    lag_ms: int | None = None
    lag_at_ms: int | None = None
    seen_ms: int = 0

    def __add__(self, other: object) -> ProbedDay:
        """With what was found later."""
        assert isinstance(other, ProbedDay)
        names = self.origins.keys() | other.origins.keys()
        later = other if other.lag_at_ms is not None else self
        return ProbedDay(
            {name: self.origins.get(name, Tally()) + other.origins.get(name, Tally()) for name in names},
            self.service + other.service,
            later.lag_ms,
            later.lag_at_ms,
            max(self.seen_ms, other.seen_ms),
        )


@dataclass(frozen=True, slots=True)
class Switch:
    """That another origin became active."""

    at_ms: int
    epoch: int
    active: Origin
    reason: str


def day_of(at_ms: int) -> str:
    """In UTC, as 2026-11-30."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%d")


def with_switch(switches: Sequence[Switch], switch: Switch) -> Sequence[Switch]:
    """The oldest first, each epoch once, and no more than SWITCHES_KEPT."""
    if any(one.epoch >= switch.epoch for one in switches):
        return switches
    return [*switches, switch][-SWITCHES_KEPT:]


def encode_day(day: ProbedDay) -> bytes:
    """As JSON."""
    return _encoded(
        {
            "origins": {name.value: [tally.ok, tally.failed] for name, tally in sorted(day.origins.items())},
            "service": [day.service.ok, day.service.failed],
            "lag": None if day.lag_ms is None else [day.lag_ms, day.lag_at_ms],
            "seen": day.seen_ms,
        }
    )


def decode_day(data: bytes) -> ProbedDay:
    """Read it back. Raises InvalidHistory."""
    document = _document(data)
    try:
        lag = document["lag"]
        return ProbedDay(
            {Origin(name): _tally(row) for name, row in document["origins"].items()},
            _tally(document["service"]),
            None if lag is None else _whole(lag[0]),
            None if lag is None else _whole(lag[1]),
            _whole(document["seen"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise InvalidHistory(f"not a day of probes: {error}") from error


def encode_switches(switches: Sequence[Switch]) -> bytes:
    """As JSON."""
    rows = [[one.at_ms, one.epoch, one.active.value, one.reason[:REASON_CHARACTERS_MAX]] for one in switches]
    return _encoded({"switches": rows})


def decode_switches(data: bytes) -> Sequence[Switch]:
    """Read it back. Raises InvalidHistory."""
    document = _document(data)
    try:
        return [
            Switch(_whole(at_ms), _whole(epoch), Origin(active), str(reason))
            for at_ms, epoch, active, reason in document["switches"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidHistory(f"no list of switches: {error}") from error


def _encoded(document: Mapping[str, Any]) -> bytes:
    return json.dumps({"format": _FORMAT, **document}, separators=(",", ":")).encode()


def _document(data: bytes) -> Any:
    if len(data) > HISTORY_BYTES_MAX:
        raise InvalidHistory(f"a history beyond {HISTORY_BYTES_MAX} bytes")
    try:
        document = json.loads(data)
        if document["format"] != _FORMAT:
            raise InvalidHistory("a history of another format")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidHistory(f"no history: {error}") from error
    return document


def _tally(row: Any) -> Tally:
    ok, failed = row
    return Tally(_whole(ok), _whole(failed))


def _whole(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= _NUMBER_MAX:
        raise InvalidHistory("a number was expected")
    return value
