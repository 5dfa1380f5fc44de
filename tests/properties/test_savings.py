"""What is recommended would really save as much: held against what the units would be, record by record."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from quartzdb.domain.units import units_read, units_written
from quartzdb_platform.domain.calendar import DAY_MS
from quartzdb_platform.metering.savings import (
    BATCH,
    BYTES_MIN,
    DAYS_MIN,
    MONTH_DAYS,
    REQUESTS_MIN,
    Advice,
    Counted,
    Facts,
    KeyFacts,
    Saving,
    recommendations,
)
from quartzdb_platform.plans.plan_file import load_plans
from quartzdb_platform.ports import HeldNamespace

PRICES = load_plans().prices_at("2026-11")
SINCE_MS = 100 * DAY_MS
counts = st.builds(
    Counted,
    answered=st.integers(0, 10**7),
    records=st.integers(0, 10**8),
    read_units=st.integers(0, 10**8),
    write_units=st.integers(0, 10**8),
    bytes_out=st.integers(0, 10**12),
)
names = st.sampled_from(["books", "films", ""])
operations = st.sampled_from(
    ["fetch_vector", "fetch_vectors", "query_vectors", "upsert_vectors", "put_value"]
)
held = st.builds(
    HeldNamespace,
    name=st.sampled_from(["books", "films", "songs"]),
    created_at_ms=st.integers(0, 2 * SINCE_MS),
    dimension=st.none() | st.integers(1, 4096),
    half=st.booleans(),
    records=st.integers(0, 10**8),
    bytes=st.integers(0, 10**12),
)
keys = st.builds(
    KeyFacts,
    id=st.sampled_from("abc"),
    name=st.just("k"),
    created_at_ms=st.integers(0, 2 * SINCE_MS),
    used=st.booleans(),
)
facts = st.builds(
    Facts,
    days=st.integers(0, 30),
    since_ms=st.just(SINCE_MS),
    counts=st.dictionaries(st.tuples(names, operations), counts),
    asked=st.frozensets(names),
    namespaces=st.lists(held, max_size=3, unique_by=lambda one: one.name),
    keys=st.lists(keys, max_size=3, unique_by=lambda one: one.id),
)


@given(facts)
def test_nothing_is_recommended_that_would_not_save(given: Facts) -> None:
    """Nor more saved than was used or is held, of any kind."""
    for one in recommendations(given):
        saving = one.saving
        assert saving != Saving()
        assert min(saving.requests, saving.read_units, saving.write_units, saving.bytes, saving.keys) >= 0
        assert saving.micro_dollars(PRICES) >= 0
        used = [counted for (namespace, _), counted in given.counts.items() if namespace == one.about]
        assert saving.read_units * given.days <= sum(counted.read_units for counted in used) * MONTH_DAYS
        assert saving.write_units * given.days <= sum(counted.write_units for counted in used) * MONTH_DAYS
        assert saving.requests * given.days <= sum(counted.answered for counted in used) * MONTH_DAYS
        assert saving.bytes <= sum(each.bytes for each in given.namespaces if each.name == one.about)


@given(facts)
def test_too_little_is_nothing_to_go_by(given: Facts) -> None:
    """Less than a week, or few requests."""
    if given.days < DAYS_MIN:
        assert recommendations(given) == ()
    for one in recommendations(given):
        if one.advice in (Advice.BATCH_FETCHES, Advice.BATCH_WRITES, Advice.SMALLER_ANSWERS):
            assert int(one.numbers["requests"]) >= REQUESTS_MIN


@given(facts)
def test_nothing_is_counted_twice(given: Facts) -> None:
    """What should be deleted is not advised to become smaller, and each is advised once."""
    found = [(one.advice, one.about) for one in recommendations(given)]
    assert len(set(found)) == len(found)
    idle = {about for advice, about in found if advice is Advice.IDLE_NAMESPACE}
    assert not idle & {about for advice, about in found if advice is Advice.HALF_PRECISION}
    assert not idle & given.asked


@given(st.lists(st.integers(1, 300_000), min_size=1, max_size=40), st.integers(REQUESTS_MIN, 5_000))
def test_fetches_in_batches_really_use_so_little(sizes: Sequence[int], requests: int) -> None:
    """Whatever the sizes of the answers: by the units of each batch."""
    answers = [sizes[number % len(sizes)] for number in range(requests)]
    before = sum(units_read(1, size).read for size in answers)
    after = sum(units_read(1, sum(answers[at : at + BATCH])).read for at in range(0, requests, BATCH))
    counted = Counted(answered=requests, records=requests, read_units=before, bytes_out=sum(answers))
    found = recommendations(Facts(MONTH_DAYS, SINCE_MS, {("books", "fetch_vector"): counted}, {"books"}))
    assert sum(one.saving.read_units for one in found) <= before - after


@given(
    st.integers(1, 4096), st.lists(st.integers(0, 32_768), min_size=1, max_size=40), st.integers(1_000, 3_000)
)
def test_half_precision_really_writes_so_little(
    dimension: int, metadata: Sequence[int], records: int
) -> None:
    """Whatever else a record has: by the units of each."""
    sizes = [metadata[number % len(metadata)] for number in range(records)]
    before = units_written(4 * dimension + size for size in sizes).write
    after = units_written(2 * dimension + size for size in sizes).write
    counted = Counted(answered=records // 10, records=records, write_units=before)
    namespace = HeldNamespace("books", 0, dimension, False, records, sum(sizes) + 4 * dimension * records)
    given_ = Facts(MONTH_DAYS, SINCE_MS, {("books", "upsert_vectors"): counted}, {"books"}, [namespace])
    for one in recommendations(given_):
        assert one.saving.write_units <= before - after
        assert one.saving.bytes == 2 * dimension * records
        assert one.saving.bytes >= BYTES_MIN or one.saving.write_units >= REQUESTS_MIN
