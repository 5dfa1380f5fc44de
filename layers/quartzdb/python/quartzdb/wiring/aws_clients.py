"""The clients of AWS: where they connect, how long they wait and how often they try. Nothing else makes a client.

Clients are botocore's, which boto3's are too, with what boto3 adds to them: of that nothing is used, and on Lambda its
import and its additions cost a fifth of a cold start.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.session import Session
from botocore.utils import get_environ_proxies

from quartzdb.adapters.aws.dynamodb_capacity import CapacityMeter
from quartzdb.adapters.aws.dynamodb_reads import DynamoReads
from quartzdb.adapters.aws.dynamodb_table import DynamoTable
from quartzdb.adapters.aws.failure import note_lost_attempts, told_as_unavailable
from quartzdb.adapters.aws.patience import Patience
from quartzdb.adapters.aws.secret_values import SecretValues
from quartzdb.adapters.aws.trusting_session import TrustingSession, trusting_context
from quartzdb.domain.clock import Clock
from quartzdb.domain.values import dataclass

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest, AWSResponse
    from botocore.credentials import Credentials
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client

    from quartzdb.adapters.aws.eventbridge_routing_events import EventsClient
    from quartzdb.adapters.aws.secret_values import SecretsClient
    from quartzdb.adapters.aws.sqs_queue import SqsClient
    from quartzdb.adapters.aws.step_functions_merges import StepFunctionsClient

# A writer that waited for more than a second appends again under a fresh stamp anyway, so long waits gain nothing.
_DYNAMODB_PATIENCE = Patience(connect_seconds=1, read_seconds=2, attempts_max=4)
# The read timeout is between two pieces of an answer, not for the whole of it.
_S3_PATIENCE = Patience(connect_seconds=2, read_seconds=10, attempts_max=5)
# A request waits for it.
_SECRETS_PATIENCE = Patience(connect_seconds=1, read_seconds=2, attempts_max=3)
# Asked once for a merge, by a run that has other shards to maintain.
_STEP_FUNCTIONS_PATIENCE = Patience(connect_seconds=2, read_seconds=5, attempts_max=3)
# The probe comes by every second or ten, and must not wait for a queue while it should look at an origin.
_SQS_PATIENCE = Patience(connect_seconds=1, read_seconds=2, attempts_max=2)
_EVENTS_PATIENCE = Patience(connect_seconds=1, read_seconds=2, attempts_max=3)
# Somebody waits for the answer, and a mail that is sent twice is one too many.
_SES_PATIENCE = Patience(connect_seconds=2, read_seconds=10, attempts_max=1)
# It asks somebody else in turn, and what it asked for may have been done when its answer is lost.
_FUNCTIONS_PATIENCE = Patience(connect_seconds=2, read_seconds=29, attempts_max=1)
# One that works for up to two minutes before it answers.
_LONG_FUNCTIONS_PATIENCE = Patience(connect_seconds=2, read_seconds=130, attempts_max=1)
_CONNECTIONS_MAX = 64


@dataclass(frozen=True, slots=True)
class AwsEndpoints:
    """URLs of an emulator's services. None is AWS itself."""

    dynamodb: str | None = None
    s3: str | None = None
    secrets: str | None = None
    sqs: str | None = None
    step_functions: str | None = None
    events: str | None = None
    ses: str | None = None
    functions: str | None = None

    @classmethod
    def at(cls, url: str) -> AwsEndpoints:
        """An emulator that has all of them behind one address."""
        return cls(url, url, url, url, url, url, url, url)


class AwsClients:
    """The clients of one process, each for many threads, and made when it is first asked for.

    They share a session: credentials, and descriptions that take long to read. `patience` replaces what each service
    has of its own.
    """

    def __init__(
        self,
        region: str | None = None,
        endpoints: AwsEndpoints | None = None,
        patience: Patience | None = None,
        *,
        session: Session | None = None,
    ) -> None:
        self._region = region
        self._endpoints = endpoints or AwsEndpoints()
        self._patience = patience
        self.session = session or Session()
        self.s3_patience = patience or _S3_PATIENCE

    def be_ready(self) -> None:
        """Read the certificates of authorities, which takes as much as all connections of a search together."""
        if self._trusts_as_usual(self.dynamodb.meta.endpoint_url):
            trusting_context()

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        """Raises Unavailable, as all of these do where no client can be made."""
        client: DynamoDBClient = self._client(
            "dynamodb", "DynamoDB", self._endpoints.dynamodb, _DYNAMODB_PATIENCE
        )
        return client

    def table(self, name: str, clock: Clock, meter: CapacityMeter | None = None) -> DynamoTable:
        """One table."""
        credentials = self.credentials_for(self.dynamodb.meta.endpoint_url)
        patience = self._patience or _DYNAMODB_PATIENCE
        reads = DynamoReads(self.dynamodb, credentials, patience, clock) if credentials else None
        return DynamoTable(self.dynamodb, name, clock, meter, reads=reads)

    def credentials_for(self, url: str) -> Credentials | None:
        """Those of the session, for who goes to this server without the SDK; None where only the SDK knows the way."""
        directly = not url.startswith("https:") or self._trusts_as_usual(url)
        return self.session.get_credentials() if directly else None

    @cached_property
    def s3(self) -> S3Client:
        """With the bucket in the path at an emulator, which has no host name per bucket."""
        # As requests are signed in any case; links would else be signed in a way that most regions refuse.
        signed = Config(signature_version="s3v4")
        if self._endpoints.s3 is not None:
            signed = signed.merge(Config(s3={"addressing_style": "path"}))
        client: S3Client = self._client("s3", "S3", self._endpoints.s3, _S3_PATIENCE, signed)
        return client

    @cached_property
    def secrets(self) -> SecretsClient:
        """Of Secrets Manager."""
        client: SecretsClient = self._client(
            "secretsmanager", "Secrets Manager", self._endpoints.secrets, _SECRETS_PATIENCE
        )
        return client

    def secret_reader(self, arn: str) -> Callable[[], Sequence[str]]:
        """Reads a secret's present and previous values; raises Unavailable. No client is made before the first call."""
        return lambda: SecretValues(self.secrets, arn).read()

    @cached_property
    def sqs(self) -> SqsClient:
        """Of queues."""
        client: SqsClient = self._client("sqs", "SQS", self._endpoints.sqs, _SQS_PATIENCE)
        return client

    @cached_property
    def step_functions(self) -> StepFunctionsClient:
        """Of state machines."""
        client: StepFunctionsClient = self._client(
            "stepfunctions", "Step Functions", self._endpoints.step_functions, _STEP_FUNCTIONS_PATIENCE
        )
        return client

    @cached_property
    def events(self) -> EventsClient:
        """Of event buses."""
        client: EventsClient = self._client("events", "EventBridge", self._endpoints.events, _EVENTS_PATIENCE)
        return client

    @cached_property
    def ses(self) -> Any:
        """Of Amazon SES, by which the platform sends mail; the database sends none."""
        return self._client("sesv2", "Amazon SES", self._endpoints.ses, _SES_PATIENCE)

    @cached_property
    def functions(self) -> Any:
        """Of AWS Lambda, by which a function of the platform asks another."""
        return self._client("lambda", "AWS Lambda", self._endpoints.functions, _FUNCTIONS_PATIENCE)

    @cached_property
    def long_functions(self) -> Any:
        """The same for a function that works for minutes."""
        return self._client("lambda", "AWS Lambda", self._endpoints.functions, _LONG_FUNCTIONS_PATIENCE)

    def _client(
        self,
        service: str,
        name: str,
        endpoint_url: str | None,
        patience: Patience,
        more: Config | None = None,
    ) -> Any:
        patience = self._patience or patience
        config = Config(
            connect_timeout=patience.connect_seconds,
            read_timeout=patience.read_seconds,
            retries={"mode": "standard", "total_max_attempts": patience.attempts_max},
            max_pool_connections=_CONNECTIONS_MAX,
            tcp_keepalive=True,  # a Lambda that was frozen finds its connections gone; this notices it sooner
            user_agent_extra="quartzdb",
        )
        with told_as_unavailable(name):
            client = self.session.create_client(
                service,
                region_name=self._region,
                endpoint_url=endpoint_url,
                config=config.merge(more) if more else config,
            )
        client.meta.events.register("needs-retry", note_lost_attempts)
        if self._trusts_as_usual(client.meta.endpoint_url):
            # As the client's own would be made of its configuration; the stubs know of no two timeouts and no options.
            made: Any = {
                "timeout": (patience.connect_seconds, patience.read_seconds),
                "max_pool_connections": _CONNECTIONS_MAX,
                "socket_options": [
                    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
                    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
                ],
            }
            send: Any = partial(_send, TrustingSession(**made))
            client.meta.events.register("before-send", send)
        return client

    def _trusts_as_usual(self, url: str) -> bool:
        """Whether no proxy and no authorities of somebody's own are set: with those the client's own session deals."""
        own = self.session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
        proxies = {**get_environ_proxies(url)}
        proxies.pop("no", None)  # which names hosts that need none
        return url.startswith("https:") and not own and not proxies


def _send(http: TrustingSession, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
    """What botocore calls before it would send itself. Raises what its own session does."""
    return http.send(request)
