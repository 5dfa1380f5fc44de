"""A database beside the platform's adapters of it: on one machine, and on emulated AWS behind its function."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quartzdb.adapters.aws.s3_archives import S3Archives
from quartzdb.aws_lambda.tenant_data_function import answering
from quartzdb.maintenance.policy import SCHEDULED_THRESHOLDS
from quartzdb.services.tenant_sizes import TenantSizes
from quartzdb.wiring.embedded import Database
from quartzdb.wiring.tenant_data import assemble_tenant_data
from quartzdb_platform.adapters.local_sizes import LocalSizes
from quartzdb_platform.adapters.tenant_data import FunctionSizes, FunctionTenants, TenantDataFunction
from quartzdb_platform.ports import DataPlaneTenants, DescribedSizes
from tests.aws_emulators import Emulators
from tests.embedded import embedded
from tests.maintenance_deployment import MaintenanceDeployment, deployed
from tests.manual_clock import ManualClock
from tests.stream_driver import LambdaContext

PREFIX = "prj_"
KINDS = ("local", "function-moto", "function-ministack")


@dataclass
class InvokedHere:
    """A client of Lambda whose function is in this process: what it is sent and answers is bytes, as there."""

    handler: Callable[[Any, Any], Any]
    asked: int = 0
    fails: bool = False

    def invoke(self, **parameters: Any) -> Mapping[str, Any]:
        self.asked += 1
        try:
            if self.fails:
                raise RuntimeError("cut off")
            answer = self.handler(json.loads(parameters["Payload"]), LambdaContext())
        except Exception as error:  # noqa: BLE001 - Lambda answers so whatever a function raises
            told = json.dumps({"errorType": type(error).__name__, "errorMessage": str(error)})
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(told.encode())}
        return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(answer).encode())}


@dataclass
class DataPlane:
    """`maintain` does what a minute of the background does. `invoked` and `site` are there on AWS."""

    database: Database
    sizes: DescribedSizes
    tenants: DataPlaneTenants
    clock: ManualClock
    maintain: Callable[[], None]
    invoked: InvokedHere | None = None
    site: MaintenanceDeployment | None = None

    def function(self) -> TenantDataFunction:
        assert self.invoked is not None
        invoked = self.invoked
        return TenantDataFunction(lambda: invoked, "tenant_data:live")


@contextmanager
def data_plane(kind: str, directory: Path, aws: Emulators) -> Iterator[DataPlane]:
    """An empty database of a kind."""
    where, _, emulator = kind.partition("-")
    if where == "local":
        local = embedded(directory / "data")
        database = local.open()

        def maintain_here() -> None:
            local.clock.seconds += 61
            while database.maintenance.run_once():
                pass

        yield DataPlane(
            database,
            LocalSizes(TenantSizes(database.namespaces)),
            database.tenant_deletion(),
            local.clock,
            maintain_here,
        )
        return
    with deployed(aws.get(emulator), directory) as site:
        database = site.database()
        run = site.compactor()

        def maintain() -> None:
            for namespace in database.catalog.all_namespaces():
                if namespace.settings.dimension is not None:
                    for partition in namespace.partitions:
                        site.adapters().pending_work.note(partition, site.clock.unix_ms())
            site.clock.seconds += 61 + SCHEDULED_THRESHOLDS.forget_after_ms / 1_000
            run({"action": "maintain"}, LambdaContext())

        store = S3Archives(site.emulator.s3, site.place.bucket)
        # As the function has it: nothing of the database is in its memory.
        data = assemble_tenant_data(site.database(), site.adapters().table, store)
        invoked = InvokedHere(answering(data, PREFIX))
        function = TenantDataFunction(lambda: invoked, "tenant_data:live")
        yield DataPlane(
            database,
            FunctionSizes(function),
            FunctionTenants(function),
            site.clock,
            maintain,
            invoked,
            site,
        )
