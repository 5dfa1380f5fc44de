"""API keys on the command line."""

from __future__ import annotations

import json
from pathlib import Path

from quartzdb.wiring.embedded import EmbeddedSettings, open_embedded
from tests.cli.invoke import answer, refusal, run


def test_a_created_key_authenticates(tmp_path: Path) -> None:
    """`keys create --json` prints exactly the key and what it is, and the database accepts it."""
    created = answer(tmp_path, "keys", "create", "--name", "ci", "--scopes", "write, read")
    assert set(created) == {"key", "id", "name", "scopes", "namespaces"}
    assert created["scopes"] == ["write", "read"]
    principal = open_embedded(EmbeddedSettings(tmp_path)).api_keys.authenticate(created["key"])
    assert principal.key_id == created["id"]
    assert principal.scopes == {"read", "write"}


def test_a_list_never_shows_a_key(tmp_path: Path) -> None:
    """Only what was stored can be listed, and a key is not stored."""
    created = answer(tmp_path, "keys", "create", "--name", "ci", "--expires-in", "30d")
    (listed,) = answer(tmp_path, "keys", "list")["keys"]
    assert (listed["id"], listed["status"]) == (created["id"], "active")
    # It counts from when the command began.
    assert 0 <= listed["created_at_ms"] + 30 * 86_400_000 - listed["expires_at_ms"] < 60_000
    for text in (run(tmp_path, "keys", "list").stdout, str(listed)):
        assert created["key"].rsplit("_", 1)[1] not in text


def test_a_revoked_key_stays_listed(tmp_path: Path) -> None:
    """Revoking ends a key and keeps its trace; an unknown id is an error."""
    created = answer(tmp_path, "keys", "create", "--name", "ci")
    answer(tmp_path, "keys", "revoke", created["id"])
    assert [key["status"] for key in answer(tmp_path, "keys", "list")["keys"]] == ["revoked"]
    assert "There is no API key" in refusal(tmp_path, "keys", "revoke", "000000000000", exit_code=3)


def test_a_person_reads_the_key_once(tmp_path: Path) -> None:
    """Without --json the key comes with what to do with it."""
    said = run(tmp_path, "keys", "create", "--name", "me").stdout
    assert "qdb_live_" in said
    assert "cannot be shown again" in said


def test_every_attempt_to_change_keys_is_an_audit_line(tmp_path: Path) -> None:
    """On stderr, with who did what to which key and what came of it, and never with a key in it."""

    def line(stderr: str) -> dict[str, object]:
        (found,) = [text for text in stderr.splitlines() if text.startswith('{"event": "audit"')]
        document: dict[str, object] = json.loads(found)
        assert set(document) == {
            "event", "at", "tenant", "key_id", "operator", "action", "target", "outcome"
        }  # fmt: skip
        assert document["operator"]
        return document

    made = run(tmp_path, "keys", "create", "--name", "ci", "--json")
    key = json.loads(made.stdout)
    created = line(made.stderr)
    assert (created["action"], created["target"], created["outcome"]) == ("key.create", key["id"], "done")
    assert key["key"].rsplit("_", 1)[1] not in made.stderr
    refused = line(refusal(tmp_path, "keys", "create", "--name", "ci", "--scopes", "root"))
    assert (refused["target"], refused["outcome"]) == (None, "invalid_argument")
    ended = line(run(tmp_path, "keys", "revoke", key["id"]).stderr)
    assert (ended["action"], ended["target"], ended["outcome"]) == ("key.revoke", key["id"], "done")
    missing = line(refusal(tmp_path, "keys", "revoke", "000000000000", exit_code=3))
    assert (missing["target"], missing["outcome"]) == ("000000000000", "not_found")
    assert "audit" not in run(tmp_path, "keys", "list").stderr
