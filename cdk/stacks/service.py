"""The functions and what drives them: the stream, the schedule, the merge machine. Replaceable at any time.

Without CloudFront there is no search function: clients know one address, so the api function answers everything.
"""

from __future__ import annotations

from aws_cdk import CfnOutput, Duration, Environment, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdk.acknowledged import acknowledge_checkov
from cdk.artifacts import Artifacts
from cdk.constructs import data_access as data
from cdk.constructs.data_access import DataAccess
from cdk.constructs.database_function import DatabaseFunction
from cdk.constructs.dead_letters import DeadLetters
from cdk.constructs.dependency_layers import DependencyLayers
from cdk.constructs.failover import BESIDE_A_PEER, Failover
from cdk.constructs.managed_elsewhere import TAKES_GRANTS, ManagedElsewhere
from cdk.constructs.merge_machine import MergeMachine, grant_start, machine_arn
from cdk.constructs.origin_secret import OriginSecret
from cdk.constructs.scheduled_maintenance import ScheduledMaintenance
from cdk.constructs.stream_indexing import StreamIndexing
from cdk.settings import Settings
from cdk.stacks.data import DataStack

_ANSWERS_WITHIN = Duration.seconds(30)
_FOLDS_WITHIN = Duration.minutes(5)
_MAINTAINS_WITHIN = Duration.minutes(15)
_TENANT_DATA_WITHIN = Duration.minutes(2)
_TENANT_DATA_MEMORY_MB = 1_024
_COMPACTOR_CACHE_SHARE = 4
"""The compactor keeps copies of segments in this part of /tmp; the rest is for what it builds."""

API = DataAccess(
    reads=(
        *data.LOG,
        *data.KEY_VALUES,
        *data.NAMESPACES,
        *data.API_KEYS,
        *data.GRANTS,
        *data.IDEMPOTENCY,
    ),
    writes=(
        *data.LOG,
        *data.KEY_VALUES,
        *data.NAMESPACES,
        *data.API_KEYS,
        *data.IDEMPOTENCY,
    ),
    updates=data.RATES,
    walks_feed=True,
    gets=(data.SEGMENTS, data.LOG_BODIES, data.VALUES, data.POINTERS, data.REMINDER_KEYS),
    # Bodies too large for the table, and reminders of erasures. Segments are not its business.
    puts=(data.LOG_BODIES, data.VALUES, data.REMINDERS),
    deletes=(data.LOG_BODIES, data.VALUES),
)
# It runs the same application, and answers searches only: whatever else would reach it fails here.
SEARCH = DataAccess(
    reads=(*data.LOG, *data.NAMESPACES, *data.API_KEYS, *data.GRANTS),
    # It leases requests of a rate, as whatever answers requests does.
    updates=data.RATES,
)
INDEXER = DataAccess(
    reads=(*data.LOG, *data.NAMESPACES, *data.LEASES),
    # Trimming raises a log's floor and deletes what is behind it.
    writes=(*data.LOG, *data.LEASES, *data.PENDING_WORK),
    puts=(data.SEGMENTS, data.POINTERS),
    deletes=(data.SEGMENTS, data.LOG_BODIES),
)
COMPACTOR = DataAccess(
    reads=(
        *data.LOG,
        *data.KEY_VALUES,
        *data.NAMESPACES,
        *data.LEASES,
        *data.PENDING_WORK,
        *data.IDEMPOTENCY,
    ),
    # It also drops what belonged to deleted namespaces, and what has expired.
    writes=(
        *data.LOG,
        *data.KEY_VALUES,
        *data.NAMESPACES,
        *data.LEASES,
        *data.PENDING_WORK,
        *data.IDEMPOTENCY,
    ),
    walks_feed=True,
    puts=(data.SEGMENTS, data.POINTERS),
    # Of values it only ever removes, and reads none.
    deletes=(data.SEGMENTS, data.LOG_BODIES, data.VALUES, data.POINTERS),
)

# Of all tenants: what they hold, what an export has, what a deletion deletes. It folds nothing and writes no record.
TENANT_DATA = DataAccess(
    reads=(*data.LOG, *data.KEY_VALUES, *data.NAMESPACES, *data.API_KEYS, *data.GRANTS),
    # Deleting a namespace seals its log and drops what is in it; the compactor drops the rest.
    writes=(*data.LOG, *data.NAMESPACES, *data.API_KEYS, *data.GRANTS),
    walks_feed=True,
    gets=(data.SEGMENTS, data.LOG_BODIES, data.VALUES, data.POINTERS, data.EXPORTS),
    # What a restoration has to delete again, before it is deleted here.
    puts=(data.REMINDERS, data.EXPORTS),
    deletes=(data.LOG_BODIES, data.EXPORTS),
)
TENANT_PREFIX = "prj_"
"""What names of projects begin with, and no other tenant that the platform may have asked about."""


class ServiceStack(Stack):
    """`api`, `search`, `indexer`, `compactor`, beside a platform `tenant_data`, with no more rights than each needs."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        env: Environment,
        artifacts: Artifacts,
        data_stack: DataStack,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            env=env,
            description="QuartzDB: the functions",
            cross_region_references=True,
            termination_protection=settings.keep_data,
        )
        self._settings = settings
        self._artifacts = artifacts
        self._data = data_stack
        self._layers = DependencyLayers(
            self, "Layers", artifacts=artifacts, architecture=settings.architecture
        )
        self._secret = OriginSecret(self, "OriginSecret") if settings.cloudfront else None
        self.unstarted = DeadLetters(self, "Unstarted")

        self.api = self._api()
        self._search = (
            self._answering("search", "Queries", settings.search_memory_mb, SEARCH)
            if settings.cloudfront
            else None
        )
        self.answering = [self.api, *([self._search] if self._search else [])]
        self.indexer = self._indexer()
        self.compactor = self._compactor()
        self.functions = [*self.answering, self.indexer, self.compactor]

        self.indexing = StreamIndexing(self, "Indexing", table=data_stack.table, indexer=self.indexer)
        ScheduledMaintenance(
            self, "ScheduledMaintenance", compactor=self.compactor, dead_letters=self.unstarted.queue
        )
        self.machine = MergeMachine(self, "Merging", settings=settings, compactor=self.compactor).machine
        grant_start(self.compactor.role, self, settings)

        self.managed_elsewhere = self._managed_elsewhere() if settings.managing_site else None
        self.api_url = self._url(self.api)
        self._search_url = self._url(self._search) if self._search else None
        self.tenant_data = self._tenant_data() if settings.platform else None
        self.failover = self._failover() if settings.fails_over else None
        self._put_out()

    @property
    def secret(self) -> OriginSecret:
        """What CloudFront proves itself with. Only with it."""
        assert self._secret is not None, "settings without CloudFront have nothing that asks for it"
        return self._secret

    @property
    def search_url(self) -> lambda_.FunctionUrl:
        """Where CloudFront sends searches. Only with it."""
        assert self._search_url is not None, "settings without CloudFront have nothing that asks for it"
        return self._search_url

    def _api(self) -> DatabaseFunction:
        if self._settings.cloudfront:
            return self._answering("api", "Writes, key-values, control", self._settings.api_memory_mb, API)
        memory_mb = max(self._settings.api_memory_mb, self._settings.search_memory_mb)
        return self._answering("api", "All that clients ask", memory_mb, API)

    def _answering(self, name: str, description: str, memory_mb: int, access: DataAccess) -> DatabaseFunction:
        function = self._function(
            name,
            description,
            memory_mb,
            access,
            timeout=_ANSWERS_WITHIN,
            environment=(
                {"QUARTZDB_ORIGIN_SECRET_ARN": self._secret.arn}
                if self._secret
                else {"QUARTZDB_FRONT": "none"}
            ),
            answers=True,
            # Verifying takes what signing does.
            signs=name == "api" and self._settings.managing_site is not None,
        )
        if self._secret is not None:
            self._secret.grant_read(function.role)
        return function

    @property
    def _building(self) -> dict[str, str]:
        """What whoever builds segments, and then trims the log, has to know."""
        return {
            "QUARTZDB_DEFAULT_ENGINE": self._settings.default_engine,
            "QUARTZDB_CHANGES_DAYS": str(self._settings.changes_days),
        }

    def _indexer(self) -> DatabaseFunction:
        return self._function(
            "indexer",
            "Folds new log entries into segments",
            self._settings.indexer_memory_mb,
            INDEXER,
            timeout=_FOLDS_WITHIN,
            environment=self._building,
            # Nobody waits for it: what it has not folded is found all the same. Importing costs less than restoring.
            snapshot=False,
        )

    def _compactor(self) -> DatabaseFunction:
        disk_mb = self._settings.compactor_disk_mb
        return self._function(
            "compactor",
            "Maintains all namespaces, and builds parts of large merges",
            self._settings.compactor_memory_mb,
            COMPACTOR,
            timeout=_MAINTAINS_WITHIN,
            environment={
                "QUARTZDB_MERGE_MACHINE_ARN": machine_arn(self, self._settings),
                "QUARTZDB_DISK_CACHE_MB": str(disk_mb // _COMPACTOR_CACHE_SHARE),
                "QUARTZDB_MERGE_RUN_ROWS": str(self._settings.merge_run_rows),
                "QUARTZDB_MERGE_SHARD_ROWS": str(self._settings.merge_shard_rows),
                **self._building,
                "QUARTZDB_INDEX_THREADS": "2",  # from 1,770 MB a function has a second core
            },
            disk_mb=disk_mb,
            dead_letters=self.unstarted,
        )

    def _tenant_data(self) -> DatabaseFunction:
        """It has no address: the platform's stack lets one of its functions invoke it."""
        return self._function(
            "tenant_data",
            "What tenants hold, their archives and their end",
            _TENANT_DATA_MEMORY_MB,
            TENANT_DATA,
            timeout=_TENANT_DATA_WITHIN,
            environment={"QUARTZDB_TENANT_PREFIX": TENANT_PREFIX},
            snapshot=False,
        )

    def _failover(self) -> Failover:
        failover = Failover(
            self,
            "Failover",
            settings=self._settings,
            make=self._function,
            api_url=self.api_url,
            search_url=self.search_url,
            origin_secret=self.secret,
            dead_letters=self.unstarted,
        )
        for function in (self.api, self.indexer, self.compactor):
            failover.join(function, self._beside_a_peer, serves=function is self.api)
        if self.tenant_data is not None:
            # What is shared with the other site must not be deleted at this one alone.
            failover.join(self.tenant_data, self._beside_a_peer, serves=False)
        return failover

    def _managed_elsewhere(self) -> ManagedElsewhere:
        managed = ManagedElsewhere(self, "ManagedElsewhere", settings=self._settings)
        for function in (self.api, self.indexer, self.compactor):
            managed.join(function, self._beside_a_peer)
        managed.answers(self.api)
        TAKES_GRANTS.grant(self.api.role, self._data.table, self._data.bucket_name)
        return managed

    def _beside_a_peer(self, role: iam.Role) -> None:
        BESIDE_A_PEER.grant(role, self._data.table, self._data.bucket_name)

    def _function(
        self,
        name: str,
        description: str,
        memory_mb: int,
        access: DataAccess,
        *,
        timeout: Duration,
        environment: dict[str, str],
        disk_mb: int = 512,
        dead_letters: DeadLetters | None = None,
        snapshot: bool = True,
        signs: bool = False,
        answers: bool = False,
    ) -> DatabaseFunction:
        function = DatabaseFunction(
            self,
            "".join(part.capitalize() for part in name.split("_")),
            name=name,
            description=f"QuartzDB: {description}",
            settings=self._settings,
            artifacts=self._artifacts,
            layers=self._layers,
            timeout=timeout,
            memory_mb=memory_mb,
            concurrency=getattr(self._settings, f"{name}_concurrency", None),
            environment={
                "QUARTZDB_TABLE": self._data.table.table_name,
                "QUARTZDB_BUCKET": self._data.bucket.bucket_name,
                **environment,
            },
            disk_mb=disk_mb,
            dead_letters=dead_letters.queue if dead_letters else None,
            snapshot=snapshot,
            signs=signs,
            answers=answers,
        )
        access.grant(function.role, self._data.table, self._data.bucket_name)
        return function

    def _url(self, function: DatabaseFunction) -> lambda_.FunctionUrl:
        # Open to the network, closed by the origin secret: see the construct of that name. Without CloudFront API keys
        # alone close it, as they do any server.
        url = function.live.add_function_url(auth_type=lambda_.FunctionUrlAuthType.NONE)
        closed_by = (
            "Whoever does not send the origin secret is refused."
            if self._secret
            else "Clients call it, and whoever sends no API key is refused."
        )
        acknowledge_checkov(url, {"CKV_AWS_258": closed_by})
        return url

    def _put_out(self) -> None:
        outputs = (
            [
                ("ApiFunctionUrl", self.api_url.url, "Answers only to who sends the origin secret"),
                ("SearchFunctionUrl", self.search_url.url, "Likewise, searches only"),
                ("OriginSecretArn", self.secret.arn, "Rotate: docs/runbook.md"),
            ]
            if self._secret
            else [("ApiUrl", self.api_url.url, "What clients use")]
        )
        outputs += [
            ("DeadLetterQueueUrl", self.indexing.dead_letters.queue.queue_url, "Stream records given up"),
            ("MergeMachineArn", self.machine.state_machine_arn, "Large merges"),
        ]
        if self.failover is not None:
            outputs += self.failover.outputs()
        if self.managed_elsewhere is not None:
            outputs += self.managed_elsewhere.outputs()
        for name, value, description in outputs:
            CfnOutput(self, name, value=value, description=description)
