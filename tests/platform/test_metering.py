"""Usage lines are counted once, however often, late and out of order they come, and whoever else counts them."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

import pytest

from quartzdb.adapters.aws.dynamodb_table import DynamoTable
from quartzdb.adapters.embedded.sqlite_usage_journal import SqliteUsageJournal
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.domain.errors import OutcomeUnknown
from quartzdb_platform.adapters.dynamodb_documents import DynamoDocuments
from quartzdb_platform.adapters.sqlite_documents import SqliteDocuments
from quartzdb_platform.metering import places
from quartzdb_platform.metering.counters import Counters
from quartzdb_platform.metering.journal import JournalReader
from quartzdb_platform.metering.parts import DOCUMENTS_MAX, parts
from quartzdb_platform.metering.sketch import RELATIVE_ACCURACY, bin_of, quantile
from quartzdb_platform.metering.tally import READ_UNITS, REQUESTS, WRITE_UNITS, tally
from quartzdb_platform.ports import Change, Document, DocumentTable
from tests.aws_emulators import Emulators
from tests.manual_clock import ManualClock
from tests.platform.usage_traffic import PROJECTS, batches, line, naive, week

OpenTable = Callable[[], DocumentTable]


@pytest.fixture(params=["sqlite", "dynamodb-moto"])
def open_table(request: pytest.FixtureRequest, tmp_path: Path, aws: Emulators) -> Iterator[OpenTable]:
    with ExitStack() as closing:
        if request.param == "sqlite":
            yield lambda: closing.enter_context(SqliteDocuments(tmp_path / "platform.db"))
        else:
            emulator = aws.get(request.param.removeprefix("dynamodb-"))
            name = emulator.new_place().table
            yield lambda: DynamoDocuments(DynamoTable(emulator.dynamodb, name, SystemClock()))


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[SqliteDocuments]:
    with SqliteDocuments(tmp_path / "one.db") as table:
        yield table


def stored(table: DocumentTable) -> Mapping[tuple[str, str], object]:
    """Every counter, without what tells how often it was changed."""
    found = {}
    for pk in (*map(places.usage_pk, PROJECTS), places.MALFORMED_PK):
        for document in table.query(pk, "", limit=100_000):
            found[document.pk, document.sk] = document.body
    return found


def bill(table: DocumentTable) -> Counter[tuple[str, str]]:
    """By rows, and the same by the sums of months."""
    rows: Counter[tuple[str, str]] = Counter()
    months: Counter[tuple[str, str]] = Counter()
    for project in PROJECTS:
        for document in table.query(places.usage_pk(project), places.ROW, limit=100_000):
            for hour in document.body["hours"].values():
                rows[project, "requests"] += hour[REQUESTS]
                rows[project, "read_units"] += hour[READ_UNITS]
                rows[project, "write_units"] += hour[WRITE_UNITS]
        for document in table.query(places.usage_pk(project), places.MONTH, limit=100):
            for name, value in document.body.items():
                months[project, name] += value
    assert rows == months
    return rows


def test_a_week_twice_and_in_any_order_is_one_bill(open_table: OpenTable, sqlite: SqliteDocuments) -> None:
    """Late batches, batches again, and batches of more than a transaction holds: the same counters to the last bin."""
    # The emulated server takes milliseconds for each document.
    fast = isinstance(open_table(), SqliteDocuments)
    lines = week(1, 1_500 if fast else 45)
    delivered = [*batches(2, lines, 300 if fast else 40)] * 2
    assert max(len(tally(some, "test").additions) for _, some in delivered) > DOCUMENTS_MAX
    once = Counters(sqlite, ManualClock())
    for batch_id, some in delivered[: len(delivered) // 2]:
        once.apply(batch_id, some, "test")
    random.Random(3).shuffle(delivered)
    counters = Counters(open_table(), ManualClock())
    for batch_id, some in delivered:
        counters.apply(batch_id, random.Random(batch_id).sample(some, len(some)), "test")
    assert bill(open_table()) == naive(lines)
    assert stored(open_table()) == stored(sqlite)
    assert len(list(open_table().query(places.usage_pk(PROJECTS[0]), places.MONTH, limit=9))) == 2


# moto evaluates a condition in one step and stores in another.
@pytest.mark.parametrize("open_table", ["sqlite", "dynamodb-ministack"], indirect=True)
def test_deliverers_side_by_side_count_each_batch_once(open_table: OpenTable) -> None:
    """Several at once, each with all batches, all about the same projects: who loses a race begins anew."""
    lines = week(4, 120 if isinstance(open_table(), SqliteDocuments) else 12)
    given = batches(5, lines, 8)
    failures: list[BaseException] = []

    def deliver(number: int) -> None:
        try:
            counters = Counters(open_table(), ManualClock())
            for batch_id, some in random.Random(number).sample(given, len(given)):
                counters.apply(batch_id, some, "test")
        except Exception as error:  # noqa: BLE001 - told by the test
            failures.append(error)

    threads = [Thread(target=deliver, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert bill(open_table()) == naive(lines)


class Cut:
    """A table that fails at the n-th transaction, after it was made or before: nobody is told which."""

    def __init__(self, table: DocumentTable, at: int, *, made: bool) -> None:
        self._table = table
        self._left = at
        self._made = made

    def get(self, pk: str, sk: str) -> Document | None:
        return self._table.get(pk, sk)

    def query(
        self, pk: str, prefix: str, *, limit: int, after: str | None = None, reverse: bool = False
    ) -> object:
        return self._table.query(pk, prefix, limit=limit, after=after, reverse=reverse)

    def transact(self, changes: list[Change]) -> bool:
        self._left -= 1
        if self._left == 0:
            if self._made:
                assert self._table.transact(changes)
            raise OutcomeUnknown("The connection was lost.")
        return self._table.transact(changes)


@pytest.mark.parametrize("made", [True, False])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_batch_that_was_cut_off_goes_on_where_it_was(sqlite: SqliteDocuments, at: int, made: bool) -> None:
    """What was counted of it is not counted again."""
    lines = week(6, 300)
    with pytest.raises(OutcomeUnknown):
        Counters(Cut(sqlite, at, made=made), ManualClock()).apply("one", lines, "test")  # type: ignore[arg-type]
    applied = Counters(sqlite, ManualClock()).apply("one", lines, "test")
    assert applied.known == at - 1 + made
    assert bill(sqlite) == naive(lines)


BAD = [
    "",
    '{"v":1,"tenant":"prj_0000000000000000000000000a","at":17',
    '{"v":2,"tenant":"prj_0000000000000000000000000a"}',
    "[1]",
    "START RequestId: 6b1e Version: $LATEST",
]


def test_lines_that_cannot_be_read_are_counted_and_stop_nothing(
    sqlite: SqliteDocuments, caplog: pytest.LogCaptureFixture
) -> None:
    """Under where they came from; once, like any other."""
    good = week(7, 20)
    random_ = random.Random(8)
    wrong = [
        json.dumps({**json.loads(good[0]), name: value})
        for name, value in (
            ("read_units", -1), ("read_units", 1.5), ("status", "200"), ("at", 10**15), ("ms", None),
            ("namespace", "a#b"), ("key", 7), ("op", "x" * 99), ("write_units", 2**53), ("in", True),
        )
    ]  # fmt: skip
    mixed = [*good, *BAD, *wrong]
    random_.shuffle(mixed)
    for _ in range(2):
        applied = Counters(sqlite, ManualClock()).apply("one", mixed, "some/log/group")
    assert (applied.tally.lines, applied.tally.malformed) == (20, len(BAD) + len(wrong))
    assert bill(sqlite) == naive(good)
    (document,) = sqlite.query(places.MALFORMED_PK, "", limit=9)
    assert (document.sk, document.body) == ("some/log/group", {"lines": len(BAD) + len(wrong)})
    assert "15 usage lines from some/log/group cannot be read" in caplog.text


def test_requests_of_no_project_are_passed_over(sqlite: SqliteDocuments) -> None:
    """Of the machine's own tenant, of a health check, of who had no good key."""
    lines = [json.dumps({"v": 1, "at": 1, "op": "cf_health"}), json.dumps({"v": 1, "tenant": "default"})]
    applied = Counters(sqlite, ManualClock()).apply("one", lines, "test")
    assert (applied.tally.foreign, applied.counted) == (2, 0)
    assert stored(sqlite) == {}


def test_a_batch_has_the_same_parts_in_any_order_of_its_lines() -> None:
    """So a part that was counted is known when the batch comes again."""
    lines = week(9, 400)
    shuffled = random.Random(10).sample(lines, len(lines))
    found = [list(parts(tally(some, "test").additions)) for some in (lines, shuffled)]
    assert found[0] == found[1]
    assert max(len(part) for part in found[0]) <= DOCUMENTS_MAX


def test_quantiles_are_within_the_accuracy() -> None:
    """Of many values over five orders of magnitude, and whatever was merged in between."""
    random_ = random.Random(11)
    values = sorted(max(0.0, random_.lognormvariate(2, 2)) for _ in range(20_000))
    bins: Counter[str] = Counter()
    for value in values:
        bins[bin_of(value)] += 1
    for share in (0.5, 0.95, 0.99):
        exact = values[int(share * (len(values) - 1))]
        found = quantile(bins, share)
        assert found == pytest.approx(exact, rel=RELATIVE_ACCURACY * 1.01)
    assert quantile({}, 0.5) is None
    assert quantile({bin_of(0.0): 3}, 0.99) == 0


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteUsageJournal]:
    journal = SqliteUsageJournal(tmp_path / "usage.db")
    yield journal
    journal.close()


def fill(journal: SqliteUsageJournal, lines: list[str]) -> None:
    for text in lines:
        journal.take(text.encode())
    journal.write()


def test_the_journal_is_counted_and_forgotten(sqlite: SqliteDocuments, journal: SqliteUsageJournal) -> None:
    """In batches, and what comes later as well."""
    lines = [*week(12, 250)]
    reader = JournalReader(sqlite, Counters(sqlite, ManualClock()), journal, batch_lines=100)
    fill(journal, lines[:240])
    assert reader.run() == 240
    fill(journal, lines[240:])
    assert reader.run() == 10
    assert reader.run() == 0
    assert bill(sqlite) == naive(lines)
    assert journal.read(0, 1) == []


@pytest.mark.parametrize("made", [True, False])
@pytest.mark.parametrize("at", [1, 2, 3, 4, 5])
def test_a_reader_that_was_cut_off_does_the_same_batch_again(
    sqlite: SqliteDocuments, journal: SqliteUsageJournal, at: int, made: bool
) -> None:
    """Though more lines have come by then: what a batch is was settled before."""
    lines = [*week(13, 120)]
    fill(journal, lines[:60])
    cut = Cut(sqlite, at, made=made)
    with pytest.raises(OutcomeUnknown):
        JournalReader(cut, Counters(cut, ManualClock()), journal).run()  # type: ignore[arg-type]
    fill(journal, lines[60:])
    JournalReader(sqlite, Counters(sqlite, ManualClock()), journal).run()
    assert bill(sqlite) == naive(lines)


def test_two_readers_of_one_journal_count_it_once(
    tmp_path: Path, sqlite: SqliteDocuments, journal: SqliteUsageJournal
) -> None:
    """Two servers on one directory, with as many passes as they like."""
    lines = [*week(14, 600)]
    fill(journal, lines)

    def read() -> None:
        with SqliteDocuments(tmp_path / "one.db") as table:
            other = SqliteUsageJournal(tmp_path / "usage.db")
            JournalReader(table, Counters(table, ManualClock()), other, batch_lines=50).run()
            other.close()

    threads = [Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bill(sqlite) == naive(lines)


def test_a_journal_that_was_begun_anew_is_another(sqlite: SqliteDocuments, tmp_path: Path) -> None:
    """Its numbers begin again, and none of its lines is taken for an old one."""
    lines = [*week(15, 40)]
    for number, some in enumerate((lines[:30], lines[30:])):
        journal = SqliteUsageJournal(tmp_path / f"usage-{number}.db")
        fill(journal, some)
        JournalReader(sqlite, Counters(sqlite, ManualClock()), journal).run()
        journal.close()
    assert bill(sqlite) == naive(lines)


def test_what_has_expired_is_dropped(sqlite: SqliteDocuments) -> None:
    """Markers after weeks, rows after a year; what was billed stays."""
    clock = ManualClock()
    Counters(sqlite, clock).apply("one", [line(random.Random(1), 1_795_824_000_000)], "test")
    assert sqlite.get("BATCH#one", "part#00000") is not None
    assert sqlite.purge(clock.unix_ms() + 36 * 24 * 3_600_000) == 1
    assert sqlite.get("BATCH#one", "part#00000") is None
    sqlite.purge(1_795_824_000_000 + 401 * 24 * 3_600_000)
    assert [sk.partition("#")[0] for _, sk in stored(sqlite)] == ["month"]
