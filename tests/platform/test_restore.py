"""The platform's table on AWS goes back to what another table has, which was restored to a moment."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from quartzdb.adapters.aws.dynamodb_table import DynamoTable
from quartzdb.cli.main import cli
from quartzdb.domain.errors import InvalidArgument
from quartzdb_platform.adapters.dynamodb_documents import DynamoDocuments
from quartzdb_platform.aws_restoration import make_equal
from quartzdb_platform.ports import Delete, Put
from tests.aws_emulators import Emulators
from tests.manual_clock import ManualClock


def _said(*words: str) -> Any:
    done = CliRunner().invoke(cli, list(words), prog_name="quartzdb")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture
def two_tables(aws: Emulators, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str, DynamoDocuments]:
    """What is deployed, what was restored, and the documents of what is deployed, which went on after the moment."""
    emulator = aws.get("ministack")
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.endpoint_url)
    deployed, restored = emulator.new_place().table, emulator.new_place().table
    now, then = (
        DynamoDocuments(DynamoTable(emulator.dynamodb, name, ManualClock())) for name in (deployed, restored)
    )
    for documents in (now, then):
        for number in range(30):
            assert documents.transact([Put("ORG#a", f"member#{number:02}", {"role": "viewer"})])
        # Whatever these are called, they are the platform's.
        assert documents.transact([Put("KEY#a", "k", {"kept": False}), Put("USER#u", "gone", {"n": 1})])
    assert now.transact(
        [
            Put("ORG#a", "member#07", {"role": "owner"}, expected=1),
            Put("ORG#a", "member#30", {"role": "admin"}),
            Put("KEY#a", "k", {"kept": True}, expected=1),
            Delete("USER#u", "gone", expected=1),
        ]
    )
    return deployed, restored, now


def test_what_was_changed_made_and_deleted_since_is_undone(
    two_tables: tuple[str, str, DynamoDocuments],
) -> None:
    """First it only says so; done again there is nothing left to do."""
    deployed, restored, documents = two_tables
    words = ("platform", "restore", "--table", deployed, "--from", restored, "--json")
    said = _said(*words)
    assert said == {"applied": False, "put": 3, "deleted": 1}
    assert documents.get("ORG#a", "member#30") is not None
    assert _said(*words, "--apply") == {"applied": True, "put": 3, "deleted": 1}
    seventh, key = documents.get("ORG#a", "member#07"), documents.get("KEY#a", "k")
    assert seventh is not None
    assert (seventh.body, seventh.revision) == ({"role": "viewer"}, 1)
    assert key is not None
    assert key.body == {"kept": False}
    assert documents.get("ORG#a", "member#30") is None
    assert documents.get("USER#u", "gone") is not None
    assert _said(*words) == {"applied": False, "put": 0, "deleted": 0}


def test_a_table_is_not_restored_from_itself() -> None:
    """It would be emptied by nothing but a mistake of names."""
    with pytest.raises(InvalidArgument, match="cannot be copied onto itself"):
        make_equal("one", "one", apply=True)
