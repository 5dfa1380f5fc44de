"""What rings and what is looked at: alarms on functions, indexing and data, and one dashboard."""

from __future__ import annotations

from aws_cdk import CfnOutput, Environment, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdk.constructs.alarms import PERIOD, Alarms
from cdk.constructs.dashboard import DatabaseDashboard
from cdk.constructs.failover import Failover
from cdk.constructs.platform_mail import PlatformMail
from cdk.constructs.telemetry import table_system_errors, table_throttles, written, written_by_all
from cdk.settings import Settings
from cdk.stacks.data import DataStack
from cdk.stacks.edge import EdgeStack
from cdk.stacks.platform import PlatformStack
from cdk.stacks.service import ServiceStack

_SLOW_ANSWER_MS = 3_000
_NEAR_THE_END = 0.8
"""A background function that takes more than this of its time is about to be cut off."""


class ObservabilityStack(Stack):
    """Depends on all others, and nothing on it."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        env: Environment,
        data_stack: DataStack,
        service: ServiceStack,
        edge: EdgeStack | None,
        platform: PlatformStack | None = None,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            env=env,
            description="QuartzDB: alarms and the dashboard",
            cross_region_references=True,
            termination_protection=settings.keep_data,
        )
        self._service = service
        self._data = data_stack
        self._fronted = edge is not None
        self._alarms = Alarms(
            self,
            "Alarms",
            prefix=settings.prefix,
            email=settings.alarm_email,
            arithmetic=settings.alarm_arithmetic,
        )
        self._on_functions()
        self._on_answers()
        self._on_indexing()
        self._on_data()
        if service.failover is not None:
            self._on_failover(service.failover)
        if platform is not None:
            self._on_platform(platform)

        if settings.dashboard:
            self._dashboard(settings, edge, platform)

    def _dashboard(self, settings: Settings, edge: EdgeStack | None, platform: PlatformStack | None) -> None:
        service = self._service
        board = DatabaseDashboard(self, "Dashboard", name=settings.prefix)
        board.add_alarms(self._alarms.all)
        if edge is not None:
            board.add_edge(edge.distribution_id, settings.region)
        for function in service.functions:
            board.add_function(function)
        queues = [service.indexing.dead_letters.queue, service.unstarted.queue]
        board.add_indexing(service.indexer, service.compactor, queues, service.machine)
        if service.failover is not None:
            board.add_failover(service.failover)
            for function in (service.failover.health_probe, service.failover.replicator):
                board.add_function(function)
        if platform is not None:
            for function in (*platform.functions, *filter(None, (service.tenant_data,))):
                board.add_function(function)
        board.add_storage(self._data.table, self._data.bucket)
        CfnOutput(self, "DashboardName", value=board.name, description="CloudWatch")

    def _on_functions(self) -> None:
        answering = self._service.answering
        for one in self._service.functions:
            function, short = one.function, one.short_name
            self._errors(short, function, f"Invocations of {short} end in an error or a timeout.")
            self._throttles(short, function)
            slow = _SLOW_ANSWER_MS if one in answering else int(one.timeout.to_milliseconds() * _NEAR_THE_END)
            self._alarms.add(
                f"{short}-duration",
                function.metric_duration(statistic="p99", period=PERIOD),
                above=slow,
                what=f"One of a hundred invocations of {short} takes longer than {slow:,} ms.",
            )

    def _errors(self, name: str, function: lambda_.IFunction, what: str) -> None:
        self._alarms.add(
            f"{name}-errors",
            function.metric_errors(period=PERIOD),
            above=0,
            minutes=3,
            of_minutes=15,
            what=what,
        )

    def _throttles(self, folder: str, function: lambda_.IFunction) -> None:
        """`folder`: of the function's code."""
        self._alarms.add(
            f"{folder.replace('_', '-')}-throttles",
            function.metric_throttles(period=PERIOD),
            above=0,
            minutes=3,
            of_minutes=15,
            what=f"Lambda refuses to run {folder}: its concurrency, or the account's, is used up.",
        )

    def _on_answers(self) -> None:
        answering = self._service.answering
        self._alarms.add(
            "server-errors",
            written_by_all("ServerErrors", answering),
            above=0,
            minutes=3,
            of_minutes=15,
            what="Requests are answered with 5xx by the application itself.",
        )
        if self._fronted:
            self._alarms.add(
                "origin-refused",
                written_by_all("OriginRefused", answering),
                above=100,
                what="Many requests come without the origin secret: around CloudFront, or after a rotation gone wrong.",
            )
        self._alarms.add(
            "snapshot-degraded",
            written_by_all("SnapshotDegraded", self._service.functions),
            above=0,
            minutes=1,
            what="A namespace is served from an older manifest, or not at all, because a segment is damaged.",
        )

        self._alarms.add(
            "rate-limits-open",
            written_by_all("RateLimitsOpen", answering),
            above=0,
            minutes=3,
            of_minutes=15,
            what="What is left of rates cannot be asked: requests are answered, and no rate is held.",
        )

    def _on_indexing(self) -> None:
        service = self._service
        self._alarms.add(
            "stream-age",
            service.indexer.function.metric("IteratorAge", statistic="Maximum", period=PERIOD),
            above=15 * 60 * 1_000,
            what="The indexer has not come to stream records that are older than 15 minutes.",
        )
        self._alarms.add(
            "indexer-lag",
            written("IndexerLagSeconds", service.indexer, statistic="Maximum"),
            above=5 * 60,
            what="Log entries wait for more than 5 minutes to be folded; tails and query times grow.",
        )
        self._alarms.add(
            "dead-letters",
            service.indexing.dead_letters.queue.metric_approximate_number_of_messages_visible(period=PERIOD),
            above=0,
            minutes=1,
            what="Stream records were given up after all retries.",
        )
        self._alarms.add(
            "unstarted-runs",
            service.unstarted.queue.metric_approximate_number_of_messages_visible(period=PERIOD),
            above=0,
            minutes=1,
            what="A scheduled run of the compactor failed or could not be started.",
        )
        self._alarms.add(
            "maintenance-stopped",
            service.compactor.function.metric_invocations(period=PERIOD),
            below=1,
            minutes=10,
            silence_is_bad=True,
            what="The compactor has not run for 10 minutes.",
        )
        self._alarms.add(
            "maintenance-failures",
            written("MaintenanceFailures", service.compactor),
            above=0,
            minutes=10,
            of_minutes=30,
            what="The compactor fails on some namespace again and again.",
        )
        self._alarms.add(
            "merge-failures",
            service.machine.metric_failed(period=PERIOD),
            above=0,
            minutes=1,
            what="A large merge failed after its retries.",
        )

    def _on_data(self) -> None:
        self._alarms.add(
            "table-throttles",
            table_throttles(self._data.table),
            above=0,
            minutes=3,
            of_minutes=15,
            what="DynamoDB puts requests off: a partition is too hot, or traffic doubled within minutes.",
        )
        self._alarms.add(
            "table-system-errors",
            table_system_errors(self._data.table),
            above=0,
            minutes=3,
            of_minutes=15,
            what="DynamoDB itself fails.",
        )

    def _on_failover(self, failover: Failover) -> None:
        probe = failover.health_probe
        self._alarms.add(
            "probe-stopped",
            written("ProbeRounds", probe),
            below=1,
            minutes=3,
            silence_is_bad=True,
            what="Nobody has looked at the origins for 3 minutes: routing stays as it is, whatever happens.",
        )
        self._errors("probe", probe.function, "Runs of the health probe end in an error or a timeout.")
        self._alarms.add(
            "probes-impossible",
            written("ProbesImpossible", probe),
            above=0,
            minutes=5,
            of_minutes=10,
            what="An origin cannot be probed: a secret is not to be had, or the canary is not admitted.",
        )
        self._alarms.add(
            "routing-undecided",
            written("RoutingUndecided", probe),
            above=0,
            minutes=3,
            of_minutes=10,
            what="The routing state cannot be read or stored, so nothing can be switched.",
        )
        self._alarms.add(
            "origin-switched",
            written("OriginSwitched", probe),
            above=0,
            minutes=1,
            what="Another origin serves: a failover, or the return from one.",
        )
        self._alarms.add(
            "breaker-open",
            written("BreakersOpen", probe, statistic="Maximum"),
            above=0,
            minutes=5,
            of_minutes=10,
            what="One of the two origins is held out: the other is all that is left.",
        )
        self._on_replication(failover)

    def _on_replication(self, failover: Failover) -> None:
        replicator = failover.replicator
        self._errors(
            "replicator", replicator.function, "Runs of the replicator end in an error or a timeout."
        )
        self._alarms.add(
            "replication-lag",
            written("ReplicationLagSeconds", replicator, statistic="Maximum"),
            above=5 * 60,
            minutes=5,
            silence_is_bad=True,
            what="The sites are more than 5 minutes apart, or nobody can tell: a failover would show old data.",
        )
        self._alarms.add(
            "replication-stopped",
            written("ReplicationStopped", replicator, statistic="Maximum"),
            above=0,
            minutes=2,
            what="A direction of replication stands still, because the other site refuses what it is sent for good.",
        )
        self._alarms.add(
            "replication-different",
            written("ReplicationDifferent", replicator, statistic="Maximum"),
            above=0,
            minutes=5,
            what="Parts of the data stayed different after a comparison.",
        )
        if failover.mirror is not None:
            dead = failover.mirror.dead_letters.queue
            self._alarms.add(
                "mirror-dead-letters",
                dead.metric_approximate_number_of_messages_visible(period=PERIOD),
                above=0,
                minutes=1,
                what="Writes that Cloudflare has accepted could not be applied here.",
            )

    def _on_platform(self, platform: PlatformStack) -> None:
        answering = platform.platform
        self._errors(
            "platform",
            answering.function,
            "Invocations of platform end in an error or a timeout: people cannot sign in or make keys.",
        )
        self._throttles("platform", answering.function)
        self._alarms.add(
            "platform-duration",
            answering.function.metric_duration(statistic="p99", period=PERIOD),
            above=_SLOW_ANSWER_MS,
            what=f"One of a hundred invocations of platform takes longer than {_SLOW_ANSWER_MS:,} ms.",
        )
        self._alarms.add(
            "platform-server-errors",
            written("ServerErrors", answering),
            above=0,
            minutes=3,
            of_minutes=15,
            what="Requests are answered with 5xx by the platform itself.",
        )
        self._alarms.add(
            "platform-table-throttles",
            table_throttles(platform.table),
            above=0,
            minutes=3,
            of_minutes=15,
            what="DynamoDB puts requests to the platform's table off.",
        )
        self._on_upkeep(platform)
        self._on_tenant_data(platform)
        self._on_metering(platform)
        if platform.billing is not None:
            self._errors(
                "billing", platform.billing.function, "What is asked of Stripe ends in an error or a timeout."
            )
        self._on_mail(platform.mail)

    def _on_upkeep(self, platform: PlatformStack) -> None:
        upkeep = platform.upkeep
        self._errors("upkeep", upkeep.function, "Runs of the platform's upkeep end in an error or a timeout.")
        self._alarms.add(
            "upkeep-stopped",
            written("UpkeepSteps", upkeep),
            below=1,
            minutes=10,
            silence_is_bad=True,
            what="No step of the platform's upkeep was done for 10 minutes: what plans allow is not published.",
        )
        self._alarms.add(
            "upkeep-failures",
            written("UpkeepFailures", upkeep),
            above=0,
            minutes=5,
            of_minutes=15,
            what="A step of the platform's upkeep fails again and again.",
        )
        self._alarms.add(
            "upkeep-unstarted",
            platform.unstarted.queue.metric_approximate_number_of_messages_visible(period=PERIOD),
            above=0,
            minutes=1,
            what="A scheduled run of the platform's upkeep failed or could not be started.",
        )

    def _on_tenant_data(self, platform: PlatformStack) -> None:
        tenant_data = self._service.tenant_data
        assert tenant_data is not None, "a service beside a platform has it"
        self._errors(
            "tenant-data",
            tenant_data.function,
            "What projects hold cannot be asked, exported or deleted: invocations of tenant_data fail.",
        )
        self._throttles("tenant_data", tenant_data.function)
        self._alarms.add(
            "storage-drift",
            written("StorageDrift", platform.upkeep),
            above=0,
            minutes=1,
            what="A sample of what a project holds is more than 1 % from its data, and nothing was written between.",
        )

    def _on_metering(self, platform: PlatformStack) -> None:
        metering = platform.metering.function
        self._errors(
            "metering",
            metering,
            "Usage lines cannot be counted: caps and what is shown of usage stand still.",
        )
        self._alarms.add(
            "metering-late",
            metering.metric("AsyncEventAge", statistic="Maximum", period=PERIOD),
            above=15 * 60 * 1_000,
            what="Usage lines wait for more than 15 minutes to be counted: caps act that much later.",
        )
        self._alarms.add(
            "metering-uncounted",
            platform.uncounted.queue.metric_approximate_number_of_messages_visible(period=PERIOD),
            above=0,
            minutes=1,
            what="Usage lines were given up: what they say is in no bill until they are counted by hand.",
        )

        self._errors(
            "mail-events",
            platform.mail_events.function,
            "What SES tells of returned mail cannot be kept: it is sent there again.",
        )

    def _on_mail(self, mail: PlatformMail) -> None:
        # SES reviews an account at 5 % of bounces or 0.1 % of complaints, and stops it at 10 % or 0.5 %.
        self._alarms.add(
            "mail-bounces",
            mail.metric("Reputation.BounceRate"),
            above=0.03,
            minutes=1,
            what="More than 3 % of the mail comes back: at 5 % SES reviews the account, at 10 % it stops it.",
        )
        self._alarms.add(
            "mail-complaints",
            mail.metric("Reputation.ComplaintRate"),
            above=0.0008,
            minutes=1,
            what="More than 0.08 % of the mail is called spam by who gets it: at 0.1 % SES reviews the account.",
        )
