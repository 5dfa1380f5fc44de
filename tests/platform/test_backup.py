"""A backup of a data directory has the accounts, too, and they fit what it has of the database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from quartzdb.adapters.embedded.backup_directory import BackupDirectory
from quartzdb.adapters.embedded.backup_source import EmbeddedBackupSource
from quartzdb.adapters.embedded.filesystem_blobs import FilesystemBlobs
from quartzdb.adapters.embedded.sqlite_usage_journal import SqliteUsageJournal
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.domain.errors import Unauthenticated
from quartzdb.maintenance.backup.taking import TakeBackup
from quartzdb.storage.snapshot.store import SnapshotStore
from quartzdb.wiring.backup import restore_backup, take_backup
from quartzdb.wiring.embedded import EmbeddedSettings, open_embedded
from quartzdb_platform.api.app import create_app
from quartzdb_platform.local_platform import AUDIT_FILE, OUTBOX, PLATFORM_FILE, open_platform
from quartzdb_platform.settings import settings_of
from quartzdb_platform.wiring import Platform
from tests.platform.conftest import Mailbox, Person

EMAIL = "ada@example.com"


class _Machine:
    """A data directory with a platform in it, and somebody who is signed in there."""

    def __init__(self, data_dir: Path) -> None:
        self.database = open_embedded(EmbeddedSettings(data_dir))
        self.platform: Platform = open_platform(
            self.database, data_dir, settings_of({}, "https://db.example.com")
        )
        self.http = TestClient(create_app(self.platform), base_url="https://db.example.com")
        self.mailbox = Mailbox(data_dir / OUTBOX)

    def sign_up(self) -> Person:
        assert self.http.post("/platform/v1/sign-in", json={"email": EMAIL}).status_code == 202
        proof = {"email": EMAIL, "code": self.mailbox.code(EMAIL)}
        answer = self.http.post("/platform/v1/sign-in/verify", json=proof)
        assert answer.status_code == 200, answer.text
        self.http.cookies.clear()
        return Person(self.http, EMAIL, answer.json()["token"])


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    directory = tmp_path / "data"
    directory.mkdir()
    return directory


def test_accounts_come_back_as_they_were(data_dir: Path, tmp_path: Path) -> None:
    """Sessions, projects and the audit log with the keys that they made; what came later is in neither."""
    machine = _Machine(data_dir)
    ada = machine.sign_up()
    started = ada.must("POST", "/start", {})
    project, key = started["project"]["id"], started["key"]["key"]
    backup = take_backup(data_dir, tmp_path / "backups", link=True, read_only=False)
    assert {PLATFORM_FILE, AUDIT_FILE} <= {file.restored_to for file in backup.files}
    late = ada.must("POST", f"/projects/{project}/keys", {"name": "late", "scopes": ["read"]})
    ada.must("POST", f"/organizations/{started['organization']['id']}/projects", {"name": "late"})

    restored = tmp_path / "restored"
    restore_backup(tmp_path / "backups", None, restored)
    again = _Machine(restored)
    same = Person(again.http, EMAIL, ada.token)
    organization = started["organization"]["id"]
    assert [one["id"] for one in same.must("GET", f"/organizations/{organization}/projects")] == [project]
    assert [one["name"] for one in same.must("GET", f"/projects/{project}/keys")] == ["first"]
    assert same.must("GET", f"/organizations/{organization}/audit/verify")["whole"] is True
    assert again.database.api_keys.authenticate(key).tenant == project
    with pytest.raises(Unauthenticated):
        again.database.api_keys.authenticate(late["key"])


class _Meanwhile(EmbeddedBackupSource):
    """A data directory where something happens between the copy of the journal and that of the documents."""

    def __init__(self, data_dir: Path, happens: Callable[[], None]) -> None:
        super().__init__(data_dir)
        self._happens = happens

    def copy_platform(self, target: Path) -> bool:
        self._happens()
        return super().copy_platform(target)


def test_no_line_of_usage_is_lost_or_passed_over(data_dir: Path, tmp_path: Path) -> None:
    """Lines applied between the two copies are in the journal's; the next line's number is beyond what was noted."""
    _Machine(data_dir)
    journal = SqliteUsageJournal(data_dir / "usage.db")
    for number in range(3):
        journal.take(f"line {number}".encode())
    journal.write()

    def applied() -> None:
        journal.take(b"written and applied meanwhile")
        journal.write()
        journal.forget(4)

    store = SnapshotStore(FilesystemBlobs(data_dir / "segments", SystemClock(), read_only=True))
    destination = BackupDirectory(tmp_path / "backups")
    destination.create()
    source = _Meanwhile(data_dir, applied)
    backup = TakeBackup(source, destination, store, SystemClock(), release="test").run()
    restore_backup(tmp_path / "backups", backup.name, tmp_path / "restored")
    copy = SqliteUsageJournal(tmp_path / "restored" / "usage.db")
    assert [line for _, line in copy.read(0, 10)] == [b"line 0", b"line 1", b"line 2"]
    copy.take(b"after the restoration")
    copy.write()
    assert [line for _, line in copy.read(4, 10)] == [b"after the restoration"], (
        "four were applied by the documents"
    )


def test_a_directory_without_a_platform_has_none_in_its_backup(data_dir: Path, tmp_path: Path) -> None:
    """Nor is one made by taking it."""
    open_embedded(EmbeddedSettings(data_dir))
    backup = take_backup(data_dir, tmp_path / "backups", link=True, read_only=False)
    assert {"platform.db", "usage.db"}.isdisjoint(file.restored_to for file in backup.files)
    assert not (data_dir / "platform.db").exists()
