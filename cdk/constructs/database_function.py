"""One Lambda function as all of them are: its role, its log group, and the alias that everything else refers to."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration, RemovalPolicy, Size
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk.acknowledged import acknowledge_checkov, acknowledge_nag
from cdk.artifacts import Artifacts
from cdk.constructs.dependency_layers import RUNTIME, DependencyLayers
from cdk.constructs.log_retention import retention
from cdk.settings import SNAPSTART_DISK_MB, Settings

_ALIAS = "live"
NAMESPACE = "QuartzDB"


class DatabaseFunction(Construct):
    """`live` is what is invoked: an alias of the newest version, moved in one step when a deployment is through.

    With `disk_mb` of at most SNAPSTART_DISK_MB versions start from a snapshot of their initialised memory. `snapshot`
    False: nobody waits for it to start. `signs`: it has what it takes to sign; `bills`: to ask Stripe. `answers`: it
    runs for each request, and leaves its usage line.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        settings: Settings,
        artifacts: Artifacts,
        layers: DependencyLayers,
        timeout: Duration,
        memory_mb: int,
        concurrency: int | None,
        environment: Mapping[str, str],
        description: str,
        disk_mb: int = SNAPSTART_DISK_MB,
        dead_letters: sqs.IQueue | None = None,
        snapshot: bool = True,
        signs: bool = False,
        bills: bool = False,
        answers: bool = False,
    ) -> None:
        super().__init__(scope, construct_id)
        self.short_name = name
        self.name = f"{settings.prefix}-{name}"
        self.timeout = timeout
        # The name is made up by CloudFormation: a log group that was kept must not be in the way of a later stack.
        self.log_group = logs.LogGroup(
            self,
            "Logs",
            retention=retention(settings.log_retention_days),
            removal_policy=RemovalPolicy.RETAIN if settings.keep_data else RemovalPolicy.DESTROY,
        )
        # A role of its own and not Lambda's ready-made policy, which may write to every log group of the account.
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        self.log_group.grant_write(self.role)
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=self.name,
            description=description,
            runtime=RUNTIME,
            architecture=layers.architecture,
            code=lambda_.Code.from_asset(
                str(artifacts.function(name)), exclude=["**/__pycache__", "**/*.pyc", "*.md"]
            ),
            handler="handler.handler",
            layers=[
                *layers.versions,
                *([layers.signing] if signs else []),
                *([layers.billing] if bills else []),
            ],
            role=self.role,
            timeout=timeout,
            memory_size=memory_mb,
            ephemeral_storage_size=Size.mebibytes(disk_mb),
            reserved_concurrent_executions=concurrency,
            # Disabled is what Lambda calls PassThrough: it traces for whoever calls with a trace of their own.
            tracing=lambda_.Tracing.ACTIVE if settings.traces else lambda_.Tracing.DISABLED,
            snap_start=(
                lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS
                if snapshot and settings.snapstart and disk_mb <= SNAPSTART_DISK_MB
                else None
            ),
            log_group=self.log_group,
            # Lambda's own lines as JSON too, so that one query reads both; what the function writes passes unchanged.
            logging_format=lambda_.LoggingFormat.JSON,
            application_log_level_v2=lambda_.ApplicationLogLevel.INFO,
            # Two of three lines of a request would be Lambda's own, which say little that metrics do not.
            system_log_level_v2=(
                lambda_.SystemLogLevel.WARN
                if answers and not settings.lambda_lines
                else lambda_.SystemLogLevel.INFO
            ),
            dead_letter_queue=dead_letters,
            environment={
                "QUARTZDB_SITE": "aws",
                # The dimension of its metrics, so it tells two deployments in one account apart.
                "POWERTOOLS_SERVICE_NAME": self.name,
                "POWERTOOLS_METRICS_NAMESPACE": NAMESPACE,
                "POWERTOOLS_LOG_LEVEL": "INFO",
                # numpy would start a thread per processor when it is imported, and none of them helps one query.
                "OPENBLAS_NUM_THREADS": "1",
                **environment,
            },
        )
        self.live = lambda_.Alias(self, "Live", alias_name=_ALIAS, version=self.function.current_version)
        self._acknowledge(dead_letters, traced=settings.traces)

    def _acknowledge(self, dead_letters: sqs.IQueue | None, *, traced: bool) -> None:
        reasons = {
            "CKV_AWS_115": "How much concurrency to set aside depends on the account; it is a setting.",
            "CKV_AWS_117": "DynamoDB, S3 and the rest are public endpoints with IAM in front: a VPC would add a "
            "gateway to pay for and protect nothing.",
            "CKV_AWS_173": "The environment has names and ARNs, no secrets; Lambda's own key encrypts it.",
        }
        if not traced:
            reasons["CKV_AWS_50"] = (
                "Usage lines and metrics say what a trace would; it is a setting (traces)."
            )
        if dead_letters is None:
            reasons["CKV_AWS_116"] = "Only invoked synchronously, or by a stream that has a queue of its own."
        acknowledge_checkov(self.function, reasons)
        acknowledge_nag(
            self.function,
            {
                "AwsSolutions-L1": "The layers hold machine code and bytecode of Python 3.13; both move together."
            },
        )
        acknowledge_nag(
            self.role,
            {"AwsSolutions-IAM5[Resource::*]": "Traces and streams' listing have no resources to name."},
        )
        acknowledge_checkov(
            self.log_group,
            {"CKV_AWS_158": "Encrypted with CloudWatch's own key: docs/adr/0008-managed-keys.md."},
        )
