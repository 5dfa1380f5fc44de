"""What a project could save: a pure function of what it used and what it holds.

It says nothing where it has seen too little, and nothing that would not save. Each saving is a lower bound, or says
that it is an upper one; all are of 30 days at the pace of the days that were looked at.

What is not in here, because it would save no unit: batches of queries (each query is a unit either way) and a lower
recall (a query costs the same at any).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from enum import StrEnum

from quartzdb.domain.grant import Prices
from quartzdb.domain.units import READ_UNIT_BYTES, WRITE_UNIT_BYTES
from quartzdb_platform.ports import HeldNamespace

MONTH_DAYS = 30
DAYS_MIN = 7
"""Of which something has to be known before anything is said."""
REQUESTS_MIN = 1_000
BATCH = 100
"""Records of one request, as is suggested."""
BYTES_MIN = 1_000_000
_WORTH = 10
"""A saving of less than one part of so many is not worth a change."""
_MILLION = 1_000_000
_GIGABYTE = 1_000_000_000


class Advice(StrEnum):
    """What to do."""

    BATCH_FETCHES = "batch_fetches"
    BATCH_WRITES = "batch_writes"
    SMALLER_ANSWERS = "smaller_answers"
    HALF_PRECISION = "half_precision"
    IDLE_NAMESPACE = "idle_namespace"
    UNUSED_KEY = "unused_key"


@dataclass(frozen=True, slots=True)
class Counted:
    """Of one operation in one namespace. `answered`: requests that were neither refused nor failed."""

    answered: int = 0
    records: int = 0
    read_units: int = 0
    write_units: int = 0
    bytes_out: int = 0


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """A key that is good. `used`: since the days that were looked at began."""

    id: str
    name: str
    created_at_ms: int
    used: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one project, of so many whole days since `since_ms`. `counts` by namespace and operation; `asked`: namespaces
    that were asked for anything since then.
    """

    days: int
    since_ms: int
    counts: Mapping[tuple[str, str], Counted]
    asked: Set[str] = frozenset()
    namespaces: Sequence[HeldNamespace] = ()
    keys: Sequence[KeyFacts] = ()


@dataclass(frozen=True, slots=True)
class Saving:
    """Of 30 days. `bytes`: that are stored all the time."""

    requests: int = 0
    read_units: int = 0
    write_units: int = 0
    bytes: int = 0
    keys: int = 0

    def micro_dollars(self, prices: Prices) -> int:
        """At the prices, before anything that a plan includes; rounded down, as it is a promise."""
        units = self.read_units * prices.million_read_units + self.write_units * prices.million_write_units
        return units // _MILLION + self.bytes * prices.gigabyte_month // _GIGABYTE


@dataclass(frozen=True, slots=True)
class Recommendation:
    """`about`: the namespace, or the id of the key. `at_most`: the saving is an upper bound. `numbers`: from what it
    was computed, by name.
    """

    advice: Advice
    about: str
    saving: Saving
    at_most: bool
    numbers: Mapping[str, int | str]


def recommendations(facts: Facts) -> Sequence[Recommendation]:
    """What would save something, the same facts always in the same order."""
    if facts.days < DAYS_MIN:
        return ()
    idle = {one.about: one for one in _idle(facts)}
    found = [
        *_fetches(facts),
        *_writes(facts),
        *_answers(facts),
        *(one for one in _half(facts) if one.about not in idle),
        *idle.values(),
        *_keys(facts),
    ]
    return [one for one in found if one.saving != Saving()]


def _fetches(facts: Facts) -> Iterator[Recommendation]:
    """One record a request is a unit each; of many together, a unit for every 64 KB."""
    for (namespace, operation), counted in sorted(facts.counts.items()):
        if operation != "fetch_vector" or counted.answered < REQUESTS_MIN:
            continue
        # Each batch is a unit, or as many as its answer has 64 KB, begun: at most one more than it has whole ones.
        batched = _up(counted.answered, BATCH) + counted.bytes_out // READ_UNIT_BYTES
        saved = counted.read_units - batched
        if saved * _WORTH < counted.read_units or saved <= 0:
            continue
        saving = Saving(
            requests=_monthly(counted.answered - _up(counted.answered, BATCH), facts),
            read_units=_monthly(saved, facts),
        )
        numbers = {
            "requests": counted.answered,
            "units": counted.read_units,
            "batched": batched,
            "batch": BATCH,
        }
        yield Recommendation(Advice.BATCH_FETCHES, namespace, saving, False, numbers)


def _writes(facts: Facts) -> Iterator[Recommendation]:
    """A record's units are the same in a batch: what is saved is requests, and the time that each takes."""
    for (namespace, operation), counted in sorted(facts.counts.items()):
        if operation != "upsert_vectors" or counted.answered < REQUESTS_MIN:
            continue
        if counted.records >= 2 * counted.answered:
            continue
        batched = _up(counted.records, BATCH)
        saving = Saving(requests=_monthly(counted.answered - batched, facts))
        numbers = {
            "requests": counted.answered,
            "records": counted.records,
            "batched": batched,
            "batch": BATCH,
        }
        yield Recommendation(Advice.BATCH_WRITES, namespace, saving, False, numbers)


def _answers(facts: Facts) -> Iterator[Recommendation]:
    """A query is one unit while its answer stays below 64 KB."""
    for (namespace, operation), counted in sorted(facts.counts.items()):
        if operation != "query_vectors" or counted.answered < REQUESTS_MIN:
            continue
        saved = counted.read_units - counted.answered
        if saved * 2 < counted.answered:
            continue
        saving = Saving(read_units=_monthly(saved, facts))
        each = counted.bytes_out // counted.answered
        numbers = {"requests": counted.answered, "units": counted.read_units, "bytes": each}
        yield Recommendation(Advice.SMALLER_ANSWERS, namespace, saving, True, numbers)


def _half(facts: Facts) -> Iterator[Recommendation]:
    """Two bytes of each number instead of four, stored and written."""
    for namespace in sorted(facts.namespaces, key=lambda one: one.name):
        if namespace.dimension is None or namespace.half:
            continue
        each = 2 * namespace.dimension
        stored = min(each * namespace.records, namespace.bytes)
        written = facts.counts.get((namespace.name, "upsert_vectors"), Counted())
        # Of each record at least so many whole KB less, whatever else it has.
        units = min(written.records * (each // WRITE_UNIT_BYTES), written.write_units)
        saving = Saving(write_units=_monthly(units, facts), bytes=stored)
        if stored < BYTES_MIN and units < REQUESTS_MIN:
            continue
        numbers = {
            "dimension": namespace.dimension,
            "records": namespace.records,
            "written": written.records,
            "each": each,
        }
        yield Recommendation(Advice.HALF_PRECISION, namespace.name, saving, False, numbers)


def _idle(facts: Facts) -> Iterator[Recommendation]:
    """What nobody asked for since before the days that were looked at."""
    for namespace in sorted(facts.namespaces, key=lambda one: one.name):
        if namespace.name in facts.asked or namespace.created_at_ms >= facts.since_ms:
            continue
        if namespace.bytes < BYTES_MIN:
            continue
        numbers = {"days": facts.days, "records": namespace.records, "bytes": namespace.bytes}
        yield Recommendation(
            Advice.IDLE_NAMESPACE, namespace.name, Saving(bytes=namespace.bytes), False, numbers
        )


def _keys(facts: Facts) -> Iterator[Recommendation]:
    """A key that nobody uses costs nothing, and is a way in."""
    for key in sorted(facts.keys, key=lambda one: one.id):
        if not key.used and key.created_at_ms < facts.since_ms:
            numbers: dict[str, int | str] = {"days": facts.days, "name": key.name}
            yield Recommendation(Advice.UNUSED_KEY, key.id, Saving(keys=1), False, numbers)


def _monthly(count: int, facts: Facts) -> int:
    return count * MONTH_DAYS // facts.days


def _up(count: int, by: int) -> int:
    return -(-count // by)
