"""What the platform asks of projects' data, on one machine and on AWS: one suite for both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quartzdb.aws_lambda.tenant_data_requests import parse_request
from quartzdb.domain.errors import Forbidden, InvalidArgument, NotFound, QuartzError, Unavailable
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.services.keyvalue import NewItem
from quartzdb.services.record_rules import NewRecord
from quartzdb.wiring.embedded import Database
from quartzdb_platform.ports import Held
from tests.aws_emulators import Emulators
from tests.platform.data_plane import KINDS, DataPlane, data_plane

PROJECT, OTHER = "prj_one", "prj_two"


@pytest.fixture(params=KINDS)
def plane(request: pytest.FixtureRequest, tmp_path: Path, aws: Emulators) -> Iterator[DataPlane]:
    with data_plane(request.param, tmp_path, aws) as found:
        yield found


@pytest.fixture
def on_aws(tmp_path: Path, aws: Emulators) -> Iterator[DataPlane]:
    with data_plane("function-ministack", tmp_path, aws) as found:
        yield found


def records(numbers: range) -> list[NewRecord]:
    return [NewRecord(f"{n}", np.full(8, n + 1, np.float32)) for n in numbers]


def write(database: Database, project: str) -> None:
    """Ten vectors, two of them deleted, in two shards; and a value of 1,000 bytes under a key of one."""
    namespace, _ = database.namespaces.create(project, "a", NamespaceSettings(8, shards=2))
    database.records.upsert(namespace, records(range(10)))
    database.records.delete(namespace, ["1", "2"])
    values, _ = database.namespaces.create(project, "b", NamespaceSettings())
    database.key_values.put(values, NewItem("k", b"x" * 999))


def test_what_a_project_holds(plane: DataPlane) -> None:
    """At once where that is asked for, and once it is folded in any case; nothing of another's, deleted or not."""
    assert plane.sizes.held(PROJECT) == Held(0, 0)
    write(plane.database, PROJECT)
    write(plane.database, OTHER)
    exact = plane.sizes.held(PROJECT, exact=True)
    assert exact.vectors == 8
    assert exact.keys == 1
    assert exact.bytes >= 8 * 8 * 4 + 1_000
    plane.maintain()
    folded = plane.sizes.held(PROJECT)
    assert folded == plane.sizes.held(PROJECT, exact=True)
    assert (folded.vectors, folded.keys) == (8, 1)
    again, (first, second) = plane.sizes.described(PROJECT)
    assert again == folded
    assert (first.name, first.dimension, first.half, first.records) == ("a", 8, False, 8)
    assert (second.name, second.bytes, first.bytes + second.bytes) == ("b", 1_000, folded.bytes)
    plane.database.namespaces.delete(PROJECT, "a")
    assert plane.sizes.held(PROJECT) == Held(1_000, 0, 1)
    assert plane.sizes.held(OTHER) == folded


def test_a_project_is_deleted_until_nothing_is_left(plane: DataPlane) -> None:
    """Run after run says what is pending; another project stays as it was. One that has nothing is said to be gone."""
    write(plane.database, PROJECT)
    write(plane.database, OTHER)
    kept = plane.sizes.held(OTHER, exact=True)
    plane.database.api_keys.create(PROJECT, "ci", ["read"])
    first = plane.tenants.run(PROJECT)
    assert (first.namespaces_deleted, first.keys_revoked, first.gone) == (2, 1, False)
    for _ in range(4):
        plane.maintain()
        left = plane.tenants.run(PROJECT)
        if left.gone:
            break
    assert left.gone
    assert plane.database.api_keys.list(PROJECT) == []
    assert plane.database.tenants.grant(PROJECT).revision == 0
    with pytest.raises(NotFound):
        plane.tenants.run(PROJECT)
    assert plane.sizes.held(OTHER, exact=True).vectors == kept.vectors


def test_a_sample_on_aws_reads_one_object_and_one_query_of_each_namespace(on_aws: DataPlane) -> None:
    """However many records there are: so docs/costs.md counts."""
    write(on_aws.database, PROJECT)
    on_aws.maintain()
    assert on_aws.site is not None
    meter = on_aws.site.meter
    meter.reset()
    assert on_aws.sizes.held(PROJECT).vectors == 8
    # The names of namespaces, and of each the index of its keys; beside these an object for each shard.
    assert meter.requests == {"Query": 3}
    assert meter.units["Query"] == 1 + 2 * 0.5


def test_what_is_asked_of_the_function_is_checked(on_aws: DataPlane) -> None:
    """What the caller did wrong is told as that; what fails is Unavailable, and nothing was done."""
    with pytest.raises(Forbidden, match="no tenant of the platform's"):
        on_aws.sizes.held("default")
    with pytest.raises(InvalidArgument, match="cursor"):
        on_aws.function().ask({"do": "sizes", "tenant": PROJECT, "cursor": "no"})
    assert on_aws.invoked is not None
    on_aws.invoked.fails = True
    with pytest.raises(Unavailable, match="tenant_data:live failed"):
        on_aws.sizes.held(PROJECT)


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ([], "do"),
        ({}, "do"),
        ({"do": "read", "tenant": PROJECT}, "do"),
        ({"do": ["sizes"]}, "do"),
        ({"do": "sizes"}, "tenant"),
        ({"do": "sizes", "tenant": "prj_/.."}, "tenant"),
        ({"do": "sizes", "tenant": "canary"}, "tenant"),
        ({"do": "sizes", "tenant": PROJECT, "exact": "yes"}, "exact"),
        ({"do": "sizes", "tenant": PROJECT, "cursor": 7}, "cursor"),
        ({"do": "sizes", "tenant": PROJECT, "describe": 1}, "describe"),
        ({"do": "sizes", "tenant": PROJECT, "namespace": "a"}, "namespace"),
        ({"do": "erase", "tenant": PROJECT, "exact": True}, "exact"),
        ({"do": "archive", "archive": "../other", "step": 1, "finish": True}, "archive"),
        ({"do": "archive", "archive": "a/b", "step": 0, "finish": True}, "step"),
        ({"do": "archive", "archive": "a/b", "step": True, "finish": True}, "step"),
        ({"do": "archive", "archive": "a/b", "step": 1}, "files"),
        ({"do": "archive", "archive": "a/b", "step": 1, "finish": True, "files": [{}]}, "files"),
        ({"do": "archive", "archive": "a/b", "step": 1, "files": [{"name": "x"}]}, "files"),
        ({"do": "archive", "archive": "a/b", "step": 1, "files": [{"name": "/x", "text": ""}]}, "name"),
        ({"do": "archive", "archive": "a/b", "step": 1, "tenant": PROJECT}, "folder"),
        ({"do": "archive", "archive": "a/b", "step": 1, "tenant": "other", "folder": "f"}, "tenant"),
        ({"do": "forget_archive", "archive": ""}, "archive"),
    ],
)
def test_a_request_that_is_none_names_what_is_wrong(event: Any, field: str) -> None:
    """Before anything is done."""
    with pytest.raises(QuartzError) as refused:
        parse_request(event, "prj_")
    assert refused.value.field == field
