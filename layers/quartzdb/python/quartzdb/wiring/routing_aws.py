"""The composition root of failover on AWS. Apart from the others, so that no other function pays for it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from botocore.session import Session

from quartzdb.adapters.aws.clients import (
    aws_session,
    dynamodb_client,
    events_client,
    s3_client,
    sqs_client,
)
from quartzdb.adapters.aws.dynamodb_api_keys import DynamoApiKeys
from quartzdb.adapters.aws.dynamodb_checkpoints import DynamoCheckpoints
from quartzdb.adapters.aws.dynamodb_leases import DynamoLeases
from quartzdb.adapters.aws.dynamodb_origin_states import DynamoOriginStates
from quartzdb.adapters.aws.dynamodb_table import DynamoTable
from quartzdb.adapters.aws.eventbridge_routing_events import EventBridgeRoutingEvents
from quartzdb.adapters.aws.remembered_secret import RememberedSecret
from quartzdb.adapters.aws.s3_routing_publisher import S3RoutingPublisher
from quartzdb.adapters.aws.sqs_passive_reports import SqsPassiveReports
from quartzdb.adapters.http.http_probe import ProbedOrigin
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.replication.status import PeerKind, PeerName, ReplicationStatus
from quartzdb.routing.decision.rules import DEFAULT_RULES, Rules
from quartzdb.routing.decision.state import Origin
from quartzdb.routing.probe.canary import CanaryKey
from quartzdb.routing.probe.probing import Probing, Round
from quartzdb.wiring.aws import AwsSettings, secret_reader
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
    secrets_endpoint_url: str | None = None
    sqs_endpoint_url: str | None = None


def aws_routing(
    settings: AwsSettings, *, events_endpoint_url: str | None = None, session: Session | None = None
) -> RoutingAdapters:
    """In the table and the bucket of a deployment; events go to the account's default bus. Asks AWS nothing yet."""
    return _adapters(settings, session or aws_session(), events_endpoint_url)[1]


def open_probing(
    settings: AwsSettings,
    probe: ProbeSettings,
    *,
    events_endpoint_url: str | None = None,
    rules: Rules = DEFAULT_RULES,
    observe: Callable[[Round], None] = lambda _found: None,
    session: Session | None = None,
) -> Probing:
    """The health probe of a deployment. Asks AWS nothing yet."""
    session = session or aws_session()
    table, adapters = _adapters(settings, session, events_endpoint_url)
    clock = adapters.clock

    def secret(arn: str) -> RememberedSecret:
        read = secret_reader(
            arn, region=settings.region, endpoint_url=probe.secrets_endpoint_url, session=session
        )
        return RememberedSecret(read, clock)

    own_key = CanaryKey(adapters.api_keys, clock, secret(probe.canary_secret).value).text
    cloudflare_key = secret(probe.cloudflare_canary_key).value if probe.cloudflare_canary_key else own_key
    reports = None
    if probe.passive_queue_url is not None:
        client = sqs_client(region=settings.region, endpoint_url=probe.sqs_endpoint_url, session=session)
        reports = SqsPassiveReports(client, probe.passive_queue_url)
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
        lag_ms=ReplicationStatus(settings.site, peers, DynamoCheckpoints(table), clock).lag_ms,
        reports=reports,
        rules=rules,
        observe=observe,
    )


def _adapters(
    settings: AwsSettings, session: Session, events_endpoint_url: str | None
) -> tuple[DynamoTable, RoutingAdapters]:
    clock = SystemClock()
    dynamodb = dynamodb_client(
        region=settings.region,
        endpoint_url=settings.dynamodb_endpoint_url,
        patience=settings.dynamodb_patience,
        session=session,
    )
    s3 = s3_client(
        region=settings.region,
        endpoint_url=settings.s3_endpoint_url,
        patience=settings.s3_patience,
        path_style=settings.s3_endpoint_url is not None,
        session=session,
    )
    events = events_client(region=settings.region, endpoint_url=events_endpoint_url, session=session)
    table = DynamoTable(dynamodb, settings.table, clock)
    return table, RoutingAdapters(
        DynamoOriginStates(table),
        S3RoutingPublisher(s3, settings.bucket),
        EventBridgeRoutingEvents(events),
        DynamoLeases(table),
        DynamoApiKeys(table),
        clock,
    )
