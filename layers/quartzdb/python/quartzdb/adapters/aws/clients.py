"""The clients of AWS: where they connect, how long they wait and how often they try. Nothing else makes a client.

Clients are botocore's, which boto3's are too, with what boto3 adds to them: of that nothing is used, and on Lambda its
import and its additions cost a fifth of a cold start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.session import Session

from quartzdb.adapters.aws.failure import told_as_unavailable

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client

    from quartzdb.adapters.aws.eventbridge_routing_events import EventsClient
    from quartzdb.adapters.aws.secret_values import SecretsClient
    from quartzdb.adapters.aws.sqs_queue import SqsClient
    from quartzdb.adapters.aws.step_functions_merges import StepFunctionsClient


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how often one service is asked before the caller is told that it is unavailable.

    `attempts_max` counts the first one. Between attempts the client waits for a random part of 1, 2, 4 … seconds
    (botocore's standard mode), and stops early when most of what it sends fails.
    """

    connect_seconds: float
    read_seconds: float
    attempts_max: int


# A writer that waited for more than a second appends again under a fresh stamp anyway, so long waits gain nothing.
DYNAMODB_PATIENCE = Patience(connect_seconds=1, read_seconds=2, attempts_max=4)
# The read timeout is between two pieces of an answer, not for the whole of it.
S3_PATIENCE = Patience(connect_seconds=2, read_seconds=10, attempts_max=5)
# A request waits for it.
SECRETS_PATIENCE = Patience(connect_seconds=1, read_seconds=2, attempts_max=3)
# Asked once for a merge, by a run that has other shards to maintain.
STEP_FUNCTIONS_PATIENCE = Patience(connect_seconds=2, read_seconds=5, attempts_max=3)
# The probe comes by every second or ten, and must not wait for a queue while it should look at an origin.
SQS_PATIENCE = Patience(connect_seconds=1, read_seconds=2, attempts_max=2)
EVENTS_PATIENCE = Patience(connect_seconds=1, read_seconds=2, attempts_max=3)
_CONNECTIONS_MAX = 64


def aws_session() -> Session:
    """What clients of one process share: credentials, and descriptions that take long to read."""
    return Session()


def dynamodb_client(
    *,
    region: str | None,
    endpoint_url: str | None = None,
    patience: Patience = DYNAMODB_PATIENCE,
    session: Session | None = None,
) -> DynamoDBClient:
    """A client for many threads. `endpoint_url` None is AWS itself."""
    client: DynamoDBClient = _client("dynamodb", "DynamoDB", session, region, endpoint_url, _config(patience))
    return client


def s3_client(
    *,
    region: str | None,
    endpoint_url: str | None = None,
    patience: Patience = S3_PATIENCE,
    path_style: bool = False,
    session: Session | None = None,
) -> S3Client:
    """A client for many threads. `path_style` is for emulators, which have no host name per bucket."""
    config = _config(patience)
    if path_style:
        config = config.merge(Config(s3={"addressing_style": "path"}))
    client: S3Client = _client("s3", "S3", session, region, endpoint_url, config)
    return client


def secrets_client(
    *, region: str | None, endpoint_url: str | None = None, session: Session | None = None
) -> SecretsClient:
    """A client for many threads."""
    client: SecretsClient = _client(
        "secretsmanager", "Secrets Manager", session, region, endpoint_url, _config(SECRETS_PATIENCE)
    )
    return client


def step_functions_client(
    *, region: str | None, endpoint_url: str | None = None, session: Session | None = None
) -> StepFunctionsClient:
    """A client for many threads."""
    client: StepFunctionsClient = _client(
        "stepfunctions", "Step Functions", session, region, endpoint_url, _config(STEP_FUNCTIONS_PATIENCE)
    )
    return client


def sqs_client(
    *,
    region: str | None,
    endpoint_url: str | None = None,
    patience: Patience = SQS_PATIENCE,
    session: Session | None = None,
) -> SqsClient:
    """A client for many threads."""
    client: SqsClient = _client("sqs", "SQS", session, region, endpoint_url, _config(patience))
    return client


def events_client(
    *, region: str | None, endpoint_url: str | None = None, session: Session | None = None
) -> EventsClient:
    """A client for many threads."""
    client: EventsClient = _client(
        "events", "EventBridge", session, region, endpoint_url, _config(EVENTS_PATIENCE)
    )
    return client


def _client(
    service: str,
    name: str,
    session: Session | None,
    region: str | None,
    endpoint_url: str | None,
    config: Config,
) -> Any:
    with told_as_unavailable(name):
        return (session or aws_session()).create_client(
            service, region_name=region, endpoint_url=endpoint_url, config=config
        )


def _config(patience: Patience) -> Config:
    return Config(
        connect_timeout=patience.connect_seconds,
        read_timeout=patience.read_seconds,
        retries={"mode": "standard", "total_max_attempts": patience.attempts_max},
        max_pool_connections=_CONNECTIONS_MAX,
        tcp_keepalive=True,  # a Lambda that was frozen finds its connections gone; this notices it sooner
        user_agent_extra="quartzdb",
    )
