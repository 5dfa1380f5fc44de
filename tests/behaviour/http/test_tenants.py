"""What is answered to a tenant that is suspended, or that may only read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from quartzdb.api.app import create_app
from quartzdb.api.routes import FAMILIES
from quartzdb.api.settings import ApiSettings
from quartzdb.domain.grant import TenantGrant, TenantStatus
from quartzdb.services.keys import Scope
from quartzdb.wiring.aws import AwsSettings, open_aws
from quartzdb.wiring.aws_clients import AwsEndpoints
from quartzdb.wiring.embedded import Database
from tests.aws_emulators import REGION, Emulators
from tests.behaviour.http.client import Client, refused, refused_as_cloudflare
from tests.doubles.counted_capacity import CountedCapacity
from tests.embedded import embedded

LOOKS = {"list_keys"}
"""Of what `admin` is for."""
ALWAYS = {"revoke_key"}


@pytest.fixture
def say(database: Database, tenant: str) -> Callable[[TenantStatus], object]:
    return lambda status: database.tenants.set_status(tenant, status)


def codes(http: Client, key: str) -> Mapping[str, tuple[Scope, str | None]]:
    """Of every operation that an API key is for: the code of the answer to a request with nothing in it."""
    found = {}
    for operation in (one for family in FAMILIES for one in family.operations):
        # HEAD has no body that could say it; it is an operation of the same kind as its GET.
        if not isinstance(operation.scope, Scope) or operation.method == "HEAD":
            continue
        path = operation.path.replace("{namespace}", "n").replace("{id}", "i").replace("{key:path}", "k")
        content = None if operation.body is None else b""
        answer = http.request(operation.method, path, content=content, key=key)
        told = answer.json() if answer.content else {}
        found[operation.name] = (operation.scope, told.get("code"))
    return found


def test_a_suspended_tenant_is_refused_everything(
    http: Client, say: Callable[[TenantStatus], object], make_key: Callable[..., str]
) -> None:
    """Whatever the key may do, on both surfaces; and nothing once it is resumed."""
    say(TenantStatus.SUSPENDED)
    key = make_key()
    found = codes(http, key)
    assert len(found) > 25
    assert {code for _, code in found.values()} == {"tenant_suspended"}
    problem = refused(http.get("/v1/namespaces", key=make_key("write")), 403, "tenant_suspended")
    assert problem["hint"]
    refused_as_cloudflare(http.get("/api/get/k", key=key), 401, "tenant_suspended")
    say(TenantStatus.ACTIVE)
    assert http.get("/v1/namespaces", key=make_key()).status_code == 200


def test_a_tenant_that_may_only_read_is_refused_what_changes_anything(
    http: Client, books: str, say: Callable[[TenantStatus], object], make_key: Callable[..., str]
) -> None:
    """All that the scope `write` is for, and of `admin` all but looking and ending keys."""
    http.put(f"{books}/kv/k", content=b"v")
    say(TenantStatus.READ_ONLY)
    key = make_key()
    found = codes(http, key)
    answered = {name for name, (_, code) in found.items() if code != "tenant_read_only"}
    assert answered == {name for name, (scope, _) in found.items() if scope is Scope.READ} | LOOKS | ALWAYS
    assert http.get(f"{books}/kv/k", key=key).content == b"v"
    problem = refused(http.put(f"{books}/kv/k", content=b"w", key=key), 403, "tenant_read_only")
    assert problem["hint"]


def test_another_tenant_notices_nothing(
    http: Client, say: Callable[[TenantStatus], object], make_key: Callable[..., str]
) -> None:
    """A grant is of one tenant."""
    say(TenantStatus.SUSPENDED)
    assert http.get("/v1/namespaces", key=make_key(of="somebody-else")).status_code == 200


def test_what_a_process_says_itself_holds_at_once_in_it(tmp_path: Path) -> None:
    """It need not wait until it has forgotten what it knew."""
    database = embedded(tmp_path).open()
    _, key = database.api_keys.create("t", "k", ["read"])
    _, other = database.api_keys.create("u", "k", ["read"])
    with Client(create_app(database), key) as client:
        assert client.get("/v1/namespaces").status_code == 200
        database.tenants.set_status("t", TenantStatus.SUSPENDED)
        refused(client.get("/v1/namespaces"), 403, "tenant_suspended")
        assert client.get("/v1/namespaces", key=other).status_code == 200


def test_a_running_process_sees_a_suspension_after_the_time_that_it_remembers_keys(tmp_path: Path) -> None:
    """No later: 5 seconds after it was said, whatever the process knew before."""
    site = embedded(tmp_path)
    database = site.open()
    _, key = database.api_keys.create("t", "k", ["read"])
    with Client(create_app(database), key) as client:
        assert client.get("/v1/namespaces").status_code == 200
        site.open().tenants.set_status("t", TenantStatus.SUSPENDED)
        site.clock.seconds += 4.9
        assert client.get("/v1/namespaces").status_code == 200
        site.clock.seconds += 0.1
        refused(client.get("/v1/namespaces"), 403, "tenant_suspended")
        database.tenants.set_status("t", TenantStatus.ACTIVE)
        site.clock.seconds += 5
        assert client.get("/v1/namespaces").status_code == 200


def test_a_grant_costs_dynamodb_one_request_where_a_key_is_looked_up(aws: Emulators, tmp_path: Path) -> None:
    """And a request whose key is remembered none."""
    emulator = aws.get("ministack")
    place = emulator.new_place()
    meter = CountedCapacity()
    settings = AwsSettings(
        place.table,
        place.bucket,
        region=REGION,
        work_dir=tmp_path,
        endpoints=AwsEndpoints.at(emulator.endpoint_url),
    )
    database = open_aws(settings, meter=meter)
    _, key = database.api_keys.create("t", "k", ["read"])
    with Client(create_app(database), key) as client:
        for expected in ({"GetItem": 2, "Query": 1}, {"Query": 1}):
            meter.reset()
            assert client.get("/v1/namespaces").status_code == 200
            assert meter.requests == expected


@pytest.mark.parametrize("region", ["us", None])
def test_data_of_another_region_is_not_stored_here(
    tmp_path: Path, region: str | None, http: Client, database: Database, tenant: str
) -> None:
    """By any operation that stores; reading and deleting go on. A site without a region is in nobody's."""
    key = database.api_keys.create(tenant, "all", ["read", "write", "admin"])[1]
    new = {"name": "there", "dimension": 2}
    assert http.post("/v1/namespaces", new, key=key).status_code == 201
    database.tenants.put(TenantGrant(tenant, 1, region="eu"))
    with Client(create_app(database, ApiSettings(region=region))) as there:
        stores = {
            operation.name
            for operation in (one for family in FAMILIES for one in family.operations)
            if operation.writes_data or operation.name == "create_namespace"
        }
        refused_ones = {name for name, (_, code) in codes(there, key).items() if code == "wrong_region"}
        assert refused_ones == stores
        assert len(stores) > 8
        problem = refused(there.post("/v1/namespaces", {"name": "new"}, key=key), 403, "wrong_region")
        assert "stays in eu" in problem["detail"]
        assert there.get("/v1/namespaces", key=key).status_code == 200
        assert there.delete("/v1/namespaces/there", key=key).status_code == 200
    with Client(create_app(database, ApiSettings(region="eu"))) as here:
        assert here.post("/v1/namespaces", new, key=key).status_code == 201
