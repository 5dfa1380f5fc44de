"""Tenants on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quartzdb.domain.grant import TenantStatus
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.replication.ports import Checkpoint, Direction, Feed, SharedPart
from quartzdb.wiring.embedded import EmbeddedSettings, open_embedded
from quartzdb.wiring.replication import embedded_replication
from tests.aws_emulators import Emulators
from tests.cli.invoke import answer, refusal, run
from tests.cli.test_aws import answer as command_answer


def test_tenants_are_suspended_and_resumed(tmp_path: Path) -> None:
    """Each change is a later revision; saying a thing again is none."""
    database = open_embedded(EmbeddedSettings(tmp_path))
    database.namespaces.create("acme", "n", NamespaceSettings())
    expected = {"tenant": "acme", "status": "read_only", "revision": 1}
    assert answer(tmp_path, "tenants", "suspend", "acme", "--read-only") == expected
    expected = {"tenant": "acme", "status": "suspended", "revision": 2}
    for _ in range(2):
        assert answer(tmp_path, "tenants", "suspend", "acme") == expected
    assert database.tenants.grant("acme").status is TenantStatus.SUSPENDED
    other = {"tenant": "default", "status": "active", "revision": 0}
    assert answer(tmp_path, "tenants", "list") == {"tenants": [expected, other]}
    assert "suspended" in run(tmp_path, "tenants", "list").stdout
    assert answer(tmp_path, "tenants", "resume", "acme")["status"] == "active"
    assert database.tenants.grant("acme").status is TenantStatus.ACTIVE


def test_what_can_be_no_tenant_is_refused(tmp_path: Path) -> None:
    """Before anything is written."""
    answer(tmp_path, "namespaces", "create", "n")
    refusal(tmp_path, "tenants", "suspend", "no/tenant")
    assert [one["tenant"] for one in answer(tmp_path, "tenants", "list")["tenants"]] == ["default"]


def test_every_attempt_is_an_audit_line(tmp_path: Path) -> None:
    """With the tenant, what was said of it, and what came of it."""
    answer(tmp_path, "namespaces", "create", "n")
    for arguments, action, outcome in (
        (("suspend", "acme"), "tenant.suspended", "done"),
        (("suspend", "acme", "--read-only"), "tenant.read_only", "done"),
        (("resume", "acme"), "tenant.active", "done"),
        (("resume", "no/tenant"), "tenant.active", "invalid_argument"),
    ):
        said = run(tmp_path, "tenants", *arguments).stderr
        (line,) = [json.loads(text) for text in said.splitlines() if text.startswith('{"event": "audit"')]
        assert (line["action"], line["outcome"], line["tenant"]) == (action, outcome, arguments[1])
        assert line["operator"]


def test_tenants_on_aws(aws: Emulators, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same commands and answers as on a directory."""
    emulator = aws.get("ministack")
    made = emulator.new_place()
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.endpoint_url)
    monkeypatch.setenv("HOME", str(tmp_path))
    where = ("--table", made.table, "--bucket", made.bucket)
    expected = {"tenant": "acme", "status": "suspended", "revision": 1}
    assert command_answer("tenants", "suspend", "acme", *where) == expected
    other = {"tenant": "default", "status": "active", "revision": 0}
    assert command_answer("tenants", "list", *where) == {"tenants": [expected, other]}
    assert command_answer("tenants", "resume", "acme", *where) == {
        **expected,
        "status": "active",
        "revision": 2,
    }


def test_a_tenant_is_deleted_in_runs(tmp_path: Path) -> None:
    """The first says what is pending; one that has nothing any more is gone at once, and then not found."""
    database = open_embedded(EmbeddedSettings(tmp_path))
    database.namespaces.create("acme", "n", NamespaceSettings())
    said = answer(tmp_path, "tenants", "delete", "acme", "--yes")
    assert said == {
        "tenant": "acme",
        "gone": False,
        "namespaces_deleted": 1,
        "keys_revoked": 0,
        "namespaces_pending": 1,
        "keys_pending": 0,
        "files_pending": False,
    }
    assert "the data of 1 namespaces" in run(tmp_path, "tenants", "delete", "acme", "--yes").stdout
    answer(tmp_path, "tenants", "suspend", "empty")
    assert answer(tmp_path, "tenants", "delete", "empty", "--yes")["gone"] is True
    assert "nothing of a tenant" in refusal(tmp_path, "tenants", "delete", "empty", "--yes", exit_code=3)


def test_a_tenant_is_deleted_only_by_its_name(tmp_path: Path) -> None:
    """Typed once more, unless --yes."""
    answer(tmp_path, "namespaces", "create", "n")
    assert "Nothing was deleted" in refusal(tmp_path, "tenants", "delete", "default", stdin=b"defualt\n")
    assert [one["name"] for one in answer(tmp_path, "namespaces", "list")["namespaces"]] == ["n"]


def test_a_tenant_that_is_shared_is_not_deleted(tmp_path: Path) -> None:
    """Nor suspended, nor anything else: the other site would bring it back."""
    answer(tmp_path, "namespaces", "create", "docs")
    embedded_replication(tmp_path).checkpoints.write(
        Direction("east", "west", "default", "docs", Feed.RECORDS), Checkpoint()
    )
    said = refusal(tmp_path, "tenants", "delete", "default", "--yes", exit_code=4)
    assert "docs" in said
    assert answer(tmp_path, "tenants", "list")["tenants"][0]["status"] == "active"


def test_a_tenant_that_is_shared_is_deleted_everywhere(tmp_path: Path) -> None:
    """Where that is said: its grant tells the other site, and stays for that when nothing else is left."""
    database = open_embedded(EmbeddedSettings(tmp_path))
    answer(tmp_path, "tenants", "suspend", "acme")
    embedded_replication(tmp_path).checkpoints.write(
        Direction("east", "west", "acme", "docs", Feed.RECORDS), Checkpoint()
    )
    assert "--everywhere" in refusal(tmp_path, "tenants", "delete", "acme", "--yes", exit_code=4)
    assert answer(tmp_path, "tenants", "delete", "acme", "--yes", "--everywhere")["gone"] is True
    assert database.tenants.grant("acme").buried
    assert [one["tenant"] for one in answer(tmp_path, "tenants", "list")["tenants"]] == ["default"]
    assert answer(tmp_path, "tenants", "resume", "acme")["revision"] == 4
    assert not database.tenants.grant("acme").buried


def test_where_there_is_another_site_the_word_that_a_tenant_is_gone_stays(tmp_path: Path) -> None:
    """Though nothing of it is shared that would be in the way: the other site has its grant and its keys."""
    database = open_embedded(EmbeddedSettings(tmp_path))
    answer(tmp_path, "tenants", "suspend", "acme")
    embedded_replication(tmp_path).checkpoints.note_peer("west", SharedPart(all_namespaces=True))
    assert answer(tmp_path, "tenants", "delete", "acme", "--yes")["gone"] is True
    assert database.tenants.grant("acme").buried
