"""The composition root of failover on AWS. Apart from the others, so that no other function pays for it."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from quartzdb.adapters.aws.dynamodb_api_keys import DynamoApiKeys
from quartzdb.adapters.aws.dynamodb_checkpoints import DynamoCheckpoints
from quartzdb.adapters.aws.dynamodb_leases import DynamoLeases
from quartzdb.adapters.aws.dynamodb_origin_states import DynamoOriginStates
from quartzdb.adapters.aws.eventbridge_routing_events import EventBridgeRoutingEvents
from quartzdb.adapters.aws.remembered_secret import RememberedSecret
from quartzdb.adapters.aws.s3_routing_publisher import S3RoutingPublisher
from quartzdb.adapters.aws.sqs_passive_reports import SqsPassiveReports
from quartzdb.adapters.http.http_probe import ProbedOrigin
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.domain.values import dataclass
from quartzdb.replication.status import PeerKind, PeerName, ReplicationStatus
from quartzdb.routing.decision.rules import DEFAULT_RULES, Rules
from quartzdb.routing.decision.state import Origin
from quartzdb.routing.probe.canary import CanaryKey
from quartzdb.routing.probe.probing import Probing, Round
from quartzdb.wiring.aws import AwsSettings
from quartzdb.wiring.aws_clients import AwsClients
from quartzdb.wiring.routing import RoutingAdapters, assemble_probing


@dataclass(frozen=True, slots=True)
class ProbeSettings:
    """What the health probe of a deployment is told. URLs have no path; ARNs are of secrets.

    `canary_secret` is what the canary's key follows from. `cloudflare_canary_key` None: Cloudflare gets API keys from
    this site; else a secret that is the key itself, for a deployment that has keys of its own.
    """

    api_url: str
    search_url: str
    cloudflare_url: str
    origin_secret: str
    cloudflare_secret: str
    canary_secret: str
    cloudflare_canary_key: str | None = None
    passive_queue_url: str | None = None
    primary: Origin = Origin.CLOUDFLARE
    peer_site: str = "cloudflare"


def aws_routing(settings: AwsSettings, clients: AwsClients | None = None) -> RoutingAdapters:
    """In the table and the bucket of a deployment; events go to the account's default bus. Asks AWS nothing yet."""
    clients = clients or settings.clients()
    clock = SystemClock()
    table = clients.table(settings.table, clock)
    return RoutingAdapters(
        DynamoOriginStates(table),
        S3RoutingPublisher(clients.s3, settings.bucket),
        EventBridgeRoutingEvents(clients.events),
        DynamoLeases(table),
        DynamoApiKeys(table),
        clock,
    )


def open_probing(
    settings: AwsSettings,
    probe: ProbeSettings,
    *,
    rules: Rules = DEFAULT_RULES,
    observe: Callable[[Round], None] = lambda _found: None,
) -> Probing:
    """The health probe of a deployment. Asks AWS nothing yet."""
    clients = settings.clients()
    adapters = aws_routing(settings, clients)
    clock = adapters.clock
    checkpoints = DynamoCheckpoints(clients.table(settings.table, clock))

    def secret(arn: str) -> RememberedSecret:
        return RememberedSecret(clients.secret_reader(arn), clock)

    own_key = CanaryKey(adapters.api_keys, clock, secret(probe.canary_secret).value).text
    cloudflare_key = secret(probe.cloudflare_canary_key).value if probe.cloudflare_canary_key else own_key
    reports = None
    if probe.passive_queue_url is not None:
        reports = SqsPassiveReports(clients.sqs, probe.passive_queue_url)
    peers = [PeerName(probe.peer_site, PeerKind.FULL)]
    return assemble_probing(
        adapters,
        [
            ProbedOrigin(
                Origin.AWS,
                probe.api_url,
                own_key,
                secret(probe.origin_secret).value,
                search_url=probe.search_url,
            ),
            ProbedOrigin(
                Origin.CLOUDFLARE, probe.cloudflare_url, cloudflare_key, secret(probe.cloudflare_secret).value
            ),
        ],
        primary=probe.primary,
        owner=f"{settings.site}.{secrets.token_hex(4)}",
        lag_ms=ReplicationStatus(settings.site, peers, checkpoints, clock).lag_ms,
        reports=reports,
        rules=rules,
        observe=observe,
    )
