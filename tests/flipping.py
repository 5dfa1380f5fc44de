"""Flipping bits of a data directory, one at a time, and seeing what becomes of each.

`make flips` flips one bit of every byte, and every bit of small files; tests/behaviour/test_flipped_bits.py takes some
by chance. Each has to be reported at start, by a read, or by verification, and none may be served.
"""

from __future__ import annotations

import gc
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from quartzdb.adapters.embedded.sqlite_integrity import integrity_problems, require_whole_wal
from quartzdb.adapters.embedded.sqlite_row_sums import add_sums
from quartzdb.domain.errors import Corrupted, QuartzError
from quartzdb.domain.grant import TenantStatus
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.domain.text_fields import TextField
from quartzdb.domain.text_query import TextQuery
from quartzdb.maintenance.verification import Verification
from quartzdb.services.keyvalue import NewItem
from quartzdb.services.ports import StoredAnswer
from quartzdb.services.record_rules import NewRecord
from quartzdb.services.search import QueryRequest
from quartzdb.storage.index.query import Found
from quartzdb.storage.index.text_search import search_text, statistics
from quartzdb.storage.index.view import View
from quartzdb.storage.ports import BlobMissing
from quartzdb.wiring.embedded import (
    DATABASE_FILES,
    EmbeddedSettings,
    assemble,
    embedded_adapters,
    require_whole,
)
from tests.embedded import embedded, fold, vector_of
from tests.manual_clock import ManualClock

SEED = 20_261_129
TENANT = "default"
SMALL_BYTES = 1_024
"""Of a file so small every bit is flipped."""
_PAGE_BYTES = 512
_INDEX_BYTES = 136
"""Of SQLite's shared memory, what a start looks at; it makes all of it anew."""

Served = frozenset[tuple[Any, ...]]
"""All that is answered, one fact each: so that what is missing can be told from what is wrong."""


@dataclass(frozen=True)
class Directory:
    path: Path
    clock: ManualClock
    served: Served
    rows: dict[str, list[Any]]


def whole_directory(place: Path, *, page_bytes: int | None = None) -> Directory:
    """A segment, a tail, key-values of every kind, keys, an answer, and a namespace that is being deleted; closed.

    `page_bytes`: of SQLite's files, so that less of them is empty.
    """
    site = embedded(place)
    database = site.open()
    database.change_mark()
    namespace, _ = database.namespaces.create(
        TENANT, "n", NamespaceSettings(4, shards=1, text={"tag": TextField("other")}, sparse=("numbers",))
    )
    records = [NewRecord(f"r{n}", vector_of(n, 4), {"n": n, "tag": f"tag{n % 3}"}) for n in range(20)]
    database.records.upsert(namespace, records)
    fold(database, site.clock, namespace)
    database.records.upsert(namespace, [NewRecord("late", vector_of(99, 4), {"text": "of the tail"})])
    database.records.delete(namespace, ["r3"])
    for number in range(6):
        database.key_values.put(namespace, NewItem(f"key-{number}", b"value %d " % number * 40))
    database.key_values.delete(namespace, "key-5")
    database.namespaces.create(TENANT, "gone", NamespaceSettings(2))
    database.namespaces.delete(TENANT, "gone")
    database.api_keys.create(TENANT, "ci", frozenset({"read"}))
    database.tenants.set_status(TENANT, TenantStatus.SUSPENDED)
    now = site.clock.unix_ms()
    database.idempotency.begin(TENANT, "again", b"print", now, 1_000, 10_000_000)
    database.idempotency.finish(TENANT, "again", StoredAnswer(b"print", 200, b"{}", "application/json", ()))
    del database
    gc.collect()
    assert not list(place.glob("*.db-wal"))
    for name in DATABASE_FILES if page_bytes else ():
        with closing(sqlite3.connect(place / name, isolation_level=None)) as connection:
            add_sums(connection)
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute(f"PRAGMA page_size = {page_bytes}")
            connection.execute("VACUUM")
            connection.execute("PRAGMA journal_mode = WAL")
    rows = {name: all_rows(place / name) for name in DATABASE_FILES}
    return Directory(place, site.clock, served(place, site.clock), rows)


def killed_directory(place: Path, whole: Directory) -> Directory:
    """The same after further writes whose process was killed: each file has a write-ahead log, and an index of it."""
    work = place.with_name(f"{place.name}-open")
    shutil.copytree(whole.path, work)
    adapters = embedded_adapters(EmbeddedSettings(work), whole.clock)
    database = assemble(adapters, writer="local.killed", workspace=work / "building")
    (namespace,) = adapters.catalog.all_namespaces()
    database.records.upsert(namespace, [NewRecord("r4", vector_of(50, 4), {"n": 50})])
    database.records.delete(namespace, ["r5"])
    database.key_values.put(namespace, NewItem("key-0", b"another"))
    database.api_keys.create(TENANT, "later", frozenset({"write"}))
    shutil.copytree(work, place)
    del database, adapters
    gc.collect()
    shutil.rmtree(work)
    shutil.copytree(place, work)
    facts = recovered(work, whole.clock)
    shutil.rmtree(work)
    return Directory(place, whole.clock, facts, {})


def recovered(path: Path, clock: ManualClock) -> Served:
    """Everything that a process answers that begins after another was killed."""
    require_whole(path)
    return _facts(path, EmbeddedSettings(path), clock)


def served(path: Path, clock: ManualClock) -> Served:
    """Everything that a process answers which opens the directory now. Writes nothing."""
    require_whole(path)
    for left in (*path.glob("*.db-wal"), *path.glob("*.db-shm")):
        left.unlink()  # of the look before
    return _facts(path, EmbeddedSettings(path, read_only=True), clock)


def _facts(path: Path, settings: EmbeddedSettings, clock: ManualClock) -> Served:
    adapters = embedded_adapters(settings, clock)
    database = assemble(adapters, writer="local.reader", workspace=path / "building")
    facts: set[tuple[Any, ...]] = set()
    for namespace in adapters.catalog.all_namespaces():
        facts.add(("namespace", str(namespace)))
        listed = database.records.list(namespace, limit=100)
        ids = [*listed.items]
        for record_id, record in database.records.fetch(namespace, ids).items():
            facts.add(
                ("record", record_id, record.vector.tobytes(), repr(record.metadata), str(record.version))
            )
        answer = database.search.query(namespace, QueryRequest(vector=np.ones(4, np.float32), top_k=30))
        facts |= {("match", match.id, match.score) for match in answer.matches}
        by_words = database.readers.of(namespace).read(_by_words)
        # Without scores: they are of all records together, so they are others where one is missing.
        facts |= {("found", match.id) for match in by_words.matches}
        partition = namespace.partition
        keys = [f"key-{number}" for number in range(6)]
        facts |= {("item", repr(item)) for item in adapters.table.get(partition, keys).values()}
        facts |= {("change", repr(item)) for item in adapters.table.changes(partition, 0, 1 << 62, 100)}
        page = adapters.table.list(partition, prefix="", after=None, limit=100, now_ms=0, values=True)
        facts |= {("listed", repr(item)) for item in page.items}
    facts |= {("deleting", str(one)) for one in adapters.catalog.pending_deletion()}
    facts |= {("key", repr(key)) for key in adapters.api_keys.list(TENANT)}
    facts |= {("grant", repr(grant)) for grant in adapters.grants.list()}
    return frozenset(facts)


def _by_words(view: View) -> Found:
    query = TextQuery("tag1 tag*")
    return search_text(view, query, statistics(view, query), 30, None)


def all_rows(path: Path) -> list[Any]:
    """Every value of every row of a SQLite file, and what it says that its tables are."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        return _rows_of(connection)


def _rows_of(connection: sqlite3.Connection) -> list[Any]:
    connection.text_factory = bytes
    add_sums(connection)
    found: list[Any] = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    for kind, name, _, _ in list(found):
        if kind == b"table":
            found += connection.execute(f"SELECT * FROM {name.decode()}").fetchall()
    found.append(connection.execute("PRAGMA user_version").fetchone())
    found.append(connection.execute("PRAGMA application_id").fetchone())
    return found


def chosen(path: Path, count: int) -> Iterator[tuple[int, int]]:
    """(byte, bit) of a file, by chance; half of them where something is written."""
    content = path.read_bytes()
    chance = random.Random(f"{SEED}/{path.name}")
    written = [place for place, byte in enumerate(content) if byte]
    for number in range(count if content else 0):
        place = chance.choice(written) if number % 2 else chance.randrange(len(content))
        yield place, chance.randrange(8)


def all_of(path: Path) -> Iterator[tuple[int, int]]:
    """(byte, bit): one bit of every byte, by chance; every bit of a small file."""
    chance = random.Random(f"{SEED}/all/{path.name}")
    size = path.stat().st_size
    if path.name.endswith("-shm"):
        size = min(size, _INDEX_BYTES)
    for place in range(size):
        for bit in range(8) if size <= SMALL_BYTES else [chance.randrange(8)]:
            yield place, bit


def flipped(path: Path, flips: Iterator[tuple[int, int]], look: Callable[[bytes], str]) -> Counter[str]:
    """What became of each flip; the file is as it was afterwards. `look` is given what is in the file."""
    content = path.read_bytes()
    outcomes: Counter[str] = Counter()
    for place, bit in flips:
        damaged = bytearray(content)
        damaged[place] ^= 1 << bit
        try:
            outcome = look(bytes(damaged))
        except BaseException as error:
            error.add_note(f"{path.name}: bit {bit} of byte {place}")
            raise
        assert outcome != "unreported", f"{path.name}: bit {bit} of byte {place}"
        outcomes[outcome] += 1
    return outcomes


def look_at_database(directory: Directory, name: str) -> Callable[[bytes], str]:
    """A flip in a SQLite file is reported, unless every value in the file is as it was: then it held nothing."""
    path = directory.path / name
    content = path.read_bytes()

    def look(damaged: bytes) -> str:
        if damaged[:100] == content[:100] and _says_the_same(damaged, directory.rows[name]):
            return "nothing there"
        with _instead(path, damaged, content):
            try:
                now = served(directory.path, directory.clock)
            except (QuartzError, BlobMissing):
                return "start or read"
            assert now <= directory.served, "something is served that never was"
            if integrity_problems(path, read_only=True):
                return "verify"
            return "nothing there" if all_rows(path) == directory.rows[name] else "unreported"

    return look


def look_at_file(directory: Directory, path: Path) -> Callable[[bytes], str]:
    """A flip in any other file is reported."""
    content = path.read_bytes()

    def look(damaged: bytes) -> str:
        with _instead(path, damaged, content):
            try:
                now = served(directory.path, directory.clock)
            except (QuartzError, BlobMissing):
                return "start or read"
            assert now <= directory.served
            adapters = embedded_adapters(EmbeddedSettings(directory.path, read_only=True), directory.clock)
            database = assemble(adapters, writer="local.verifier", workspace=directory.path / "building")
            verification = Verification(database.log, database.store)
            found = [verification.of(one).damages for one in adapters.catalog.all_namespaces()]
            return "verify" if any(found) else "unreported"

    return look


def look_at_log(directory: Directory, name: str) -> Callable[[bytes], str]:
    """A flip in a write-ahead log, or in its index, is reported at the start, or all that was committed is served."""
    path = directory.path / name
    content = path.read_bytes()
    scratch = directory.path.with_name(f"{directory.path.name}-scratch")

    def look(damaged: bytes) -> str:
        try:
            with _instead(path, damaged, content):
                for database in DATABASE_FILES:
                    require_whole_wal(directory.path / database)
                shutil.copytree(directory.path, scratch)
        except Corrupted:
            return "start or read"
        try:
            now = recovered(scratch, directory.clock)
        finally:
            gc.collect()
            shutil.rmtree(scratch)
        return "nothing there" if now == directory.served else "unreported"

    return look


@contextmanager
def _instead(path: Path, damaged: bytes, content: bytes) -> Iterator[None]:
    path.write_bytes(damaged)
    try:
        yield
    finally:
        path.write_bytes(content)


def _says_the_same(content: bytes, rows: list[Any]) -> bool:
    """Whether a SQLite file's every row and index is as it was; found out in memory, which is faster."""
    with closing(sqlite3.connect(":memory:")) as connection:
        # In memory there is no write-ahead log, which the header says that there is.
        connection.deserialize(content[:18] + b"\x01\x01" + content[20:])
        try:
            return _rows_of(connection) == rows and connection.execute(
                "PRAGMA integrity_check"
            ).fetchall() == [(b"ok",)]
        except (sqlite3.Error, UnicodeDecodeError):
            return False


def main() -> None:
    """Every byte of every file, in one process; says what became of how many flips."""
    begun = time.process_time()
    total: Counter[str] = Counter()

    def tell(path: Path, outcomes: Counter[str]) -> None:
        total.update(outcomes)
        sys.stdout.write(f"{path.name}: {sum(outcomes.values()):,} flips, {dict(outcomes)}\n")
        sys.stdout.flush()

    with tempfile.TemporaryDirectory(prefix="quartzdb-flips-") as folder:
        whole = whole_directory(Path(folder) / "data", page_bytes=_PAGE_BYTES)
        killed = killed_directory(Path(folder) / "killed", whole)
        for path in sorted(killed.path.glob("*.db-*")):
            tell(path, flipped(path, all_of(path), look_at_log(killed, path.name)))
        for path in other_files(whole):
            tell(path, flipped(path, all_of(path), look_at_file(whole, path)))
        for name in DATABASE_FILES:
            path = whole.path / name
            tell(path, flipped(path, all_of(path), look_at_database(whole, name)))
    seconds = time.process_time() - begun
    sys.stdout.write(f"{sum(total.values()):,} flips, {dict(total)}; {seconds:,.0f} s of the processor\n")


def other_files(directory: Directory) -> list[Path]:
    """Those that are no SQLite files of the directory, and hold something."""
    return [
        path
        for path in sorted(directory.path.rglob("*"))
        if path.is_file() and path.suffix != ".lock" and ".db" not in path.name and path.stat().st_size
    ]


if __name__ == "__main__":
    main()
