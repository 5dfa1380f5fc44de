"""How an organization on AWS takes everything along and ends: archives in the bucket, and nothing left in it."""

from __future__ import annotations

import io
import json
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from cdk.constructs.data_bucket import EXPORT_DAYS
from quartzdb.adapters.aws.dynamodb_table import DynamoTable
from quartzdb.adapters.aws.s3_archives import S3ArchiveLinks
from quartzdb.domain.namespace import NamespaceSettings, Precision
from quartzdb.services.keyvalue import NewItem
from quartzdb.services.record_rules import NewRecord
from quartzdb_platform.accounts.exports import KEPT_MS, RUN_SECONDS
from quartzdb_platform.adapters.dynamodb_documents import DynamoDocuments
from quartzdb_platform.adapters.outbox import Outbox
from quartzdb_platform.adapters.tenant_data import FunctionArchives, FunctionTenants
from quartzdb_platform.api.app import create_app
from quartzdb_platform.audit.log import Actor
from quartzdb_platform.aws_platform import REMAINS
from quartzdb_platform.domain.closing import GRACE_MS
from quartzdb_platform.domain.passkey import RelyingParty
from quartzdb_platform.metering.counters import Counters
from quartzdb_platform.wiring import Platform, StorageSizes, assemble
from tests.aws_emulators import Emulators, create_table
from tests.platform.conftest import CONSOLE_ORIGIN, CONSOLE_URL, DATABASE_URL, Mailbox, Person, Site
from tests.platform.data_plane import DataPlane, data_plane

NAME = "Analytical Engines"
MARKER = "m4rk3r-0f-an-0rganizati0n"
SETTINGS = NamespaceSettings(2)


@dataclass
class AwsSite:
    """Two processes of a platform: the one that answers people, and the scheduled pass, which alone asks for data."""

    plane: DataPlane
    site: Site
    pass_: Platform
    table: str

    def upkeep(self) -> None:
        self.plane.clock.seconds += 301
        failed: list[str] = []
        self.pass_.upkeep.run_due(failed.append)
        assert failed == []

    def items(self) -> Iterator[tuple[str, bytes]]:
        """Every item of both tables and every object, by its key, as bytes."""
        assert self.plane.site is not None
        emulator, place = self.plane.site.emulator, self.plane.site.place
        for listed in emulator.s3.get_paginator("list_objects_v2").paginate(Bucket=place.bucket):
            for one in listed.get("Contents", ()):
                yield one["Key"], emulator.s3.get_object(Bucket=place.bucket, Key=one["Key"])["Body"].read()
        for table in (place.table, self.table):
            for page in emulator.dynamodb.get_paginator("scan").paginate(TableName=table):
                for item in page["Items"]:
                    values = [next(iter(value.values())) for value in item.values()]
                    yield (
                        item["pk"]["S"],
                        b"\n".join(
                            bytes(one) if isinstance(one, bytes) else str(one).encode() for one in values
                        ),
                    )

    def with_marker(self) -> set[str]:
        return {
            key.partition("#")[0].partition("/")[0] for key, data in self.items() if MARKER.encode() in data
        }


@pytest.fixture
def aws_site(tmp_path: Path, aws: Emulators) -> Iterator[AwsSite]:
    with data_plane("function-ministack", tmp_path, aws) as plane:
        assert plane.site is not None
        emulator, place = plane.site.emulator, plane.site.place
        name = f"{place.table}-platform"
        create_table(emulator.dynamodb, name)
        table = DynamoDocuments(DynamoTable(emulator.dynamodb, name, plane.clock))
        outbox = Outbox(tmp_path / "outbox", "QuartzDB <no-reply@example.com>", plane.clock)
        links = S3ArchiveLinks(emulator.s3, place.bucket)

        def process(*, asks: bool) -> Platform:
            function = plane.function() if asks else None
            return assemble(
                table,
                outbox,
                plane.database.api_keys,
                plane.database.tenants,
                plane.clock,
                CONSOLE_URL,
                namespaces=plane.database.namespaces,
                database_url=DATABASE_URL,
                relying_party=RelyingParty("example.com", (CONSOLE_ORIGIN,)),
                tenants=FunctionTenants(function) if function else None,
                deletes_elsewhere=True,
                archives=FunctionArchives(function, lambda: links),
                makes_archives=asks,
                sizes=StorageSizes(plane.sizes, spares=True) if asks else None,
                remains=REMAINS,
                code_hash_cost=2,
            )

        answering = process(asks=False)
        with TestClient(create_app(answering), base_url=CONSOLE_ORIGIN) as http:
            mailbox = Mailbox(outbox.directory)
            site = Site(answering, http, mailbox, plane.clock, table, plane.database)  # type: ignore[arg-type]
            yield AwsSite(plane, site, process(asks=True), name)


def held(aws_site: AwsSite, email: str, marker: str) -> tuple[Person, str, str]:
    """An organization whose project has two records and a large value, each with the marker."""
    owner = aws_site.site.person(email)
    organization = aws_site.site.organization(owner, NAME)
    project = owner.must("POST", f"/organizations/{organization}/projects", {"name": marker})["id"]
    owner.must("POST", f"/projects/{project}/keys", {"name": marker, "scopes": ["read"]})
    grant = aws_site.plane.database.tenants.grant(project)
    books, _ = aws_site.plane.database.namespaces.create(project, "books", SETTINGS, grant)
    records = [NewRecord(f"{n}", np.full(2, n + 1, np.float32), {"text": marker}) for n in range(2)]
    aws_site.plane.database.records.upsert(books, records)
    aws_site.plane.database.key_values.put(books, NewItem("large", marker.encode() * 8_000))
    return owner, organization, project


def fresh(aws_site: AwsSite, email: str) -> Person:
    aws_site.site.people.pop(email, None)
    return aws_site.site.person(email)


def fetched(url: str) -> dict[str, bytes]:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url) as answer:
        content = answer.read()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def exported(aws_site: AwsSite, path: str, owner: Person) -> dict[str, Any]:
    asked = owner.must("POST", f"{path}/exports")
    assert asked["state"] == "running"
    aws_site.upkeep()
    found: dict[str, Any] = owner.must("GET", f"{path}/exports")[-1]
    assert (found["id"], found["state"]) == (asked["id"], "ready")
    return found


def test_everything_is_taken_along_by_a_link_that_ends(aws_site: AwsSite) -> None:
    """By who signed in a moment ago, and by no other organization; after its days nothing of it is there."""
    _, organization, project = held(aws_site, "owner@example.com", MARKER)
    other, theirs, _ = held(aws_site, "other@example.com", "another")
    owner = fresh(aws_site, "owner@example.com")
    path = f"/organizations/{organization}"
    refused = owner.ask("GET", f"{path}/export")
    assert (refused.status_code, "POST …/exports" in refused.json()["hint"]) == (409, True)
    export = exported(aws_site, path, owner)
    link = owner.must("POST", f"{path}/exports/{export['id']}/link")
    files = fetched(link["url"])
    folder = f"projects/{project}"
    assert {"organization.jsonl", "members.jsonl", "audit.jsonl", "export.json"} <= set(files)
    assert json.loads(files["organization.jsonl"])["name"] == NAME
    header, *records = files[f"{folder}/books.records.jsonl"].splitlines()
    assert json.loads(header)["quartzdb_export"]["settings"]["dimension"] == 2
    assert [json.loads(one)["metadata"]["text"] for one in records] == [MARKER] * 2
    assert len(files[f"{folder}/books.kv.jsonl"].splitlines()) == 2
    assert json.loads(files[f"{folder}/keys.jsonl"])["name"] == MARKER
    assert b"secret" not in files[f"{folder}/keys.jsonl"]
    assert len(files["export.json"]) > 0
    # Nobody else's.
    strangers = f"/organizations/{theirs}/exports"
    assert other.must("GET", strangers) == []
    assert other.ask("POST", f"{strangers}/{export['id']}/link").status_code == 404
    assert other.ask("GET", f"{path}/exports").status_code == 404
    aws_site.plane.clock.seconds += 16 * 60
    stale = owner.ask("POST", f"{path}/exports/{export['id']}/link")
    assert (stale.status_code, stale.json()["code"]) == (403, "step_up_required")
    actions = {one["action"] for one in fresh(aws_site, "owner@example.com").must("GET", f"{path}/audit")}
    assert {"organization.export", "organization.export.fetch"} <= actions
    aws_site.plane.clock.seconds += KEPT_MS / 1_000
    aws_site.upkeep()
    assert fresh(aws_site, "owner@example.com").must("GET", f"{path}/exports") == []
    assert [key for key, _ in aws_site.items() if key.startswith("exports")] == []


def test_an_archive_goes_on_wherever_its_making_was_cut_short(
    aws_site: AwsSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run takes a step and fails at the next, done or not. What comes of it is whole; one at a time is made."""
    _, organization, project = held(aws_site, "owner@example.com", MARKER)
    owner = fresh(aws_site, "owner@example.com")
    path = f"/organizations/{organization}"
    asked = owner.must("POST", f"{path}/exports")
    assert owner.ask("POST", f"{path}/exports").status_code == 409
    assert owner.ask("POST", f"{path}/exports/{asked['id']}/link").status_code == 409
    invoked = aws_site.plane.invoked
    assert invoked is not None
    runs = 0
    handler, calls = invoked.handler, 0

    def cut(event: Any, context: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2 and runs % 2:
            raise RuntimeError("cut off before")
        answer = handler(event, context)
        if calls == 2:
            raise RuntimeError("cut off after")
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(invoked, "handler", cut)
        while owner.must("GET", f"{path}/exports")[0]["state"] == "running":
            runs, calls = runs + 1, 0
            aws_site.pass_.exports.run_due(0)
            assert runs < 60
    assert runs > 8
    aws_site.upkeep()
    files = fetched(
        fresh(aws_site, "owner@example.com").must("POST", f"{path}/exports/{asked['id']}/link")["url"]
    )
    assert len(files[f"projects/{project}/books.records.jsonl"].splitlines()) == 3
    events = [json.loads(line) for line in files["audit.jsonl"].splitlines()]
    assert [one["sequence"] for one in events] == list(range(1, len(events) + 1))


def test_an_archive_that_nobody_wants_is_gone_within_minutes(aws_site: AwsSite) -> None:
    """Whole or not; a run that has no time left goes on with the next."""
    _, organization, _ = held(aws_site, "owner@example.com", MARKER)
    owner = fresh(aws_site, "owner@example.com")
    path = f"/organizations/{organization}"
    asked = owner.must("POST", f"{path}/exports")
    monotonic, steps = aws_site.plane.clock.monotonic, 0

    def slow() -> float:
        nonlocal steps
        steps += 1
        return monotonic() + steps * RUN_SECONDS / 3

    aws_site.plane.clock.monotonic = slow  # type: ignore[method-assign]
    aws_site.pass_.exports.run_due(0)
    aws_site.plane.clock.monotonic = monotonic  # type: ignore[method-assign]
    (running,) = owner.must("GET", f"{path}/exports")
    assert (running["state"], running["steps"]) == ("running", 2)
    owner.must("DELETE", f"{path}/exports/{asked['id']}")
    aws_site.upkeep()
    assert owner.must("GET", f"{path}/exports") == []
    assert [key for key, _ in aws_site.items() if key.startswith("exports")] == []


def test_the_store_drops_archives_after_the_platform_does() -> None:
    """So that what is told to be there is."""
    assert KEPT_MS < EXPORT_DAYS * 24 * 3_600_000


def test_an_organization_is_deleted_until_nothing_is_left(aws_site: AwsSite) -> None:
    """After its grace, over both tables and the bucket, archives included; the certificate says what remains."""
    _, organization, project = held(aws_site, "owner@example.com", MARKER)
    other, theirs, their_project = held(aws_site, "other@example.com", "another")
    owner = fresh(aws_site, "owner@example.com")
    path = f"/organizations/{organization}"
    exported(aws_site, path, owner)
    aws_site.plane.maintain()
    assert {"KEY", "ORG", "blobs", "values"} <= aws_site.with_marker()
    fresh(aws_site, "owner@example.com").must("POST", f"{path}/deletion", {"name": NAME})
    aws_site.plane.clock.seconds += GRACE_MS / 1_000 - KEPT_MS / 1_000
    aws_site.upkeep()
    assert fresh(aws_site, "owner@example.com").must("GET", f"{path}/deletion")["delete_at"] is not None
    exported(aws_site, path, fresh(aws_site, "owner@example.com"))
    aws_site.plane.clock.seconds += KEPT_MS / 1_000 - 400
    for _ in range(5):
        aws_site.upkeep()
        aws_site.plane.maintain()
    texts = aws_site.site.mailbox.texts("owner@example.com")
    (certificate,) = [text for text in texts if "certificate_of_deletion" in text]
    assert project in certificate
    assert "to be restored from" in certificate
    assert aws_site.with_marker() == set()
    left = {
        key for key, data in aws_site.items() if organization.encode() in data or project.encode() in data
    }
    seals = {key for key in left if key.startswith("LOG#")}
    assert left - seals == {f"DELETION#{organization}", "GONE-PROJECTS", "TENANTS"}
    assert all(key.startswith(f"LOG#{project}#") for key in seals)
    # Nobody else notices.
    assert aws_site.plane.sizes.held(their_project, exact=True).vectors == 2
    assert fresh(aws_site, "other@example.com").must("GET", f"/organizations/{theirs}/audit/verify")["whole"]
    del other


def test_what_namespaces_hold_is_recommended_on_without_a_right_to_ask(aws_site: AwsSite) -> None:
    """Whoever answers people reads what the scheduled pass learnt with a sample of storage, which was one request."""
    site, plane = aws_site.site, aws_site.plane
    owner = site.person("owner@example.com")
    organization = site.organization(owner, NAME)
    project = owner.must("POST", f"/organizations/{organization}/projects", {"name": "p"})["id"]
    for name, precision in (("wide", Precision.F32), ("half", Precision.F16)):
        settings = NamespaceSettings(2_048, precision=precision)
        namespace, _ = plane.database.namespaces.create(project, name, settings)
        vectors = np.ones((300, 2_048), np.float32)
        plane.database.records.upsert(namespace, [NewRecord(str(n), one) for n, one in enumerate(vectors)])
    path = f"/projects/{project}/recommendations"
    assert owner.must("GET", path)["described"] is False
    site.platform.plan_changes.set(organization, "pro", Actor("operator", "here"))
    plane.maintain()
    assert plane.invoked is not None
    asked = plane.invoked.asked
    aws_site.upkeep()
    assert plane.invoked.asked == asked + 1
    plane.clock.seconds += 9 * 86_400
    aws_site.upkeep()
    count = {"v": 1, "tenant": project, "at": plane.clock.unix_ms(), "key": "aaaaaaaaaaaa", "namespace": "wide",
             "op": "query_vectors", "status": 200, "ms": 2.0, "read_units": 1}  # fmt: skip
    Counters(site.table, plane.clock).apply("batch", [json.dumps(count)], "test")
    found = fresh(aws_site, "owner@example.com").must("GET", path)
    assert found["described"] is True
    told = {one["about"]: one for one in found["recommendations"]}
    assert {name: one["advice"] for name, one in told.items()} == {
        "half": "idle_namespace",
        "wide": "half_precision",
    }
    assert told["wide"]["computed_from"]["records"] == 300
    assert told["half"]["saving"]["bytes"] >= 300 * 2_048 * 2


def test_a_single_project_ends_on_aws(aws_site: AwsSite) -> None:
    """Nothing of it is left in the bucket or in either table, and the other project is as it was."""
    owner, organization, project = held(aws_site, "owner@example.com", MARKER)
    other = owner.must("POST", f"/organizations/{organization}/projects", {"name": "other"})["id"]
    kept, _ = aws_site.plane.database.namespaces.create(other, "books", SETTINGS)
    aws_site.plane.database.records.upsert(kept, [NewRecord("a", np.ones(2, np.float32))])
    owner = fresh(aws_site, "owner@example.com")
    owner.must("POST", f"/projects/{project}/deletion", {"name": MARKER})
    aws_site.plane.clock.seconds += GRACE_MS / 1_000
    for _ in range(5):
        aws_site.upkeep()
        aws_site.plane.maintain()
    owner = fresh(aws_site, "owner@example.com")
    actions = [one["action"] for one in owner.must("GET", f"/organizations/{organization}/audit")]
    assert actions[:2] == ["project.delete", "project.deletion.begin"]
    assert aws_site.with_marker() == set()
    assert aws_site.plane.sizes.held(other, exact=True).vectors == 1
    assert owner.ask("GET", f"/projects/{project}").status_code == 404
