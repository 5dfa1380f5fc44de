"""The platform beside the database: its table, its function at /platform, its mail. Only where it is asked for.

The database knows nothing of it, and goes on without it: this stack can be away or broken, and keys and data work.
"""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import CfnOutput, Duration, Environment, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from cdk.acknowledged import acknowledge_checkov
from cdk.artifacts import Artifacts
from cdk.constructs.database_function import DatabaseFunction
from cdk.constructs.dead_letters import DeadLetters
from cdk.constructs.dependency_layers import PLATFORM_LAYERS, DependencyLayers
from cdk.constructs.every_minute import EveryMinute
from cdk.constructs.platform_access import (
    SUPPRESSIONS,
    USAGE,
    grant_archives,
    grant_documents,
    grant_secrets,
    grant_tenants,
)
from cdk.constructs.platform_mail import PlatformMail
from cdk.constructs.platform_table import PlatformTable
from cdk.constructs.usage_subscription import UsageSubscription
from cdk.platform_document import read_document
from cdk.settings import Settings
from cdk.stacks.data import DataStack
from cdk.stacks.service import ServiceStack

_ANSWERS_WITHIN = Duration.seconds(30)
_UPKEEP_WITHIN = Duration.minutes(10)
"""A run that was cut off is made up for: steps are safe to repeat, and each is claimed by one run at a time."""
_UPKEEP_MEMORY_MB = 512
_BILLS_WITHIN = Duration.seconds(28)
"""Less than whoever asks waits for."""
_BILLING_MEMORY_MB = 512
_COUNTS_WITHIN = Duration.minutes(1)
_METERING_MEMORY_MB = 512


class PlatformStack(Stack):
    """`url` of the function that answers /platform/*, `functions`, `table` and `mail`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        env: Environment,
        artifacts: Artifacts,
        data_stack: DataStack,
        service: ServiceStack,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            env=env,
            description="QuartzDB: accounts, projects and keys",
            cross_region_references=True,
            termination_protection=settings.keep_data,
        )
        self._settings = settings
        self._artifacts = artifacts
        self._data = data_stack
        self._document = read_document(settings.platform_settings)
        self._layers = DependencyLayers(
            self, "Layers", artifacts=artifacts, architecture=settings.architecture, names=PLATFORM_LAYERS
        )
        self.table = PlatformTable(self, "Documents", keep=settings.keep_data).table
        self.mail = PlatformMail(
            self,
            "Mail",
            prefix=settings.prefix,
            domain=settings.mail_domain or "",
            zone=settings.zone,
            proved=settings.mail_proved,
        )
        self.billing = self._billing() if settings.stripe_secret_arn else None
        webhooks = settings.stripe_webhook_secret_arn
        self.platform = self._function(
            "platform",
            "Accounts, projects and keys",
            settings.platform_memory_mb,
            timeout=_ANSWERS_WITHIN,
            environment={
                "QUARTZDB_ORIGIN_SECRET_ARN": service.secret.arn,
                **({"QUARTZDB_STRIPE_WEBHOOK_SECRET_ARN": webhooks} if webhooks else {}),
            },
        )
        service.secret.grant_read(self.platform.role)
        grant_secrets(self.platform.role, [*self._document.secret_arns, *([webhooks] if webhooks else [])])
        self.unstarted = DeadLetters(self, "Unstarted")
        self.upkeep = self._function(
            "platform_upkeep",
            "What the platform does by itself, each minute",
            _UPKEEP_MEMORY_MB,
            timeout=_UPKEEP_WITHIN,
            environment={},
            dead_letters=self.unstarted,
            snapshot=False,
        )
        self._have_data_asked_for(service)
        grant_archives(self.platform.role, data_stack.bucket_name)
        EveryMinute(
            self,
            "EveryMinute",
            function=self.upkeep,
            what="do what is due of the platform",
            dead_letters=self.unstarted.queue,
        )
        self.uncounted = DeadLetters(self, "Uncounted")
        self.metering = self._metering(service)
        self.mail_events = self._mail_events()
        self.functions = [self.platform, self.upkeep, self.metering, self.mail_events]
        if self.billing is not None:
            self.functions.append(self.billing)
            for asks in (self.platform, self.upkeep):
                # Not `grant_invoke`, which allows every version of it, too.
                asks.role.add_to_policy(
                    iam.PolicyStatement(
                        actions=["lambda:InvokeFunction"], resources=[self.billing.live.function_arn]
                    )
                )
        # Open to the network, closed by the origin secret, as those of the database are.
        self.url = self.platform.live.add_function_url(auth_type=lambda_.FunctionUrlAuthType.NONE)
        acknowledge_checkov(self.url, {"CKV_AWS_258": "Whoever does not send the origin secret is refused."})
        CfnOutput(
            self,
            "PlatformFunctionUrl",
            value=self.url.url,
            description="Answers only to who sends the origin secret",
        )
        CfnOutput(
            self,
            "UncountedQueueUrl",
            value=self.uncounted.queue.queue_url,
            description="Usage lines that could not be counted: docs/runbook.md",
        )
        CfnOutput(
            self, "PlatformTableName", value=self.table.table_name, description="Accounts, projects, audit"
        )

    def _have_data_asked_for(self, service: ServiceStack) -> None:
        """By the scheduled pass alone: what answers people has no way to anybody's data."""
        assert service.tenant_data is not None, "a service beside a platform has it"
        # By its version's alias, and by nothing else of the name.
        service.tenant_data.live.grant_invoke(self.upkeep.role)
        self.upkeep.function.add_environment(
            "QUARTZDB_TENANT_DATA_FUNCTION", service.tenant_data.live.function_arn
        )

    def _metering(self, service: ServiceStack) -> DatabaseFunction:
        metering = self._alone(
            "metering",
            "Counts what projects use",
            _METERING_MEMORY_MB,
            timeout=_COUNTS_WITHIN,
            environment={},
            dead_letters=self.uncounted,
            snapshot=False,
        )
        grant_documents(metering.role, self.table, USAGE)
        UsageSubscription(self, "Usage", metering=metering, functions=service.answering)
        return metering

    def _billing(self) -> DatabaseFunction:
        """It alone has Stripe's SDK and key, and nothing else: no table, no address. Others ask by invoking it."""
        secret = self._settings.stripe_secret_arn or ""
        billing = DatabaseFunction(
            self,
            "Billing",
            name="billing",
            description="QuartzDB: What the platform asks of Stripe",
            settings=self._settings,
            artifacts=self._artifacts,
            layers=self._layers,
            timeout=_BILLS_WITHIN,
            memory_mb=_BILLING_MEMORY_MB,
            concurrency=None,
            environment={"QUARTZDB_STRIPE_SECRET_ARN": secret},
            bills=True,
        )
        grant_secrets(billing.role, [secret])
        return billing

    def _mail_events(self) -> DatabaseFunction:
        events = self._alone(
            "platform_mail_events",
            "Keeps from which addresses mail came back",
            _METERING_MEMORY_MB,
            timeout=_COUNTS_WITHIN,
            environment={},
            dead_letters=self.unstarted,
            snapshot=False,
        )
        grant_documents(events.role, self.table, SUPPRESSIONS)
        self.mail.events.add_subscription(subscriptions.LambdaSubscription(events.live))
        return events

    def _function(
        self,
        name: str,
        description: str,
        memory_mb: int,
        *,
        timeout: Duration,
        environment: Mapping[str, str],
        dead_letters: DeadLetters | None = None,
        snapshot: bool = True,
    ) -> DatabaseFunction:
        """One that has all documents, the database's keys and grants, and sends mail."""
        function = self._alone(
            name,
            description,
            memory_mb,
            timeout=timeout,
            environment={
                "QUARTZDB_TABLE": self._data.table.table_name,
                "QUARTZDB_BUCKET": self._data.bucket.bucket_name,
                "QUARTZDB_PLATFORM_URL": self._settings.public_url,
                **self.mail.environment,
                **self._further(),
                **environment,
            },
            dead_letters=dead_letters,
            snapshot=snapshot,
        )
        grant_documents(function.role, self.table)
        grant_tenants(function.role, self._data.table)
        self.mail.grant_send(function.role)
        return function

    def _further(self) -> Mapping[str, str]:
        """What is set where somebody wants it otherwise than usual."""
        wanted = {
            "QUARTZDB_PLATFORM_SETTINGS_TOML": self._document.text,
            "QUARTZDB_SECRET_SCANNING_KEYS_URL": self._settings.secret_scanning_keys_url or "",
            "QUARTZDB_BILLING_FUNCTION": self.billing.live.function_arn if self.billing else "",
        }
        return {name: value for name, value in wanted.items() if value}

    def _alone(
        self,
        name: str,
        description: str,
        memory_mb: int,
        *,
        timeout: Duration,
        environment: Mapping[str, str],
        dead_letters: DeadLetters | None,
        snapshot: bool,
    ) -> DatabaseFunction:
        """One that knows the platform's table, and may do nothing yet."""
        return DatabaseFunction(
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
            environment={"QUARTZDB_PLATFORM_TABLE": self.table.table_name, **environment},
            dead_letters=dead_letters.queue if dead_letters else None,
            snapshot=snapshot,
        )
