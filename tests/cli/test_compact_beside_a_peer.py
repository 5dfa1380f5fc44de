"""`quartzdb compact` on one of two sites drops nothing that the other one may still ask for."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from quartzdb.cli.database_location import Deployment
from quartzdb.cli.serve.peer import PeerOptions
from quartzdb.cli.serve.worker import application
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.replication.ports import Checkpoint, Checkpoints, Direction, Feed, SharedPart
from quartzdb.replication.retention import NOTHING_NEEDED, RecordedRetention
from quartzdb.wiring.aws import AwsSettings
from quartzdb.wiring.embedded import Database
from quartzdb.wiring.replication import embedded_replication
from quartzdb.wiring.replication_aws import aws_replication
from tests.aws_emulators import REGION, Emulators
from tests.cli.invoke import answer, books, run, write_jsonl
from tests.doubles.memory_checkpoints import MemoryCheckpoints
from tests.manual_clock import ManualClock

DELETED = ["b1", "b2"]


def two_sites(secret: Path) -> PeerOptions:
    secret.write_text("the-secret-of-both-sites\n")
    return PeerOptions("here", "there", shared_namespaces="all", replication_secret_file=str(secret))


def written_and_compacted(data: Path, *options: str) -> None:
    """Two records of four are deleted, and everything is rewritten."""
    rows = [{"id": f"b{n}", "vector": [1.0, n + 1.0]} for n in range(4)]
    answer(
        data, "import", write_jsonl(data.parent / "a.jsonl", rows), "--namespace", "n", "--create", *options
    )
    answer(data, "compact")
    answer(data, "records", "delete", *DELETED, "--namespace", "n")
    answer(data, "compact", "--reclaim")


def deletions(database: Database) -> list[str]:
    """What a peer reads that begins anew."""
    assert database.replication is not None
    (shared,) = database.replication.replica.namespaces()
    page = database.replication.replica.changes(shared, Feed.RECORDS, None)
    return [change.id for change in page.changes if type(change).__name__ == "Delete"]  # type: ignore[union-attr]


def test_what_a_server_noted_of_its_peer_holds_for_a_command(tmp_path: Path) -> None:
    """Also where the other site drives, so that there is no checkpoint here. The feed is there from its beginning."""
    data, peer = tmp_path / "data", two_sites(tmp_path / "secret")
    application(data, peer)
    gc.collect()
    written_and_compacted(data)
    _, database = application(data, peer)
    assert deletions(database) == DELETED
    assert "shared with another site" in run(data, "compact").stderr


def test_a_site_that_is_alone_drops_them(tmp_path: Path) -> None:
    """So the test above would see it."""
    data = tmp_path / "data"
    written_and_compacted(data)
    assert answer(data, "verify")["log_entries"] == 0
    assert "shared" not in run(data, "compact").stderr


def test_checkpoints_speak_for_a_directory_of_an_earlier_release(tmp_path: Path) -> None:
    """Which noted no peer: whatever one of them is of is kept, and nothing else."""
    data = tmp_path / "data"
    answer(data, "import", write_jsonl(tmp_path / "b.jsonl", books(4)), "--namespace", "other", "--create")
    direction = Direction("here", "there", "default", "n", Feed.RECORDS)
    embedded_replication(data).checkpoints.write(direction, Checkpoint("at the end", retained_from=1 << 62))
    written_and_compacted(data)
    assert answer(data, "verify")["log_entries"] > 0
    assert "n: shared" in run(data, "compact").stderr


def test_a_deployment_is_looked_at_in_the_same_way(
    aws: Emulators, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its replicator has left checkpoints in the table."""
    emulator = aws.get("ministack")
    place = emulator.new_place()
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.endpoint_url)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    deployment = Deployment(place.table, place.bucket, REGION)
    settings = deployment.settings()
    assert isinstance(settings, AwsSettings)
    checkpoints: Checkpoints = aws_replication(settings).checkpoints
    checkpoints.write(Direction("aws", "cloudflare", "default", "n", Feed.RECORDS), Checkpoint())
    kept = deployment.recorded_retention()
    namespace, _ = deployment.open().namespaces.create("default", "n", NamespaceSettings(2))
    assert 0 < kept.tombstones_needed_from(namespace.partition) < NOTHING_NEEDED
    assert kept.shared("default", "n")
    assert not kept.shared("default", "m")


def test_tenants_that_are_not_shared_are_not_kept() -> None:
    """What was noted of a peer says of whom anything is."""
    checkpoints = MemoryCheckpoints()
    kept = RecordedRetention(checkpoints, ManualClock())
    checkpoints.note_peer("there", SharedPart(False, ("acme",)))
    assert kept.shared("acme", "default")
    assert not kept.shared("acme", "n")
    assert not kept.shared("other", "default")
