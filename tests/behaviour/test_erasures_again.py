"""What was erased does not come back with a restored state: not in answers, and after maintenance not in files.

Restoring a table is DynamoDB's, and no emulator goes back in time, so a copy made at the moment stands for it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from quartzdb.adapters.embedded.file_reminders import FileReminders
from quartzdb.cli.full_compaction import fold_and_merge_all
from quartzdb.domain.erasure import Erasure
from quartzdb.domain.errors import Corrupted, Unauthenticated, Unavailable
from quartzdb.domain.filter import parse
from quartzdb.domain.grant import TenantGrant
from quartzdb.domain.namespace import Namespace, NamespaceSettings
from quartzdb.services.record_rules import NewRecord
from quartzdb.storage.erasure_reminders import ErasureReminders
from quartzdb.wiring.backup import Restored, backups_in, prune_backups, restore_backup, take_backup
from quartzdb.wiring.embedded import Database
from tests.aws_emulators import Emulators
from tests.behaviour.test_erasure import IDS, KEYS, settle, status_of, with_neighbours
from tests.behaviour.test_nothing_left import MARKER, stored, with_marker, write_marked, write_tenant
from tests.behaviour.test_restore import Site
from tests.embedded import Embedded, embedded
from tests.maintenance_deployment import deployed
from tests.manual_clock import ManualClock
from tests.stream_driver import LambdaContext

OF_MARKED = parse({"text": {"$exists": True}})


@dataclass
class Backed:
    """A database with marked records, some in segments and some in the log, backed up."""

    root: Path
    site: Embedded
    database: Database
    namespace: Namespace

    @property
    def backups(self) -> Path:
        return self.root / "backups"

    def back_up(self) -> str:
        self.site.clock.seconds += 120
        made = take_backup(
            self.site.directory, self.backups, link=False, read_only=False, clock=self.site.clock
        )
        self.site.clock.seconds += 120
        return made.name

    def restore(
        self, name: str | None = None, *, erasures_of: Sequence[Path] = ()
    ) -> tuple[Restored, Embedded]:
        place = self.root / "restored"
        shutil.rmtree(place, ignore_errors=True)
        restored = restore_backup(self.backups, name, place, erasures_of=erasures_of, clock=self.site.clock)
        return restored, Embedded(place, self.site.clock)


@pytest.fixture
def backed(tmp_path: Path) -> Backed:
    site = embedded(tmp_path / "data")
    database = site.open()
    namespace = with_neighbours(database, NamespaceSettings(8, shards=2))
    write_marked(database, namespace, "a")
    settle(database, site.clock)
    write_marked(database, namespace, "b")
    place = Backed(tmp_path, site, database, namespace)
    place.back_up()
    return place


def served(database: Database) -> set[str]:
    """The marked ids and keys that a client can find, by every way to list them."""
    namespace = database.namespaces.get("t", "n")
    ids = database.records.list(namespace, limit=1_000).items
    fetched = database.records.fetch(namespace, IDS)
    keys = database.key_values.list(namespace, limit=1_000).items
    assert database.records.count(namespace) == len(ids)
    return {one for one in [*ids, *fetched, *(item.key for item in keys)] if MARKER in one}


def erase_all(database: Database, namespace: Namespace) -> list[str]:
    """By ids, by a filter and by keys."""
    erasures = database.erasures
    begun = [
        erasures.of_ids(namespace, [one for one in IDS if "-a" in one]),
        erasures.of_matching(namespace, OF_MARKED),
        erasures.of_keys(namespace, [*KEYS, f"{MARKER}-b", "large-b"]),
    ]
    return [one.erasure.id for one in begun]


def test_a_restored_backup_is_erased_before_it_is_a_database(backed: Backed) -> None:
    """Nothing is served from the first moment on, and after one pass nothing is in files but names of deleted keys."""
    begun = erase_all(backed.database, backed.namespace)
    restored, site = backed.restore()
    again = restored.erased_again
    assert (again.erasures, again.records, again.keys, restored.unknown) == (3, 8, 4, None)
    database = site.open()
    assert served(database) == set()
    assert database.records.count(backed.namespace) == 100
    assert not status_of(database.erasures.report(backed.namespace, begun[0]))["segments"]
    settle(database, site.clock)
    assert status_of(database.erasures.report(backed.namespace, begun[0]))["segments"]
    assert {name.partition("-")[0] for name in with_marker(site.directory)} == {"keyvalue.db"}
    site.clock.seconds += 8 * 86_400
    settle(database, site.clock)
    database.scrub()
    assert with_marker(site.directory) == set()


def test_reminders_have_no_names_in_the_clear(backed: Backed) -> None:
    """Neither beside the database nor beside its backups."""
    erase_all(backed.database, backed.namespace)
    backed.back_up()
    for place in (backed.site.directory / "erasures", backed.backups / "erasures"):
        assert FileReminders(place).names("reminders/")
        assert with_marker(place) == set()


def test_what_was_written_again_stays(backed: Backed) -> None:
    """An erasure takes what was there by then, wherever it is done again."""
    backed.database.erasures.of_ids(backed.namespace, IDS)
    again = [NewRecord(IDS[0], np.ones(8, np.float32), {"text": "written again"})]
    backed.database.records.upsert(backed.namespace, again)
    take_backup(
        backed.site.directory, backed.backups, link=False, read_only=False, clock=backed.site.clock
    )  # within the margin of clocks
    restored, site = backed.restore()
    assert (restored.erased_again.erasures, restored.erased_again.records) == (1, 1)
    assert served(site.open()) == {IDS[0], *(key for key in (f"{MARKER}-a", f"{MARKER}-b"))}


def test_an_older_backup_of_a_lost_directory(backed: Backed) -> None:
    """Later backups of it know. What was erased after the last is unknown, and that is said, unless a copy is named."""
    (first,) = [one.name for one in backups_in(backed.backups)]
    backed.database.erasures.of_matching(backed.namespace, OF_MARKED)
    backed.back_up()
    backed.database.erasures.of_keys(backed.namespace, [*KEYS, f"{MARKER}-b", "large-b"])
    elsewhere = backed.root / "elsewhere"
    backed.site.directory.rename(elsewhere)
    restored, site = backed.restore(first)
    assert restored.unknown == backed.site.directory
    assert served(site.open()) == {f"{MARKER}-a", f"{MARKER}-b"}
    restored, site = backed.restore(first, erasures_of=[elsewhere])
    assert restored.unknown is None
    assert served(site.open()) == set()
    take_backup(site.directory, backed.root / "others", link=False, read_only=False, clock=site.clock)
    assert len(FileReminders(backed.root / "others" / "erasures").names("reminders/")) == 3, (
        "it remembers them, too"
    )


def test_an_erasure_that_was_cut_off_behind_its_deletion(
    backed: Backed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By filter: the same request cannot find the records again, but a restored backup has lost them all the same."""

    def away(name: str, put: Callable[[str, bytes], None], data: bytes) -> None:
        if name.endswith("-done"):
            raise Unavailable("The disk is full.")
        put(name, data)

    put = FileReminders.put
    monkeypatch.setattr(
        FileReminders, "put", lambda self, name, data: away(name, lambda n, d: put(self, n, d), data)
    )
    with pytest.raises(Unavailable):
        backed.database.erasures.of_matching(backed.namespace, OF_MARKED)
    monkeypatch.undo()
    assert backed.database.erasures.of_matching(backed.namespace, OF_MARKED).erasure.records == 0
    _, site = backed.restore()
    assert {one for one in served(site.open()) if one in IDS} == set()


def test_reminders_end_with_the_backups_that_need_them(backed: Backed) -> None:
    """Pruned with the last backup from before the erasure; beside the database after 400 days."""
    erase_all(backed.database, backed.namespace)
    backed.back_up()
    there = FileReminders(backed.backups / "erasures")
    prune_backups(backed.backups, 2)
    assert len(there.names("reminders/")) == 4
    prune_backups(backed.backups, 1)
    assert there.names("reminders/") == []
    here = FileReminders(backed.site.directory / "erasures")
    settle(backed.database, backed.site.clock)
    assert len(here.names("reminders/")) == 4
    backed.site.clock.seconds += 400 * 86_400
    settle(backed.database, backed.site.clock)
    assert here.names("reminders/") == []


def test_damaged_reminders_restore_nothing(backed: Backed) -> None:
    """Rather no database than one with what was erased."""
    erase_all(backed.database, backed.namespace)
    store = FileReminders(backed.site.directory / "erasures")
    (key,) = store.names("keys/")
    store.put(key, bytes(32))
    with pytest.raises(Corrupted, match="is missing, or another one"):
        backed.restore()
    store.remove([key])
    with pytest.raises(Corrupted, match="is missing, or another one"):
        backed.restore()
    store.put(store.names("reminders/")[0], b"{}")
    with pytest.raises(Corrupted, match="cannot be read"):
        backed.restore()
    assert list((backed.root / "restored").iterdir()) == []


def test_a_second_key_is_no_harm(backed: Backed) -> None:
    """Two processes may each make one; names are found by either."""
    places = []
    for number, ids in enumerate((IDS[:4], IDS[4:])):
        places.append(backed.root / f"apart-{number}")
        store = FileReminders(places[-1] / "erasures")
        key = bytes([number]) * 32
        erasure = Erasure(
            f"{backed.site.clock.unix_ms():012x}{number}", backed.site.clock.unix_ms(), 4, 0, False
        )
        version = backed.database.versions.now()
        ErasureReminders(store, make_key=partial(bytes, key)).done(backed.namespace, erasure, ids, version)
    restored, site = backed.restore(erasures_of=places)
    assert restored.erased_again.records == 8
    assert served(site.open()) == {f"{MARKER}-a", f"{MARKER}-b"}


def test_a_deployment_that_is_restored(
    aws: Emulators, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To a moment before the erasures: nothing of them is served, done twice neither; maintenance does the rest."""
    with deployed(aws.get("ministack"), tmp_path) as maintained:
        emulator, place = maintained.emulator, maintained.place
        emulator.s3.put_bucket_versioning(Bucket=place.bucket, VersioningConfiguration={"Status": "Enabled"})
        monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.endpoint_url)
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        site = Site(emulator, place, tmp_path / "work")
        database = site.open()
        namespace = with_neighbours(database, NamespaceSettings(8))
        write_marked(database, namespace, "a")
        fold_and_merge_all(database, namespace)
        write_marked(database, namespace, "b")
        then, table = site.moment(), site.restored_table()
        begun = erase_all(database, namespace)
        assert served(site.open()) == set()

        code, said = site.restore(then, table)
        assert (code, said["erased_again"]) == (0, None)
        for _ in range(2):
            code, said = site.restore(then, table, "--apply")
            assert (code, said["incomplete"]) == (0, [])
            assert said["erased_again"] == {
                "erasures": 3,
                "records": 8,
                "keys": 4,
                "tenants": 0,
                "namespaces": 0,
            }
            assert served(site.open()) == set()
        # The same where the deployed table is the restored one.
        code, said = site.restore(then, None, "--apply")
        assert code == 0
        assert [said["erased_again"][name] for name in ("erasures", "records", "keys")] == [3, 0, 0]

        run = maintained.compactor()
        for _ in range(8):
            maintained.clock.seconds += 61
            run({"action": "maintain"}, LambdaContext())
            if status_of(site.open().erasures.report(namespace, begun[0]))["segments"]:
                break
        else:
            raise AssertionError("it is not gone after so many runs")
        assert {key.partition("#")[0] for key, data in stored(maintained) if MARKER.encode() in data} <= {
            "KV"
        }
        assert not [key for key, data in stored(maintained) if f"{MARKER} ".encode() in data]
        assert site.open().records.count(namespace) == 100


# --- deleted namespaces and tenants ---


def delete_tenant(database: Database, clock: ManualClock, tenant: str) -> None:
    """In as many runs as it takes, with maintenance beside."""
    deletion = database.tenant_deletion()
    while not deletion.run(tenant).gone:
        settle(database, clock)
        clock.seconds += 61


def test_a_deleted_tenant_stays_deleted(backed: Backed) -> None:
    """Namespaces, keys and grant: none is there from the first moment on, nor in files after maintenance. Others
    are.
    """
    database, clock = backed.database, backed.site.clock
    key = write_tenant(database, "u")
    database.tenants.put(TenantGrant("u", 7, plan=MARKER))
    _, others_key = database.api_keys.create("t", "k", ["read"])
    erase_all(database, backed.namespace)
    name = backed.back_up()
    delete_tenant(database, clock, "u")
    restored, site = backed.restore(name)
    assert (restored.erased_again.tenants, restored.erased_again.namespaces) == (1, 2)
    again = site.open()
    assert again.catalog.list("u", prefix="", after=None, limit=1) == []
    assert again.tenants.list() == []
    with pytest.raises(Unauthenticated):
        again.api_keys.authenticate(key)
    assert again.api_keys.authenticate(others_key).tenant == "t"
    assert again.records.count(again.namespaces.get("t", "n")) == 100
    settle(again, site.clock)
    site.clock.seconds += 8 * 86_400
    settle(again, site.clock)
    again.scrub()
    assert with_marker(site.directory) == set()


def test_a_tenant_of_the_same_name_that_came_later_stays(backed: Backed) -> None:
    """Though it lies within what two clocks may be apart."""
    database, clock = backed.database, backed.site.clock
    database.namespaces.create("u", "old", NamespaceSettings(8))
    delete_tenant(database, clock, "u")
    clock.seconds += 1
    database.namespaces.create("u", "new", NamespaceSettings(8))
    _, key = database.api_keys.create("u", "k", ["read"])
    database.tenants.put(TenantGrant("u", 1, plan="pro"))
    take_backup(backed.site.directory, backed.backups, link=False, read_only=False, clock=clock)
    restored, site = backed.restore()
    assert (restored.erased_again.tenants, restored.erased_again.namespaces) == (0, 0)
    again = site.open()
    assert [one.name for one in again.catalog.list("u", prefix="", after=None, limit=9)] == ["new"]
    assert again.api_keys.authenticate(key).tenant == "u"
    assert again.tenants.grant("u").plan == "pro"


def test_a_deleted_namespace_comes_back_but_for_what_was_erased(backed: Backed) -> None:
    """Which is what restoring is for: who wants it gone for good erases what it has, and then deletes it."""
    database = backed.database
    erase_all(database, backed.namespace)
    database.namespaces.delete("t", "n")
    other = database.namespaces.create("t", "other", NamespaceSettings(8))[0]
    write_marked(database, other, "a")
    name = backed.back_up()
    database.namespaces.delete("t", "other")
    _, site = backed.restore()
    again = site.open()
    assert again.records.count(again.namespaces.get("t", "other")) == 4
    (first, *_) = [one.name for one in backups_in(backed.backups)]
    assert first != name
    _, site = backed.restore(first)
    assert served(site.open()) == set()


def test_reminders_of_tenants_end_with_the_others(backed: Backed) -> None:
    """With the last backup from before, and after 400 days beside the database."""
    database, clock = backed.database, backed.site.clock
    database.namespaces.create("u", "n", NamespaceSettings(8))
    delete_tenant(database, clock, "u")
    backed.back_up()
    here, there = (FileReminders(place / "erasures") for place in (backed.site.directory, backed.backups))
    assert here.names("tenants/")
    assert sorted(here.names("tenants/")) == sorted(there.names("tenants/"))
    prune_backups(backed.backups, 1)
    assert there.names("tenants/") == []
    clock.seconds += 401 * 86_400
    settle(database, clock)
    assert here.names("tenants/") == []


def test_a_deployment_that_is_restored_to_before_deletions(
    aws: Emulators, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tenant stays deleted, also when it is done twice; a namespace comes back, and the command names it."""
    with deployed(aws.get("ministack"), tmp_path) as maintained:
        emulator, place = maintained.emulator, maintained.place
        emulator.s3.put_bucket_versioning(Bucket=place.bucket, VersioningConfiguration={"Status": "Enabled"})
        monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.endpoint_url)
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        site = Site(emulator, place, tmp_path / "work")
        database = site.open()
        write_tenant(database, "u")
        kept, _ = database.namespaces.create("t", "n", NamespaceSettings(8))
        write_marked(database, kept, "a")
        then, table = site.moment(), site.restored_table()
        database.namespaces.delete("t", "n")
        database.tenant_deletion().run("u")

        code, said = site.restore(then, table)
        assert (code, said["namespaces_back"]) == (0, ["t/n", "u/m", "u/n"])
        code, said = site.restore(then, table, "--apply")
        assert (code, said["incomplete"], said["namespaces_back"]) == (0, [], ["t/n"])
        assert (said["erased_again"]["tenants"], said["erased_again"]["namespaces"]) == (1, 2)
        code, said = site.restore(then, table, "--apply")
        assert (code, said["incomplete"], said["namespaces_back"]) == (0, [], [])
        again = site.open()
        assert again.records.count(again.namespaces.get("t", "n")) == 4
        assert again.catalog.list("u", prefix="", after=None, limit=1) == []
