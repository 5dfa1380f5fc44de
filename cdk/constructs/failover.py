"""Two origins: the health probe, what the edge tells it, and the secrets that the parts of failover share.

Only where a `cloudflare_domain` is set. The router itself is in the edge's stack, because CloudFront wants it there.
"""

from __future__ import annotations

from collections.abc import Callable

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdk.constructs import data_access as data
from cdk.constructs.data_access import DataAccess
from cdk.constructs.database_function import DatabaseFunction
from cdk.constructs.dead_letters import DeadLetters
from cdk.constructs.edge_queue import EdgeQueue
from cdk.constructs.every_minute import EveryMinute
from cdk.constructs.origin_secret import OriginSecret
from cdk.settings import Settings

_PROBES_FOR = Duration.seconds(75)
"""55 seconds of rounds, up to 10 of waiting for the one before, and time to store what was learned."""
_PROBE_MEMORY_MB = 512
_REPLICATES_FOR = Duration.seconds(90)
"""55 seconds of rounds, waiting for the one before, and a request to the peer that is under way."""
_REPLICATOR_MEMORY_MB = 1_024

HEALTH_PROBE = DataAccess(
    reads=(*data.ROUTING, *data.PROBE_LEASE, *data.CHECKPOINTS, *data.CANARY_KEYS),
    writes=(*data.ROUTING, *data.PROBE_LEASE, *data.CANARY_KEYS),
    gets=(),
    puts=(data.ROUTING_STATE,),
)

REPLICATOR = DataAccess(
    reads=(
        *data.LOG,
        *data.KEY_VALUES,
        *data.NAMESPACES,
        *data.API_KEYS,
        *data.GRANTS,
        *data.CHECKPOINTS,
        *data.REPLICATION_LEASE,
    ),
    # It writes what it takes over as the api function writes what clients send; API keys it only reads and passes on.
    writes=(
        *data.LOG,
        *data.KEY_VALUES,
        *data.NAMESPACES,
        *data.CHECKPOINTS,
        *data.REPLICATION_LEASE,
    ),
    walks_feed=True,
    gets=(data.SEGMENTS, data.LOG_BODIES, data.VALUES, data.POINTERS),
    puts=(data.LOG_BODIES, data.VALUES),
    deletes=(data.LOG_BODIES, data.VALUES),
)
BESIDE_A_PEER = DataAccess(reads=data.CHECKPOINTS, gets=())
"""What is kept for the other site is known from how far it has come."""

MakeFunction = Callable[..., DatabaseFunction]


class Failover(Construct):
    """`make` makes a function of the service's stack, which knows layers, table and bucket."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        make: MakeFunction,
        api_url: lambda_.IFunctionUrl,
        search_url: lambda_.IFunctionUrl,
        origin_secret: OriginSecret,
        dead_letters: DeadLetters,
    ) -> None:
        super().__init__(scope, construct_id)
        self.cloudflare_secret = OriginSecret(
            self, "CloudflareSecret", what="what the edge sends to Cloudflare"
        )
        self.canary_secret = OriginSecret(
            self, "CanarySecret", what="what the health probe's API key follows from", at_edge=False
        )
        # A report is of no use once it is older than the probe's window; of more than are read, a sample will do.
        self.reports = EdgeQueue(
            self, "Reports", kept=Duration.minutes(1), visible_again=Duration.seconds(30), attempts=5
        )
        # What is not applied within days is made up for by comparing: no write is lost by its being late.
        self.mirror = (
            EdgeQueue(
                self,
                "Mirror",
                kept=Duration.days(14),
                visible_again=Duration.minutes(2),
                attempts=10,
                has_bodies=True,
            )
            if settings.cloudflare_peer == "contract"
            else None
        )
        self.edge_queues = [one.queue for one in (self.reports, self.mirror) if one is not None]
        environment = {
            "QUARTZDB_API_URL": api_url.url,
            "QUARTZDB_SEARCH_URL": search_url.url,
            "QUARTZDB_CLOUDFLARE_URL": f"https://{settings.cloudflare_domain}",
            "QUARTZDB_PRIMARY_ORIGIN": settings.primary_origin,
            "QUARTZDB_ORIGIN_SECRET_ARN": origin_secret.arn,
            "QUARTZDB_CLOUDFLARE_SECRET_ARN": self.cloudflare_secret.arn,
            "QUARTZDB_CANARY_SECRET_ARN": self.canary_secret.arn,
            "QUARTZDB_PASSIVE_QUEUE_URL": self.reports.queue.queue_url,
        }
        if settings.cloudflare_api_key_arn is not None:
            environment["QUARTZDB_CLOUDFLARE_CANARY_KEY_ARN"] = settings.cloudflare_api_key_arn
        self.health_probe = make(
            "health_probe",
            "Probes both origins and decides which one serves",
            _PROBE_MEMORY_MB,
            HEALTH_PROBE,
            timeout=_PROBES_FOR,
            environment=environment,
            dead_letters=dead_letters,
            snapshot=False,
        )
        self._settings = settings
        self._probing(origin_secret, dead_letters)
        self.replication_secret = (
            OriginSecret(
                self,
                "ReplicationSecret",
                what="what the two sites prove themselves to each other with",
                at_edge=False,
            )
            if settings.cloudflare_peer == "full"
            else None
        )
        # Of the function that passes API keys on, and of nobody else: whoever has only the secret above makes no key.
        self.signing_secret = (
            OriginSecret(
                self,
                "SigningSecret",
                what="what API keys are signed with on their way to the other site",
                at_edge=False,
            )
            if settings.cloudflare_peer == "full"
            else None
        )
        self.replicator = self._replicating(make, dead_letters)

    def join(self, function: DatabaseFunction, grant: Callable[[iam.Role], None], *, serves: bool) -> None:
        """Have a function know that its site is one of two; `serves`: it answers the other one, too."""
        for name, value in self._peer().items():
            function.function.add_environment(name, value)
        grant(function.role)
        if serves and self.replication_secret is not None:
            self.replication_secret.grant_read(function.role)

    def outputs(self) -> list[tuple[str, str, str]]:
        """Name, value and description of what an operator needs."""
        found = [
            ("CloudflareSecretArn", self.cloudflare_secret.arn, "Set it at Cloudflare: docs/runbook.md"),
            ("ReportQueueUrl", self.reports.queue.queue_url, "What the edge saw of both origins"),
        ]
        if self.replication_secret is not None:
            what = "Set it at Cloudflare: docs/runbook.md"
            found.append(("ReplicationSecretArn", self.replication_secret.arn, what))
        if self.signing_secret is not None:
            what = "Its public key is set at Cloudflare: docs/runbook.md"
            found.append(("SigningSecretArn", self.signing_secret.arn, what))
        if self.mirror is not None:
            dead = self.mirror.dead_letters.queue.queue_url
            found.append(("MirrorDeadLetterQueueUrl", dead, "Mirrored writes given up"))
        return found

    def _peer(self) -> dict[str, str]:
        peer = {
            "QUARTZDB_PEER_SITE": "cloudflare",
            "QUARTZDB_PEER_KIND": self._settings.cloudflare_peer,
            "QUARTZDB_PEER_URL": f"https://{self._settings.cloudflare_domain}",
        }
        if self.replication_secret is not None:
            peer["QUARTZDB_REPLICATION_SECRET_ARN"] = self.replication_secret.arn
        if self._settings.shared_tenants is not None:
            peer["QUARTZDB_SHARED_TENANTS"] = self._settings.shared_tenants
        if self._settings.cloudflare_api_key_arn is not None:
            peer["QUARTZDB_PEER_API_KEY_ARN"] = self._settings.cloudflare_api_key_arn
        return peer

    def _replicating(self, make: MakeFunction, dead_letters: DeadLetters) -> DatabaseFunction:
        environment = {**self._peer(), "QUARTZDB_CLOUDFLARE_SECRET_ARN": self.cloudflare_secret.arn}
        if self.mirror is not None:
            environment["QUARTZDB_MIRROR_QUEUE_URL"] = self.mirror.queue.queue_url
        if self.signing_secret is not None:
            environment["QUARTZDB_SIGNING_KEY_ARN"] = self.signing_secret.arn
        replicator = make(
            "replicator",
            "Keeps both sites at the same data",
            _REPLICATOR_MEMORY_MB,
            REPLICATOR,
            timeout=_REPLICATES_FOR,
            environment=environment,
            dead_letters=dead_letters,
            snapshot=False,
            signs=self.signing_secret is not None,
        )
        self.cloudflare_secret.grant_read(replicator.role)
        if self.replication_secret is not None:
            self.replication_secret.grant_read(replicator.role)
        if self.signing_secret is not None:
            self.signing_secret.grant_read(replicator.role)
        grant_api_key(replicator.role, self._settings)
        if self.mirror is not None:
            self.mirror.grant_take(replicator.role)
        EveryMinute(
            self,
            "Replicating",
            function=replicator,
            what="replicate with the other site",
            dead_letters=dead_letters.queue,
        )
        return replicator

    def _probing(self, origin_secret: OriginSecret, dead_letters: DeadLetters) -> None:
        role = self.health_probe.role
        for secret in (origin_secret, self.cloudflare_secret, self.canary_secret):
            secret.grant_read(role)
        grant_api_key(role, self._settings)
        self.reports.grant_take(role)
        self._grant_events(role)
        EveryMinute(
            self,
            "Probing",
            function=self.health_probe,
            what="probe both origins",
            dead_letters=dead_letters.queue,
        )

    def _grant_events(self, role: iam.Role) -> None:
        bus = Stack.of(self).format_arn(service="events", resource="event-bus", resource_name="default")
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["events:PutEvents"],
                resources=[bus],
                conditions={"StringEquals": {"events:source": "quartzdb"}},
            )
        )


def grant_api_key(role: iam.Role, settings: Settings) -> None:
    """Let a function read the API key of a Cloudflare deployment that takes none from here."""
    if settings.cloudflare_api_key_arn is not None:
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["secretsmanager:GetSecretValue"], resources=[settings.cloudflare_api_key_arn]
            )
        )
