"""Fixtures of the contract suites: `log`, `table`, … in turn for each adapter, and `open_…` to open it once more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from quartzdb.domain.namespace import Partition
from quartzdb.maintenance.ports import PendingWorkList
from quartzdb.replication.ports import Checkpoints
from quartzdb.routing.ports import OriginStates
from quartzdb.services.ports import ApiKeyTable, IdempotencyTable, RateSlices, TenantGrants
from quartzdb.storage.ports import BlobHistory, BlobStore, ChangeLog, KeyValueTable, Leases, NamespaceCatalog
from tests.aws_emulators import Emulators
from tests.contracts import adapters
from tests.contracts.adapters import StartedRuns, Storage, VersionedBlobs


@pytest.fixture
def storage(tmp_path: Path, aws: Emulators) -> Iterator[Storage]:
    with ExitStack() as closing:
        yield Storage(tmp_path, closing, aws)


@pytest.fixture(autouse=True)
def _where_moto_is_like_aws(request: pytest.FixtureRequest) -> None:
    reason = adapters.NOT_ON_MOTO.get(request.node.originalname)
    if reason and "-moto" in request.node.name:
        pytest.skip(reason)


@pytest.fixture
def partition() -> Partition:
    return adapters.fresh_partition()


@pytest.fixture(params=adapters.CHANGE_LOGS)
def open_log(request: pytest.FixtureRequest, storage: Storage) -> Callable[[], ChangeLog]:
    return lambda: adapters.CHANGE_LOGS[request.param](storage)


@pytest.fixture
def log(open_log: Callable[[], ChangeLog]) -> ChangeLog:
    return open_log()


@pytest.fixture(params=adapters.LOGS_THAT_SEE_THEIR_HEAD)
def strict_log(request: pytest.FixtureRequest, storage: Storage) -> ChangeLog:
    return adapters.CHANGE_LOGS[request.param](storage)


@pytest.fixture(params=adapters.FENCED_LOGS)
def fenced_log(request: pytest.FixtureRequest, storage: Storage) -> ChangeLog:
    return adapters.CHANGE_LOGS[request.param](storage)


@pytest.fixture(params=adapters.ORDERED_LOGS)
def ordered_log(request: pytest.FixtureRequest, storage: Storage) -> ChangeLog:
    return adapters.ORDERED_LOGS[request.param](storage)


@pytest.fixture(params=adapters.KEY_VALUES)
def open_table(request: pytest.FixtureRequest, storage: Storage) -> Callable[[], KeyValueTable]:
    return lambda: adapters.KEY_VALUES[request.param](storage)


@pytest.fixture
def table(open_table: Callable[[], KeyValueTable]) -> KeyValueTable:
    return open_table()


@pytest.fixture(params=adapters.BLOBS)
def open_blobs(request: pytest.FixtureRequest, storage: Storage) -> Callable[[], BlobStore]:
    return lambda: adapters.BLOBS[request.param](storage)


@pytest.fixture
def blobs(open_blobs: Callable[[], BlobStore]) -> BlobStore:
    return open_blobs()


@pytest.fixture(params=adapters.CATALOGS)
def open_catalog(request: pytest.FixtureRequest, storage: Storage) -> Callable[[], NamespaceCatalog]:
    return lambda: adapters.CATALOGS[request.param](storage)


@pytest.fixture
def catalog(open_catalog: Callable[[], NamespaceCatalog]) -> NamespaceCatalog:
    return open_catalog()


@pytest.fixture(params=adapters.API_KEYS)
def open_api_keys(request: pytest.FixtureRequest, storage: Storage) -> Callable[[], ApiKeyTable]:
    return lambda: adapters.API_KEYS[request.param](storage)


@pytest.fixture
def api_keys(open_api_keys: Callable[[], ApiKeyTable]) -> ApiKeyTable:
    return open_api_keys()


@pytest.fixture(params=adapters.TENANT_GRANTS)
def open_tenant_grants(request: pytest.FixtureRequest, storage: Storage) -> Callable[[], TenantGrants]:
    return lambda: adapters.TENANT_GRANTS[request.param](storage)


@pytest.fixture
def tenant_grants(open_tenant_grants: Callable[[], TenantGrants]) -> TenantGrants:
    return open_tenant_grants()


@pytest.fixture(params=adapters.RATE_SLICES)
def open_rate_slices(request: pytest.FixtureRequest, storage: Storage) -> Callable[[], RateSlices]:
    return lambda: adapters.RATE_SLICES[request.param](storage)


@pytest.fixture(params=adapters.LEASES)
def leases(request: pytest.FixtureRequest, storage: Storage) -> Leases:
    return adapters.LEASES[request.param](storage)


@pytest.fixture(params=adapters.PENDING_WORK)
def pending_work(request: pytest.FixtureRequest, storage: Storage) -> PendingWorkList:
    return adapters.PENDING_WORK[request.param](storage)


@pytest.fixture(params=adapters.MERGE_RUNS)
def merge_runs(request: pytest.FixtureRequest, storage: Storage) -> StartedRuns:
    return adapters.MERGE_RUNS[request.param](storage)


@pytest.fixture(params=adapters.VERSIONED_BLOBS)
def versioned_blobs(request: pytest.FixtureRequest, storage: Storage) -> VersionedBlobs:
    return adapters.VERSIONED_BLOBS[request.param](storage, True)


@pytest.fixture(params=adapters.VERSIONED_BLOBS)
def unversioned_history(request: pytest.FixtureRequest, storage: Storage) -> BlobHistory:
    return adapters.VERSIONED_BLOBS[request.param](storage, False).history


@pytest.fixture(params=adapters.ORIGIN_STATES)
def open_origin_states(request: pytest.FixtureRequest, storage: Storage) -> Callable[[], OriginStates]:
    return lambda: adapters.ORIGIN_STATES[request.param](storage)


@pytest.fixture
def origin_states(open_origin_states: Callable[[], OriginStates]) -> OriginStates:
    return open_origin_states()


@pytest.fixture(params=adapters.IDEMPOTENCY)
def open_idempotency(request: pytest.FixtureRequest, storage: Storage) -> Callable[[], IdempotencyTable]:
    return lambda: adapters.IDEMPOTENCY[request.param](storage)


@pytest.fixture
def idempotency(open_idempotency: Callable[[], IdempotencyTable]) -> IdempotencyTable:
    return open_idempotency()


@pytest.fixture(params=adapters.CHECKPOINTS)
def open_checkpoints(request: pytest.FixtureRequest, storage: Storage) -> Callable[[], Checkpoints]:
    return lambda: adapters.CHECKPOINTS[request.param](storage)


@pytest.fixture
def checkpoints(open_checkpoints: Callable[[], Checkpoints]) -> Checkpoints:
    return open_checkpoints()
