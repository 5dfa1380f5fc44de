"""The SQLite adapters and the in-memory ones answer every sequence of calls alike."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quartzdb.adapters.embedded.sqlite_database import SqliteDatabase
from quartzdb.adapters.embedded.sqlite_keyvalue import SqliteKeyValue
from quartzdb.adapters.embedded.sqlite_log import SqliteChangeLog
from quartzdb.domain.errors import QuartzError
from quartzdb.domain.hlc import Version
from quartzdb.domain.namespace import Partition
from quartzdb.storage.ports import ChangeLog, Expect, Item, KeyValueTable, LogPage, StampBehind
from tests.doubles.memory_keyvalue import MemoryKeyValue
from tests.doubles.memory_log import MemoryChangeLog

BEHIND_MAX = 6
STAMPS = st.integers(1, 20)
VERSIONS = st.builds(Version, STAMPS, st.sampled_from(["a.1", "a.10", "b.1"]))
SHARDS = st.integers(0, 1)
KEYS = st.sampled_from(["a", "a\0", "ab", "b", "\uffff", "\U00010000", "\U0010ffff", "\U0010ffffa"])
TIMES = st.integers(0, 6)
ITEMS = st.builds(
    Item,
    key=KEYS,
    version=VERSIONS,
    appended=STAMPS,
    value=st.sampled_from([None, b"", b"v", b"long value"]),
    content_type=st.sampled_from(["text/plain", "a/b"]),
    expires_at_ms=st.one_of(st.none(), TIMES),
)
LogCall = Callable[[ChangeLog, Partition], Any]
TableCall = Callable[[KeyValueTable, Partition], Any]


def append(key: Version, body: bytes) -> LogCall:
    return lambda log, at: log.append(at, key, body)


def read(after: int, known: list[Version], bytes_max: int | None, entries_max: int | None) -> LogCall:
    def call(log: ChangeLog, at: Partition) -> LogPage:
        page = log.read(at, after, known, bytes_max=bytes_max, entries_max=entries_max)
        return page._replace(entries=list(page.entries))

    return call


def listing(**asked: Any) -> TableCall:
    return lambda table, at: table.list(at, **asked)


def outcome(call: LogCall, log: ChangeLog, at: Partition) -> Any:
    try:
        result = call(log, at)
    except StampBehind as behind:
        return StampBehind, behind.head
    except QuartzError as error:
        return type(error), str(error)
    # Other examples have left their partitions in the same file.
    return [one for one in result if one.generation == at.generation] if isinstance(result, list) else result


def log_calls() -> st.SearchStrategy[LogCall]:
    return st.one_of(
        st.builds(append, VERSIONS, st.sampled_from([b"one", b"two"])),
        st.builds(
            read,
            st.integers(0, 20),
            st.lists(VERSIONS, max_size=6),
            st.one_of(st.none(), st.integers(0, 12)),
            st.one_of(st.none(), st.integers(1, 4)),
        ),
        st.builds(lambda upto: lambda log, at: log.trim(at, upto), STAMPS),
        st.just(lambda log, at: log.head(at)),
        st.just(lambda log, at: log.partitions()),
    )


def table_calls() -> st.SearchStrategy[TableCall]:
    expects = st.one_of(st.none(), st.builds(Expect, st.one_of(st.none(), VERSIONS), TIMES))
    return st.one_of(
        st.builds(lambda item, expect: lambda table, at: table.put(at, item, expect), ITEMS, expects),
        st.builds(lambda items: lambda table, at: list(table.put_many(at, items)), st.lists(ITEMS, max_size=5)),
        st.builds(lambda keys: lambda table, at: dict(table.get(at, keys)), st.lists(KEYS, max_size=4)),
        st.builds(
            listing,
            prefix=st.one_of(st.just(""), KEYS),
            after=st.one_of(st.none(), KEYS),
            limit=st.integers(1, 4),
            now_ms=TIMES,
            values=st.booleans(),
        ),
        st.builds(
            lambda after, upto, limit: lambda table, at: list(table.changes(at, after, upto, limit)),
            st.integers(0, 20), STAMPS, st.integers(1, 4),
        ),
        st.builds(lambda ms, stamp: lambda table, at: table.purge(at, ms, stamp, 100), TIMES, STAMPS),
        st.builds(lambda now_ms: lambda table, at: table.count(at, now_ms), TIMES),
        st.just(lambda table, at: table.drop(at)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def database() -> Iterator[SqliteDatabase]:
    with (
        tempfile.TemporaryDirectory() as directory,
        SqliteDatabase(Path(directory) / "quartz.db") as database,
    ):
        yield database


@given(calls=st.lists(st.tuples(SHARDS, log_calls()), max_size=30), sealed=st.integers(0, 40))
def test_logs_agree(
    database: SqliteDatabase, calls: list[tuple[int, LogCall]], sealed: int, generations: Iterator[str]
) -> None:
    """Results and refusals, for two shards, one of which may be sealed on the way."""
    generation = next(generations)
    sqlite: ChangeLog = SqliteChangeLog(database, behind_max=BEHIND_MAX)
    memory: ChangeLog = MemoryChangeLog(behind_max=BEHIND_MAX)
    for number, (shard, call) in enumerate(calls):
        at = Partition("t", "n", generation, shard)
        assert outcome(call, sqlite, at) == outcome(call, memory, at)
        if number == sealed:
            sqlite.seal(at)
            memory.seal(at)
    for shard in (0, 1):
        at = Partition("t", "n", generation, shard)
        assert read(0, [], None, None)(sqlite, at) == read(0, [], None, None)(memory, at)


@given(calls=st.lists(st.tuples(SHARDS, table_calls()), max_size=30))
def test_tables_agree(
    database: SqliteDatabase, calls: list[tuple[int, TableCall]], generations: Iterator[str]
) -> None:
    """Results of every call, for two partitions."""
    generation = next(generations)
    sqlite: KeyValueTable = SqliteKeyValue(database)
    memory: KeyValueTable = MemoryKeyValue()
    for shard, call in calls:
        at = Partition("t", "n", generation, shard)
        assert call(sqlite, at) == call(memory, at)


@pytest.fixture(scope="module")
def generations() -> Iterator[str]:
    return (f"g{number}" for number in range(10**9))
