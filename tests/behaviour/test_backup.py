"""A backup is a state that the database was in, whatever happens between the copies of its parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quartzdb.adapters.embedded.backup_directory import BackupDirectory
from quartzdb.adapters.embedded.backup_source import EmbeddedBackupSource
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.domain.errors import Corrupted, NotFound, Unavailable
from quartzdb.domain.namespace import Namespace, NamespaceSettings, Partition
from quartzdb.maintenance.backup.document import Backup
from quartzdb.maintenance.backup.taking import TakeBackup
from quartzdb.maintenance.sweep import sweep
from quartzdb.maintenance.verification import Verification
from quartzdb.services.keyvalue import NewItem
from quartzdb.services.record_rules import NewRecord
from quartzdb.wiring.backup import backups_in, restore_backup, take_backup
from quartzdb.wiring.embedded import Database, EmbeddedSettings, open_embedded
from quartzdb.wiring.settings import DEFAULT_TENANT


class _Meanwhile(EmbeddedBackupSource):
    """A data directory where something happens before each copy of a part."""

    def __init__(self, data_dir: Path, before: Mapping[str, Callable[[], None]]) -> None:
        super().__init__(data_dir)
        self._before = before
        self.copies: list[str] = []

    def _now(self, part: str) -> None:
        self.copies.append(part)
        self._before.get(part, lambda: None)()

    def copy_pointers(self, target: Path) -> Mapping[Partition, Path]:
        self._now("pointers")
        return super().copy_pointers(target)

    def blob(self, key: str) -> Path:
        self._before.get("blob", lambda: None)()
        return super().blob(key)

    def copy_log(self, target: Path) -> Mapping[Partition, int]:
        self._now("log")
        return super().copy_log(target)

    def copy_keyvalues(self, target: Path) -> None:
        self._now("keyvalues")
        super().copy_keyvalues(target)

    def copy_catalog(self, target: Path, answers: Sequence[tuple[str, str]]) -> None:
        self._now("catalog")
        super().copy_catalog(target, answers)


class _Directory:
    """A database that is written to, and the backups of it."""

    def __init__(self, root: Path, shards: int = 1) -> None:
        self.data, self.backups, self.restored = root / "data", root / "backups", root / "restored"
        self.database = open_embedded(EmbeddedSettings(self.data))
        self.namespace = self.create("n", shards)
        self.written = 0

    def create(self, name: str, shards: int = 1) -> Namespace:
        settings = NamespaceSettings(2, shards=shards)
        return self.database.namespaces.create(DEFAULT_TENANT, name, settings)[0]

    def write(self, count: int = 4) -> None:
        """One batch over all shards, each record with the number of the batch."""
        self.written += 1
        vector = np.array([1, self.written], np.float32)
        batch = [NewRecord(f"r{at}", vector, {"n": self.written}) for at in range(count)]
        self.database.records.upsert(self.namespace, batch)

    def fold(self) -> None:
        for shard in self.namespace.each_shard:
            self.database.indexer.fold(shard)

    def back_up(self, **before: Callable[[], None]) -> _Meanwhile:
        directory = BackupDirectory(self.backups)
        directory.create()
        source = _Meanwhile(self.data, before)
        TakeBackup(source, directory, self.database.store, SystemClock(), release="0").run()
        return source

    def restore(self) -> Database:
        restore_backup(self.backups, None, self.restored)
        database = open_embedded(EmbeddedSettings(self.restored))
        for namespace in database.catalog.all_namespaces():
            verified = Verification(database.log, database.store).of(namespace)
            assert verified.damages == []
        return database


def _numbers(database: Database, name: str = "n", count: int = 4) -> list[int]:
    namespace = database.namespaces.get(DEFAULT_TENANT, name)
    found = database.records.fetch(namespace, [f"r{at}" for at in range(count)])
    return [int(str(record.metadata["n"])) for record in found.values()]


@pytest.mark.parametrize("shards", [1, 3])
def test_it_is_the_moment_of_the_log(tmp_path: Path, shards: int) -> None:
    """Writes and folds between the copies: what is restored is whole batches, none from before the backup missing."""
    place = _Directory(tmp_path, shards)
    place.write()
    place.fold()
    place.write()
    acknowledged = place.written

    def busy() -> None:
        place.write()
        for shard in place.namespace.each_shard[:1]:
            place.database.indexer.fold(shard)
        place.write()

    source = place.back_up(pointers=busy, log=busy, keyvalues=busy, catalog=busy)
    assert source.copies[-2:] == ["keyvalues", "catalog"]
    restored = place.restore()
    numbers = _numbers(restored)
    assert len(numbers) == 4
    assert len(set(numbers)) == 1  # a batch over several shards is there as a whole
    assert acknowledged <= numbers[0] <= place.written
    namespace = restored.namespaces.get(DEFAULT_TENANT, "n")
    vector = np.array([9, 9], np.float32)
    restored.records.upsert(namespace, [NewRecord("r0", vector, {"n": 999})])
    assert 999 in _numbers(restored)


def test_a_log_that_is_trimmed_meanwhile(tmp_path: Path) -> None:
    """Entries that are in no copied segment and no longer in the copied log: both are taken again."""
    place = _Directory(tmp_path)
    for _ in range(3):
        place.write()
        place.fold()
    times = iter(range(100))

    def trim() -> None:
        if next(times) < 2:
            for at in range(3):
                place.database.records.upsert(
                    place.namespace, [NewRecord(f"late{at}", np.ones(2, np.float32), {"n": at})]
                )
                place.fold()

    source = place.back_up(log=trim)
    assert source.copies.count("log") == 3
    restored = place.restore()
    assert restored.records.count(restored.namespaces.get(DEFAULT_TENANT, "n")) == 7


def test_a_log_that_is_always_trimmed(tmp_path: Path) -> None:
    """It gives up, saying so, and leaves nothing behind that looks like a backup."""
    place = _Directory(tmp_path)
    place.write()
    take_backup(place.data, place.backups, link=True, read_only=False)

    def trim() -> None:
        for _ in range(3):
            place.write()
            place.fold()

    with pytest.raises(Unavailable, match="trimmed faster"):
        place.back_up(log=trim)
    assert len(backups_in(place.backups)) == 1
    assert list((place.backups / "unfinished").glob("*")) == []
    assert _numbers(place.restore()) == [1, 1, 1, 1]


def test_segments_that_are_swept_meanwhile(tmp_path: Path) -> None:
    """A pointer that has moved on is read again."""
    place = _Directory(tmp_path)
    place.write()
    place.fold()
    times = iter(range(100))

    def replace() -> None:
        if next(times) == 1:
            for _ in range(3):
                place.write()
                place.fold()
            sweep(place.database.store, place.database.clock, place.namespace.partition, superseded_ms=0)

    source = place.back_up(blob=replace)
    assert source.copies.count("pointers") == 2
    assert _numbers(place.restore()) == [4, 4, 4, 4]


def test_namespaces_that_come_and_go(tmp_path: Path) -> None:
    """One that is deleted meanwhile is there whole or not at all; one that is created may be empty."""
    place = _Directory(tmp_path)
    place.write()
    place.fold()
    gone = place.create("gone")
    place.database.records.upsert(gone, [NewRecord("x", np.ones(2, np.float32))])
    place.database.indexer.fold(gone)
    for part in ("log", "keyvalues", "catalog"):
        name = f"late-{part}"
        made = place.create(f"going-{part}")
        place.database.records.upsert(made, [NewRecord("x", np.ones(2, np.float32))])
        place.database.key_values.put(made, NewItem("k", b"v"))
        happened: list[str] = []

        def change(name: str = name, victim: str = made.name, happened: list[str] = happened) -> None:
            if not happened:
                happened.append(name)
                place.database.namespaces.delete(DEFAULT_TENANT, victim)
                place.database.maintenance.run_once()
                place.create(name)

        place.back_up(**{part: change})
        restored = place.restore()
        names = [one.name for one in restored.catalog.all_namespaces()]
        assert "n" in names
        assert made.name not in names
        for one in restored.catalog.all_namespaces():
            restored.records.count(one)
            restored.namespaces.stats(one)
        place.restored = place.restored.with_name(f"restored-{part}")


def test_an_answer_is_remembered_only_with_its_write(tmp_path: Path) -> None:
    """An idempotency key whose write came after the log was copied must not be answered as done by the restored one."""
    place = _Directory(tmp_path)

    def answered(key: str) -> None:
        table = place.database.idempotency
        _remember(table, key)

    answered("before")
    place.back_up(log=lambda: answered("between"), catalog=lambda: answered("after"))
    restored = EmbeddedBackupSource(place.backups / "backups" / backups_in(place.backups)[0].name)
    assert {key for _, key in restored.answers()} == {"before"}


def _remember(table: Any, key: str) -> None:
    """A stored answer, as the HTTP layer leaves it."""
    now_ms = SystemClock().unix_ms()
    with_answer = table._database.write
    with_answer(
        lambda connection: (
            connection.execute(
                "INSERT INTO answers (tenant, key, fingerprint, lapses_at_ms, keep_until_ms, status)"
                " VALUES (?, ?, ?, ?, ?, 200)",
                ("default", key, b"f", now_ms + 60_000, now_ms + 60_000),
            ).rowcount
        )
    )


def test_a_second_backup_copies_what_is_new(tmp_path: Path) -> None:
    """Segment files are taken once; one that is there is neither linked nor read again."""
    place = _Directory(tmp_path)
    place.write()
    place.fold()
    first = take_backup(place.data, place.backups, link=True, read_only=False)
    again = take_backup(place.data, place.backups, link=True, read_only=False)
    own = [file for file in again.files if file.path.startswith("backups/")]
    assert (again.copied_files, len(again.files)) == (len(own), len(first.files))
    assert _segments(again) == _segments(first)
    place.write()
    place.fold()
    third = take_backup(place.data, place.backups, link=True, read_only=False)
    new = _segments(third) - _segments(first)
    assert third.copied_files == len(own) + len(new)
    linked = next(path for path in (place.backups / "segments").rglob("vectors"))
    assert linked.stat().st_nlink == 2


def _segments(backup: Backup) -> set[str]:
    return {file.path for file in backup.files if file.path.startswith("segments/")}


def test_copies_are_files_of_their_own(tmp_path: Path) -> None:
    """Without links, damage to the data directory does not reach the backup."""
    place = _Directory(tmp_path)
    place.write()
    place.fold()
    take_backup(place.data, place.backups, link=False, read_only=False)
    for path in (place.data / "segments" / "blobs").rglob("vectors"):
        path.write_bytes(b"damaged")
    assert _numbers(place.restore()) == [1, 1, 1, 1]


def test_damage_is_not_backed_up_in_silence(tmp_path: Path) -> None:
    """A segment file that is not what its manifest says fails the backup, and earlier ones stay."""
    place = _Directory(tmp_path)
    place.write()
    take_backup(place.data, place.backups, link=True, read_only=False)
    place.fold()
    path = next((place.data / "segments" / "blobs").rglob("vectors"))
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    with pytest.raises(Corrupted, match="checksum"):
        take_backup(place.data, place.backups, link=True, read_only=False)
    assert [backup.name for backup in backups_in(place.backups)] == [backups_in(place.backups)[0].name]
    assert _numbers(place.restore()) == [1, 1, 1, 1]


def test_a_broken_off_backup_changes_nothing(tmp_path: Path) -> None:
    """At whichever part: the earlier one is restored as it was, and the next goes on with what is there."""
    place = _Directory(tmp_path)
    place.write()
    place.fold()
    take_backup(place.data, place.backups, link=True, read_only=False)

    class Cut(Exception):
        """The process ends."""

    def cut() -> None:
        raise Cut

    for part in ("pointers", "blob", "log", "keyvalues", "catalog"):
        place.write()
        place.fold()
        with pytest.raises(Cut):
            place.back_up(**{part: cut})
        assert len(backups_in(place.backups)) == 1
    assert _numbers(place.restore()) == [1, 1, 1, 1]
    place.back_up()
    place.restored = tmp_path / "second"
    assert _numbers(place.restore()) == [place.written] * 4


def test_what_was_never_a_backup(tmp_path: Path) -> None:
    """A directory without backups says so."""
    (tmp_path / "empty").mkdir()
    for directory in (tmp_path / "none", tmp_path / "empty"):
        with pytest.raises(NotFound, match="no backups"):
            backups_in(directory)
