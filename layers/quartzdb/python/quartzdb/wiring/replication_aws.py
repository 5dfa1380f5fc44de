"""The composition root of replication on AWS. Apart from the others, so that no other function pays for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from quartzdb.adapters.aws.dynamodb_api_keys import DynamoApiKeys
from quartzdb.adapters.aws.dynamodb_checkpoints import DynamoCheckpoints
from quartzdb.adapters.aws.dynamodb_leases import DynamoLeases
from quartzdb.adapters.aws.dynamodb_tenant_grants import DynamoTenantGrants
from quartzdb.adapters.aws.remembered_secret import RememberedSecret
from quartzdb.adapters.aws.sqs_mirror_queue import SqsMirrorQueue
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.domain.clock import Clock
from quartzdb.domain.values import dataclass
from quartzdb.replication.peer_settings import PeerSettings
from quartzdb.replication.retention import PeerRetention
from quartzdb.storage.ports import Retention
from quartzdb.wiring.aws import KEYS_BEHIND_MS, AwsSettings, open_aws
from quartzdb.wiring.aws_clients import AwsClients
from quartzdb.wiring.embedded import Database
from quartzdb.wiring.replication import (
    ORIGIN_SECRET_HEADER,
    PeerSecrets,
    ReplicationAdapters,
    peering_of,
)


@dataclass(frozen=True, slots=True)
class PeerOnAws:
    """What a function of one of two sites is deployed with. ARNs are of secrets.

    `origin_secret` is what the peer demands of whoever comes around its edge; `api_key` is for a peer that knows only
    `/api/*`, and `mirror_queue_url` names the queue of the writes that it has accepted.
    With `signing_key` API keys are signed on their way.
    """

    settings: PeerSettings
    replication_secret: str | None = None
    origin_secret: str | None = None
    api_key: str | None = None
    mirror_queue_url: str | None = None
    signing_key: str | None = None


def aws_replication(
    settings: AwsSettings, peer: PeerOnAws | None = None, *, clients: AwsClients | None = None
) -> ReplicationAdapters:
    """In the table of a deployment. Asks AWS nothing yet."""
    clients = clients or settings.clients()
    clock = SystemClock()
    table = clients.table(settings.table, clock)
    queue = None
    if peer is not None and peer.mirror_queue_url is not None:
        queue = SqsMirrorQueue(clients.sqs, peer.mirror_queue_url)
    return ReplicationAdapters(
        DynamoCheckpoints(table),
        DynamoApiKeys(table),
        DynamoLeases(table),
        clock,
        DynamoTenantGrants(table),
        queue,
    )


def peer_secrets(peer: PeerOnAws, clock: Clock, clients: AwsClients) -> PeerSecrets:
    """Read when they are needed, and again once in a while."""

    def no_secret() -> Sequence[str]:
        return ()

    read = clients.secret_reader
    replication = _Remembered(read(peer.replication_secret), clock) if peer.replication_secret else no_secret
    api_key = RememberedSecret(read(peer.api_key), clock).value if peer.api_key else None
    signing = RememberedSecret(read(peer.signing_key), clock).value if peer.signing_key else None
    if peer.origin_secret is None:
        return PeerSecrets(replication, api_key, signing=signing)
    origin = RememberedSecret(read(peer.origin_secret), clock)

    def headers() -> Mapping[str, str]:
        return {ORIGIN_SECRET_HEADER: origin.value()}

    return PeerSecrets(replication, api_key, headers, signing)


def open_aws_site(
    settings: AwsSettings, peer: PeerOnAws, adapters: ReplicationAdapters, *, clients: AwsClients
) -> tuple[Database, PeerSecrets]:
    """The database of a table and a bucket, as one of two sites."""
    secrets = peer_secrets(peer, adapters.clock, clients)
    peering = peering_of(
        peer.settings.residing(adapters.grants, adapters.clock),
        secrets,
        adapters.checkpoints,
        adapters.clock,
        keys_behind_ms=KEYS_BEHIND_MS,
    )
    return open_aws(settings, clients=clients, peering=peering), secrets


def aws_retention(settings: AwsSettings, peer: PeerOnAws, clients: AwsClients) -> Retention:
    """What functions that trim, merge and purge must keep. Asks AWS nothing yet."""
    adapters = aws_replication(settings, clients=clients)
    one = peer.settings
    return PeerRetention(one.site, [one.peer_site], adapters.checkpoints, adapters.clock, one.shared)


class _Remembered:
    """All values of a secret that are good, read anew every minute: one may be on its way out."""

    def __init__(self, read: Callable[[], Sequence[str]], clock: Clock) -> None:
        self._values: Sequence[str] = ()
        self._first = RememberedSecret(self._read_all, clock)
        self._read = read

    def __call__(self) -> Sequence[str]:
        present = self._first.value()
        return [present, *(value for value in self._values if value != present)]

    def _read_all(self) -> Sequence[str]:
        self._values = self._read()
        return self._values
