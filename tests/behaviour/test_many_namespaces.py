"""Many namespaces on one machine: what one costs does not grow with the others, at rest it costs next to nothing.

`python -m benchmarks.namespaces` measures ten thousand of them over HTTP.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from quartzdb.adapters.embedded.filesystem_blobs import FilesystemBlobs
from quartzdb.adapters.embedded.sqlite_catalog import SqliteCatalog
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.maintenance.policy import EMBEDDED_THRESHOLDS, MINUTE_MS
from tests.embedded import Embedded, embedded, write

MANY = 12
HOUR_S = 3_600


@pytest.fixture
def site(tmp_path: Path) -> Embedded:
    return embedded(tmp_path / "data")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often which of these was asked for; each does what it did."""
    counted: Counter[str] = Counter()

    def count(kind: type, name: str) -> None:
        as_it_is = getattr(kind, name)

        def counting(*arguments: Any, **named: Any) -> Any:
            counted[name] += 1
            return as_it_is(*arguments, **named)

        monkeypatch.setattr(kind, name, counting)

    for name in ("read_pointer", "list"):
        count(FilesystemBlobs, name)
    for name in ("list", "_namespace"):
        count(SqliteCatalog, name)
    return counted


def test_creating_one_looks_at_no_other(site: Embedded, asked: Counter[str]) -> None:
    """The limit is held by counting."""
    database = site.open()
    for number in range(MANY):
        database.namespaces.create("t", f"n{number}", NamespaceSettings(4))
    assert asked["list"] == 0
    assert asked["_namespace"] == MANY


def test_those_at_rest_are_left_alone(site: Embedded, asked: Counter[str]) -> None:
    """Between sweeps a pass asks for no pointer and lists no files; one that is written to is seen at once."""
    database = site.open()
    namespaces = [
        database.namespaces.create("t", f"n{number}", NamespaceSettings(4))[0] for number in range(MANY)
    ]
    for namespace in namespaces:
        write(database, namespace, range(3))
    database.maintenance.run_once()
    site.clock.sleep(EMBEDDED_THRESHOLDS.fold_after_ms / 1000 + 1)
    while database.maintenance.run_once():
        site.clock.sleep(1)
    site.clock.sleep(2 * MINUTE_MS / 1000)
    database.maintenance.run_once()
    asked.clear()
    for _ in range(10):
        site.clock.sleep(1)
        assert not database.maintenance.run_once()
    assert (asked["read_pointer"], asked["list"]) == (0, 0)
    write(database, namespaces[5], range(5_000))
    assert database.maintenance.run_once()
    assert database.namespaces.stats(namespaces[5]).tail_rows == 0


def test_sweeps_that_find_nothing_become_rare(site: Embedded, asked: Counter[str]) -> None:
    """Once nothing is kept beside what is served: at most once an hour, and again each minute after a change."""
    database = site.open()
    namespace, _ = database.namespaces.create("t", "n", NamespaceSettings(4))
    write(database, namespace, range(3))

    def passes(seconds: int) -> int:
        asked.clear()
        for _ in range(seconds // 30):
            site.clock.sleep(30)
            while database.maintenance.run_once():
                pass
        return asked["list"]

    first = passes(HOUR_S)
    assert first > 50
    passes(3 * HOUR_S)
    assert passes(4 * HOUR_S) <= 5
    write(database, namespace, range(3))
    assert passes(HOUR_S) > 50


def test_one_that_is_deleted_while_it_is_looked_at_is_no_failure(
    site: Embedded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A pass goes by the list that it began with; nothing is logged, and nothing is said to be damaged."""
    database = site.open()
    namespace, _ = database.namespaces.create("t", "n", NamespaceSettings(4))
    write(database, namespace, range(3))
    database.namespaces.delete("t", "n")
    monkeypatch.setattr(SqliteCatalog, "all_namespaces", lambda _: [namespace])
    assert not database.maintenance.run_once()
    assert caplog.records == []
    assert database.damaged == {}


def test_a_small_segment_is_small(site: Embedded) -> None:
    """Its files are those that this machine reads, in pages that are not mostly empty."""
    database = site.open()
    namespace, _ = database.namespaces.create("t", "n", NamespaceSettings(8))
    write(database, namespace, range(4))
    site.clock.sleep(5)
    assert database.indexer.fold(namespace).published
    (segment,) = database.namespaces.stats(namespace).segments
    assert segment.bytes < 24 * 1024
    assert set(database.records.list(namespace).items) == {f"r{number}" for number in range(4)}
