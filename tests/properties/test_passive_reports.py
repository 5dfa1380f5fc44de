"""Laws of what the edge reports: its form, its size, and what no number of reports can do."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quartzdb.routing.decision.breaker import BreakerState
from quartzdb.routing.decision.client_counts import ClientCounts
from quartzdb.routing.decision.client_marks import Client
from quartzdb.routing.decision.failing_clients import trouble_of_clients
from quartzdb.routing.decision.origin_health import OriginHistory, health_of
from quartzdb.routing.decision.passive import (
    REASON_LENGTH_MAX,
    REPORT_BYTES_MAX,
    ROWS_MAX,
    ClientRow,
    InvalidReport,
    Others,
    PassiveReport,
    decode_report,
    encode_report,
)
from quartzdb.routing.decision.rules import DEFAULT_RULES
from quartzdb.routing.decision.state import Origin
from quartzdb.routing.decision.window import Probe, Reason, Verdict
from tests.edge_reports import mark, report

NOW_MS = 1_790_000_000_000
origins = st.sampled_from(list(Origin))
marks = st.integers(0, 40).map(mark)
counts = st.tuples(st.integers(0, 1_000), st.integers(0, 1_000)).map(lambda two: (sum(two), two[0]))
rows = st.builds(lambda client, count: ClientRow(client, *count), st.builds(Client, marks, marks), counts)
listed = st.lists(rows, max_size=ROWS_MAX, unique_by=lambda row: row.client).map(tuple)
others = st.builds(
    lambda addresses, keys, count: Others(*addresses, *keys, *count),
    counts,
    counts,
    counts,
)
times = st.integers(NOW_MS - 120_000, NOW_MS + 120_000)
reports = st.builds(PassiveReport, origins, marks, times, listed, others, st.text(max_size=REASON_LENGTH_MAX))


@given(reports)
def test_a_report_survives_the_queue(one: PassiveReport) -> None:
    """Every field."""
    assert decode_report(encode_report(one)) == one


def test_the_longest_report_is_within_its_bound() -> None:
    """The largest numbers, and a reason whose characters JSON writes the longest."""
    most = 1_000_000_000
    longest = PassiveReport(
        Origin.CLOUDFLARE,
        "f" * 16,
        1 << 53,
        tuple(ClientRow(Client(mark(n), "f" * 16), most, most) for n in range(ROWS_MAX)),
        Others(most, most, most, most, most, most),
        "\U0001f600" * REASON_LENGTH_MAX,
    )
    assert len(encode_report(longest)) <= REPORT_BYTES_MAX
    assert decode_report(encode_report(longest)) == longest


@given(st.text(max_size=100) | st.sampled_from(["[" * 4_000, "{}", "[]", '{"origin":"aws"}', "x" * 5_000]))
def test_what_is_no_report_is_refused(text: str) -> None:
    """Never another error."""
    with pytest.raises(InvalidReport):
        decode_report(text)


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": 1},
        {"origin": "azure"},
        {"sender": "somebody"},
        {"at_ms": -1},
        {"at_ms": 1.5},
        {"clients": [[mark(1), mark(2), 1, 2]]},
        {"clients": [[mark(1), "Bearer key", 2, 1]]},
        {"clients": [[mark(1), mark(2), 2]]},
        {"clients": [[mark(1), mark(2), 2, True]]},
        {"clients": [[mark(1), mark(2), 2, 1]] * 2},
        {"clients": [[mark(n), mark(2), 2, 1] for n in range(ROWS_MAX + 1)]},
        {"others": [0, 0, 0, 0, 1, 2]},
        {"others": [1, 2, 0, 0, 1, 1]},
        {"others": [0, 0, 0, -1, 1, 1]},
        {"others": [0, 0, 0, 0, 1]},
        {"others": [0, 0, 0, 0, 1, 0, 0]},
        {"reason": 5},
        {"reason": "x" * (REASON_LENGTH_MAX + 1)},
    ],
    ids=str,
)
def test_values_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    """In any field."""
    good = json.loads(encode_report(report(Origin.AWS, NOW_MS, failing=1, well=1)))
    with pytest.raises(InvalidReport):
        decode_report(json.dumps({**good, **wrong}))


@given(st.lists(reports, max_size=20), origins, st.booleans())
def test_no_reports_do_worse_than_suspect(some: list[PassiveReport], origin: Origin, ok: bool) -> None:
    """While the probe's own requests succeed; and where they fail, reports change nothing."""
    record = OriginHistory()
    for second in range(12):
        probe = Probe(ok, NOW_MS + second, 1, None if ok else Reason.STATUS)
        record = record.after(origin, probe, DEFAULT_RULES)
    found = trouble_of_clients(some, origin, NOW_MS + 12, DEFAULT_RULES)
    without, told = (health_of(record, NOW_MS + 12, DEFAULT_RULES, clients=each) for each in (None, found))
    assert told.breaker is without.breaker
    assert told.latest_ok is without.latest_ok
    assert told.spotless is without.spotless
    if ok:
        assert told.breaker is BreakerState.CLOSED
        assert told.verdict is (Verdict.HEALTHY if found is None else Verdict.SUSPECT)
    else:
        assert told.verdict is without.verdict is Verdict.FAILED


@given(
    st.lists(st.tuples(st.integers(0, 1), marks, counts), max_size=ROWS_MAX, unique_by=lambda one: one[1]),
    others,
    st.booleans(),
)
def test_one_client_is_no_number_of_clients(
    inventions: list[tuple[int, str, tuple[int, int]]], more: Others, of_keys: bool
) -> None:
    """From two addresses with any number of keys, or with two keys from any number of addresses."""
    told = tuple(
        ClientRow(Client(mark(few), many) if of_keys else Client(many, mark(few)), *count)
        for few, many, count in inventions
    )
    one = PassiveReport(Origin.AWS, mark(0), NOW_MS, told, more, "status 500")
    assert trouble_of_clients([one], Origin.AWS, NOW_MS, DEFAULT_RULES) is None


@given(st.lists(reports, max_size=12), origins, st.randoms(use_true_random=False))
def test_reports_may_come_in_any_order_and_twice(
    some: list[PassiveReport], origin: Origin, source: random.Random
) -> None:
    """As a queue has them; but for two of one sender at one moment, which no sender sends."""
    once = list({(one.sender, one.at_ms): one for one in some}.values())
    shuffled = [*once, *once]
    source.shuffle(shuffled)
    expected = trouble_of_clients(once, origin, NOW_MS, DEFAULT_RULES)
    assert trouble_of_clients(shuffled, origin, NOW_MS, DEFAULT_RULES) == expected


@pytest.mark.parametrize(
    ("failing", "well", "age_ms", "suspect"),
    [
        (3, 3, 0, True),
        (3, 4, 0, False),
        (2, 0, 0, False),
        (32, 0, 10_000, True),
        (32, 0, 10_001, False),
        (32, 0, -10_001, False),
    ],
)
def test_several_clients_and_half_of_all_of_late(failing: int, well: int, age_ms: int, suspect: bool) -> None:
    """Three and half of them, within ten seconds."""
    told = report(Origin.AWS, NOW_MS - age_ms, failing=failing, well=well)
    assert (trouble_of_clients([told], Origin.AWS, NOW_MS, DEFAULT_RULES) is not None) is suspect
    assert trouble_of_clients([told], Origin.CLOUDFLARE, NOW_MS, DEFAULT_RULES) is None


def test_the_latest_report_of_a_client_decides() -> None:
    """It failed and does well again; or it was seen to do well within the minute, and others fail."""
    bad = report(Origin.AWS, NOW_MS - 5_000, failing=4)
    again = report(Origin.AWS, NOW_MS, failing=0, well=2, sender=1)
    assert trouble_of_clients([bad], Origin.AWS, NOW_MS, DEFAULT_RULES) is not None
    assert trouble_of_clients([bad, again], Origin.AWS, NOW_MS, DEFAULT_RULES) is None
    before = report(Origin.AWS, NOW_MS - 59_000, failing=0, well=20, sender=1)
    assert trouble_of_clients([before, bad], Origin.AWS, NOW_MS, DEFAULT_RULES) is None
    long_before = report(Origin.AWS, NOW_MS - 61_000, failing=0, well=20, sender=1)
    assert trouble_of_clients([long_before, bad], Origin.AWS, NOW_MS, DEFAULT_RULES) is not None


@pytest.mark.parametrize(
    ("rest", "suspect"),
    [
        (Others(40, 0, 40, 0, 400, 0), False),
        (Others(40, 4, 40, 4, 400, 40), True),
        (Others(40, 3, 40, 40, 400, 300), False),
        (Others(0, 0, 40, 3, 400, 300), False),
    ],
)
def test_clients_without_a_row_count_too(rest: Others, suspect: bool) -> None:
    """By address and by key: half of either do not fail here, however many requests somebody sends."""
    told = report(Origin.AWS, NOW_MS, failing=32, others=rest)
    assert (trouble_of_clients([told], Origin.AWS, NOW_MS, DEFAULT_RULES) is not None) is suspect


@given(st.lists(st.tuples(st.builds(Client, marks, marks), st.booleans(), st.integers(0, 4)), max_size=300))
def test_counts_report_every_request_once(seen: list[tuple[Client, bool, int]]) -> None:
    """Those of the present bucket and the one before; those that fail the most have the rows."""
    clients, now, happened = ClientCounts(), 1_790_000_000.0, []
    for client, failed, wait in seen:
        now += wait
        clients.note(client, "status 500" if failed else None, now)
        happened.append((client, failed, now))
    recent = [one for one in happened if now // 5 - one[2] // 5 <= 1]
    told = clients.report(Origin.AWS, mark(0), now)
    if told is None:
        assert not recent
        return
    assert (told.requests, told.failures) == (len(recent), sum(failed for _, failed, _ in recent))
    assert clients.failing(now) is (told.failures > 0) is bool(told.reason)
    addresses = {client.address for client, _, _ in recent}
    keys = {client.key for client, _, _ in recent}
    assert len({row.client.address for row in told.rows}) + told.others.addresses == len(addresses)
    assert len({row.client.key for row in told.rows}) + told.others.keys == len(keys)
    assert told.others.failing_addresses <= told.others.addresses
    assert told.others.failing_keys <= told.others.keys
    unlisted = {client for client, _, _ in recent} - {row.client for row in told.rows}
    failures = {each: sum(failed for client, failed, _ in recent if client == each) for each in unlisted}
    assert max(failures.values(), default=0) <= min(row.failures for row in told.rows)
