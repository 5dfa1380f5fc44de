"""`quartzdb origin`: what an operator asks for is stored, published and kept."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from quartzdb.adapters.aws.dynamodb_origin_states import DynamoOriginStates
from quartzdb.adapters.aws.dynamodb_table import DynamoTable
from quartzdb.adapters.embedded.sqlite_database import SqliteDatabase
from quartzdb.adapters.embedded.sqlite_origin_states import SqliteOriginStates
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.cli.main import cli
from quartzdb.routing.decision.override import HEADER, verify_override
from quartzdb.routing.decision.policy import first_state
from quartzdb.routing.decision.probe_memory import encode_memory, no_memory
from quartzdb.routing.decision.rules import DEFAULT_RULES
from quartzdb.routing.decision.state import Origin, RoutingState, decode_state
from quartzdb.routing.decision.window import Probe, Reason
from quartzdb.routing.ports import PUBLISHED_KEY
from quartzdb.wiring.aws_clients import AwsClients, AwsEndpoints
from tests.aws_emulators import REGION, Emulators
from tests.cli.invoke import answer, refusal, run

SECRET = "a secret of the edge"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A data directory that no probe has begun a state in."""
    run(tmp_path, "keys", "create", "--name", "first")
    return tmp_path


@pytest.fixture
def location(empty: Path) -> Path:
    """One with the first state."""
    with SqliteDatabase(empty / "catalog.db") as database:
        assert SqliteOriginStates(database).replace(first_state(Origin.CLOUDFLARE, 1_000))
    return empty


def _published(location: Path) -> RoutingState:
    return decode_state((location / PUBLISHED_KEY).read_bytes())


def test_a_failover_is_stored_published_and_pinned(location: Path) -> None:
    """And said again in the status."""
    done = answer(location, "origin", "failover")
    assert (done["active"], done["pinned"], done["epoch"], done["changed"]) == ("aws", True, 2, True)
    assert _published(location).active is Origin.AWS
    assert _published(location).pinned
    status = answer(location, "origin", "status")
    assert {name: status[name] for name in ("active", "mode", "revision")} == {
        "active": "aws",
        "mode": "failed_over",
        "revision": 2,
    }
    assert "failover to aws" in status["reason"]


def test_a_failover_names_its_target(location: Path) -> None:
    """Given twice it changes nothing more; to the active origin it pins that."""
    answer(location, "origin", "failover", "--to", "aws")
    again = answer(location, "origin", "failover", "--to", "aws")
    assert (again["changed"], again["epoch"]) == (False, 2)
    back = answer(location, "origin", "failover", "--to", "cloudflare")
    assert (back["active"], back["pinned"], back["mode"]) == ("cloudflare", True, "direct")


def test_auto_and_failback_leave_it_to_the_probe(location: Path) -> None:
    """The origin stays until the rules allow the return."""
    for command in ("auto", "failback"):
        answer(location, "origin", "failover", "--to", "aws")
        done = answer(location, "origin", command)
        assert (done["active"], done["pinned"]) == ("aws", False)
        assert not answer(location, "origin", command)["changed"]
        assert not _published(location).pinned


def test_a_forced_failback_is_at_once(location: Path) -> None:
    """Whatever the lag."""
    answer(location, "origin", "failover")
    done = answer(location, "origin", "failback", "--force")
    assert (done["active"], done["mode"], done["pinned"], done["epoch"]) == ("cloudflare", "direct", False, 3)


def test_an_origin_is_drained_and_taken_back(location: Path) -> None:
    """The active one stays until the probe finds the other well."""
    drained = answer(location, "origin", "drain", "cloudflare")
    assert (drained["drained"], drained["active"]) == (["cloudflare"], "cloudflare")
    assert _published(location).drained == {Origin.CLOUDFLARE}
    assert answer(location, "origin", "undrain", "cloudflare")["drained"] == []
    assert "invalid" in refusal(location, "origin", "drain", "azure", exit_code=2).lower()


def test_every_change_is_an_audit_line(location: Path) -> None:
    """On stderr, with who made it; what changes nothing is none."""
    first, second = run(location, "origin", "failover"), run(location, "origin", "failover", "--to", "aws")
    assert "audit: operator " in first.stderr
    assert "revision 2" in first.stderr
    assert "audit" not in second.stderr
    assert "Nothing was changed" in second.stdout


def test_status_says_what_the_probe_knows(location: Path) -> None:
    """Of both origins, as it is now."""
    now_ms = int(time.time() * 1000)
    memory = dict(no_memory())
    for age in (3, 2, 1):
        probe = Probe(False, now_ms - age * 1_000, 12, Reason.DNS)
        memory[Origin.CLOUDFLARE] = memory[Origin.CLOUDFLARE].after(Origin.CLOUDFLARE, probe, DEFAULT_RULES)
    with SqliteDatabase(location / "catalog.db") as database:
        SqliteOriginStates(database).write_memory(encode_memory(memory, DEFAULT_RULES))
    origins = answer(location, "origin", "status")["origins"]
    assert origins["cloudflare"] == {
        "verdict": "failed",
        "breaker": "open",
        "probes": 3,
        "failed": 3,
        "latest": "dns",
        "latency_ms": 12,
    }
    assert origins["aws"]["verdict"] == "unknown"
    text = run(location, "origin", "status").stdout
    assert "cloudflare  failed" in text


def test_without_a_state_nothing_can_be_asked_for(empty: Path) -> None:
    """The probe begins it, and says which origin is the primary."""
    assert answer(empty, "origin", "status")["active"] is None
    for command, status in ((["failover"], 1), (["drain", "aws"], 3), (["failback", "--force"], 3)):
        assert "no routing state yet" in refusal(empty, "origin", *command, exit_code=status)
    assert not (empty / PUBLISHED_KEY).exists()


def test_a_directory_without_a_database_is_not_made(tmp_path: Path) -> None:
    """A mistyped path is told."""
    assert "no database" in refusal(tmp_path / "typo", "origin", "status")
    assert not (tmp_path / "typo").exists()


def test_what_cannot_be_published_is_said(location: Path) -> None:
    """It is stored: the probe makes up for it."""
    (location / "routing").write_text("in the way")
    said = refusal(location, "origin", "failover")
    assert "stored, and could not be published" in said
    (location / "routing").unlink()
    assert not answer(location, "origin", "failover", "--to", "aws")["changed"]
    assert _published(location).active is Origin.AWS


def test_an_override_is_a_header_for_curl(location: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signed with the secret of the environment, for as long as was said."""
    monkeypatch.setenv("QUARTZDB_ORIGIN_SECRET", SECRET)
    done = answer(location, "origin", "override", "--origin", "aws", "--ttl", "10m")
    assert done["header"] == HEADER
    assert verify_override(done["value"], time.time(), [SECRET]) is Origin.AWS
    assert 0 < done["expires_s"] - time.time() <= 600
    line = run(location, "origin", "override", "--origin", "aws").stdout
    assert line.startswith(f"{HEADER}: aws.")
    assert "24 hours" in refusal(location, "origin", "override", "--origin", "aws", "--ttl", "2d")


def test_an_override_without_a_secret_says_where_to_get_it(
    location: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never on the command line, where everybody sees it."""
    monkeypatch.delenv("QUARTZDB_ORIGIN_SECRET", raising=False)
    assert "QUARTZDB_ORIGIN_SECRET" in refusal(location, "origin", "override", "--origin", "aws")


def _on_aws(*arguments: str) -> Any:
    result: Result = CliRunner().invoke(cli, ["origin", *arguments, "--json"], prog_name="quartzdb")
    assert result.exit_code == 0, (result.stderr, result.exception)
    return json.loads(result.stdout)


def test_a_deployment_is_commanded_alike(
    aws: Emulators, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """State in the table, published in the bucket, told to the bus, and the secret read where it is kept."""
    emulator = aws.get("ministack")
    made = emulator.new_place()
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.endpoint_url)
    monkeypatch.setenv("QUARTZDB_TABLE", made.table)
    monkeypatch.setenv("QUARTZDB_BUCKET", made.bucket)
    monkeypatch.chdir(tmp_path)
    states = DynamoOriginStates(DynamoTable(emulator.dynamodb, made.table, SystemClock()))
    assert states.replace(first_state(Origin.CLOUDFLARE, 1_000))
    assert _on_aws("failover")["active"] == "aws"
    assert _on_aws("status")["pinned"] is True
    body = emulator.s3.get_object(Bucket=made.bucket, Key=PUBLISHED_KEY)["Body"].read()
    assert decode_state(body) == states.read()
    secrets: Any = AwsClients(REGION, AwsEndpoints.at(emulator.endpoint_url)).secrets
    arn = secrets.create_secret(Name=made.table, SecretString=SECRET)["ARN"]
    secrets.close()
    value = _on_aws("override", "--origin", "cloudflare", "--secret-arn", arn)["value"]
    assert verify_override(value, time.time(), [SECRET]) is Origin.CLOUDFLARE


def test_a_drained_origin_is_not_made_active(location: Path) -> None:
    """The two commands contradict each other, and the probe would undo the second at once."""
    answer(location, "origin", "drain", "aws")
    assert "undrain" in refusal(location, "origin", "failover", "--to", "aws")
    answer(location, "origin", "undrain", "aws")
    answer(location, "origin", "failover", "--to", "aws")
    answer(location, "origin", "drain", "cloudflare")
    assert "undrain" in refusal(location, "origin", "failback", "--force")
    assert answer(location, "origin", "status")["active"] == "aws"


def test_a_share_of_the_clients_tries_the_other_origin(location: Path) -> None:
    """For as long as an operator wants, and not while the probe itself sets the share."""
    assert answer(location, "origin", "canary", "20")["ramp_percent"] == 20
    assert _published(location).ramp_percent == 20
    assert answer(location, "origin", "canary", "20")["changed"] is False
    assert answer(location, "origin", "canary", "0")["ramp_percent"] == 0
    answer(location, "origin", "drain", "aws")
    assert "undrain" in refusal(location, "origin", "canary", "5")
    answer(location, "origin", "undrain", "aws")
    answer(location, "origin", "failover", "--to", "aws")
    assert answer(location, "origin", "canary", "5")["ramp_percent"] == 5
    answer(location, "origin", "auto")
    assert "failover" in refusal(location, "origin", "canary", "10")
