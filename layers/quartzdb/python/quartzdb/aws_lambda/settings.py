"""Settings of a function, from its environment variables: the only module of the functions that reads the environment.

Names and defaults are an interface: cdk/ writes what is read here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING

from quartzdb.domain.errors import QuartzError
from quartzdb.domain.limits import CHANGES_DAYS, CHANGES_DAYS_MAX, DAY_MS
from quartzdb.domain.namespace import EngineChoice
from quartzdb.domain.values import dataclass
from quartzdb.routing.decision.state import Origin
from quartzdb.wiring.aws_clients import AwsEndpoints

if TYPE_CHECKING:
    from quartzdb.wiring.replication_aws import PeerOnAws
    from quartzdb.wiring.routing_aws import ProbeSettings

WORK_DIR = Path(gettempdir()) / "quartzdb"  # on Lambda below /tmp, which is the function's alone
"""Copies of segments and segments under construction. Nothing in it has to last."""
DISK_CACHE_MB = 384
"""Of the 512 MB that /tmp has with SnapStart: the rest is for what is being built or fetched."""

MERGE_RUN_ROWS = 131_072
"""A merge of more rows than one run of the compactor does among others goes through the state machine."""
MERGE_SHARD_ROWS = 1_048_576
"""What one builder of the state machine finishes within its run."""
MEMORY_MB = 1_024
"""What a function is taken to have where its runtime does not say. A third of it holds parts of segments."""

_URL = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")
_SITE = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_MB = 1024 * 1024


class InvalidSettings(QuartzError):
    """The function was deployed with an environment variable missing or ill-formed."""

    code = "invalid_settings"


@dataclass(frozen=True, slots=True)
class FunctionSettings:
    """What a function was deployed with.

    The two ARNs, `probe` and `peer` are None for functions that have no use for them; `needed` turns an absence into an
    error.
    `tenant_prefix`: what names of tenants begin with that it may be asked about by others.
    Whoever follows changes may be `changes_kept_ms` behind.
    `fronted` False: clients call the function at its own address, with nothing in front that would prove itself; it
    then answers searches, whatever else it does.
    `xray_daemon` None: nothing is traced. `service` names the function in logs and is the dimension of its metrics.
    """

    table: str
    bucket: str
    service: str = "quartzdb"
    site: str = "aws"
    disk_cache_bytes_max: int = DISK_CACHE_MB * _MB
    fetched_bytes_max: int = MEMORY_MB // 3 * _MB
    index_threads: int = 1
    default_engine: EngineChoice = EngineChoice.AUTO
    merge_run_rows: int = MERGE_RUN_ROWS
    merge_shard_rows: int = MERGE_SHARD_ROWS
    changes_kept_ms: int = CHANGES_DAYS * DAY_MS
    origin_secret_arn: str | None = None
    fronted: bool = True
    merge_machine_arn: str | None = None
    region: str | None = None
    endpoints: AwsEndpoints = field(default_factory=AwsEndpoints)
    probe: ProbeSettings | None = None
    peer: PeerOnAws | None = None
    tenant_prefix: str = ""
    xray_daemon: tuple[str, int] | None = None
    work_dir: Path = WORK_DIR


def read_settings(environment: Mapping[str, str] = os.environ) -> FunctionSettings:
    """The settings. Raises InvalidSettings, naming the variable."""
    site = environment.get("QUARTZDB_SITE") or "aws"
    if not _SITE.fullmatch(site):
        raise ill_formed("QUARTZDB_SITE", site, "a lower-case name of at most 32 letters, digits and '-'")
    return FunctionSettings(
        table=present(environment, "QUARTZDB_TABLE"),
        bucket=present(environment, "QUARTZDB_BUCKET"),
        service=environment.get("POWERTOOLS_SERVICE_NAME") or "quartzdb",
        site=site,
        disk_cache_bytes_max=_whole(environment, "QUARTZDB_DISK_CACHE_MB", DISK_CACHE_MB, 16, 10_240) * _MB,
        fetched_bytes_max=_whole(environment, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", MEMORY_MB, 128, 10_240)
        // 3
        * _MB,
        index_threads=_whole(environment, "QUARTZDB_INDEX_THREADS", 1, 1, 16),
        default_engine=_default_engine(environment),
        merge_run_rows=_whole(environment, "QUARTZDB_MERGE_RUN_ROWS", MERGE_RUN_ROWS, 100, 2**24),
        merge_shard_rows=_whole(environment, "QUARTZDB_MERGE_SHARD_ROWS", MERGE_SHARD_ROWS, 100, 2**24),
        changes_kept_ms=_whole(environment, "QUARTZDB_CHANGES_DAYS", CHANGES_DAYS, 0, CHANGES_DAYS_MAX)
        * DAY_MS,
        origin_secret_arn=environment.get("QUARTZDB_ORIGIN_SECRET_ARN") or None,
        fronted=_fronted(environment),
        merge_machine_arn=environment.get("QUARTZDB_MERGE_MACHINE_ARN") or None,
        region=environment.get("AWS_REGION") or None,
        endpoints=endpoints_in(environment),
        probe=_probe(environment),
        peer=_peer(environment, site),
        tenant_prefix=environment.get("QUARTZDB_TENANT_PREFIX") or "",
        xray_daemon=xray_daemon_in(environment),
    )


def needed(value: str | None, variable: str) -> str:
    """A setting that this function cannot do without. Raises InvalidSettings, naming its variable."""
    if value is None:
        raise _missing(variable)
    return value


def trace_header() -> str:
    """X-Ray's header of the invocation under way: the runtime replaces the variable with each."""
    return os.environ.get("_X_AMZN_TRACE_ID", "")


def present(environment: Mapping[str, str], variable: str) -> str:
    """A variable that has to be there. Raises InvalidSettings, naming it."""
    value = environment.get(variable, "").strip()
    if not value:
        raise _missing(variable)
    return value


def _whole(environment: Mapping[str, str], variable: str, default: int, low: int, high: int) -> int:
    text = environment.get(variable, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdecimal()) or not low <= int(text) <= high:
        raise ill_formed(variable, text, f"a whole number from {low} to {high}")
    return int(text)


def _fronted(environment: Mapping[str, str]) -> bool:
    front = environment.get("QUARTZDB_FRONT") or "cloudfront"
    if front not in {"cloudfront", "none"}:
        raise ill_formed("QUARTZDB_FRONT", front, "cloudfront or none")
    if front == "none" and environment.get("QUARTZDB_ORIGIN_SECRET_ARN"):
        # HAZARD: which of the two was meant decides whether strangers are answered.
        raise InvalidSettings(
            "QUARTZDB_FRONT is 'none', and QUARTZDB_ORIGIN_SECRET_ARN is set: nobody would send that secret.",
            hint="The stack sets one of them: deploy it again.",
        )
    return front == "cloudfront"


def _default_engine(environment: Mapping[str, str]) -> EngineChoice:
    text = environment.get("QUARTZDB_DEFAULT_ENGINE") or EngineChoice.AUTO.value
    if text not in set(EngineChoice):
        raise ill_formed("QUARTZDB_DEFAULT_ENGINE", text, f"one of {', '.join(EngineChoice)}")
    return EngineChoice(text)


def endpoints_in(environment: Mapping[str, str]) -> AwsEndpoints:
    """Where the services of AWS are, if elsewhere than AWS has them."""
    return AwsEndpoints(
        dynamodb=_endpoint(environment, "DYNAMODB"),
        s3=_endpoint(environment, "S3"),
        secrets=_endpoint(environment, "SECRETS_MANAGER"),
        sqs=_endpoint(environment, "SQS"),
        step_functions=_endpoint(environment, "SFN"),
        events=_endpoint(environment, "EVENTS"),
        ses=_endpoint(environment, "SESV2"),
        functions=_endpoint(environment, "LAMBDA"),
    )


def _endpoint(environment: Mapping[str, str], service: str) -> str | None:
    # The SDK's own variables and their order; read here because path-style S3 depends on there being one.
    return environment.get(f"AWS_ENDPOINT_URL_{service}") or environment.get("AWS_ENDPOINT_URL") or None


def _probe(environment: Mapping[str, str]) -> ProbeSettings | None:
    if not environment.get("QUARTZDB_CLOUDFLARE_URL"):
        return None
    from quartzdb.wiring.routing_aws import ProbeSettings

    primary = environment.get("QUARTZDB_PRIMARY_ORIGIN") or Origin.CLOUDFLARE.value
    if primary not in set(Origin):
        raise ill_formed("QUARTZDB_PRIMARY_ORIGIN", primary, "aws or cloudflare")
    return ProbeSettings(
        api_url=url_at(environment, "QUARTZDB_API_URL"),
        search_url=url_at(environment, "QUARTZDB_SEARCH_URL"),
        cloudflare_url=url_at(environment, "QUARTZDB_CLOUDFLARE_URL"),
        origin_secret=present(environment, "QUARTZDB_ORIGIN_SECRET_ARN"),
        cloudflare_secret=present(environment, "QUARTZDB_CLOUDFLARE_SECRET_ARN"),
        canary_secret=present(environment, "QUARTZDB_CANARY_SECRET_ARN"),
        cloudflare_canary_key=environment.get("QUARTZDB_CLOUDFLARE_CANARY_KEY_ARN") or None,
        passive_queue_url=environment.get("QUARTZDB_PASSIVE_QUEUE_URL") or None,
        primary=Origin(primary),
        peer_site=environment.get("QUARTZDB_PEER_SITE") or "cloudflare",
    )


def _peer(environment: Mapping[str, str], site: str) -> PeerOnAws | None:
    """How this site is one of two. QUARTZDB_REPLICATION_SECRET_ARN, or a contract peer's key, makes it so."""
    secret = environment.get("QUARTZDB_REPLICATION_SECRET_ARN") or None
    api_key = environment.get("QUARTZDB_PEER_API_KEY_ARN") or None
    if secret is None and api_key is None:
        return None
    from quartzdb.domain.errors import InvalidArgument
    from quartzdb.replication.peer_settings import (
        ApiKeysGo,
        PeerSettings,
        SharedData,
        public_keys_of,
        tenants_of,
    )
    from quartzdb.replication.status import PeerKind
    from quartzdb.wiring.replication_aws import PeerOnAws

    try:
        settings = PeerSettings(
            site,
            environment.get("QUARTZDB_PEER_SITE") or "cloudflare",
            url_at(environment, "QUARTZDB_PEER_URL") if environment.get("QUARTZDB_PEER_URL") else None,
            PeerKind(environment.get("QUARTZDB_PEER_KIND") or "full"),
            SharedData(environment.get("QUARTZDB_SHARED_NAMESPACES") or "default"),
            ApiKeysGo(environment.get("QUARTZDB_API_KEYS_GO") or "there"),
            _whole(environment, "QUARTZDB_REPLICATION_INTERVAL_SECONDS", 5, 1, 10),
            tenants_of(environment.get("QUARTZDB_SHARED_TENANTS")),
            region=environment.get("AWS_REGION") or None,
            peer_region=environment.get("QUARTZDB_PEER_REGION") or None,
            public_keys=public_keys_of(environment.get("QUARTZDB_PEER_PUBLIC_KEYS")),
        )
    except (ValueError, InvalidArgument) as error:
        raise InvalidSettings(
            f"QUARTZDB_PEER_… is not what it has to be: {error}", hint="Deploy the service stack again."
        ) from error
    if (settings.kind is PeerKind.CONTRACT) is not (api_key is not None):
        raise InvalidSettings(
            "QUARTZDB_PEER_API_KEY_ARN goes with the QUARTZDB_PEER_KIND contract, and only with it."
        )
    return PeerOnAws(
        settings,
        replication_secret=secret,
        origin_secret=environment.get("QUARTZDB_CLOUDFLARE_SECRET_ARN") or None,
        api_key=api_key,
        signing_key=environment.get("QUARTZDB_SIGNING_KEY_ARN") or None,
        mirror_queue_url=environment.get("QUARTZDB_MIRROR_QUEUE_URL") or None,
    )


def url_at(environment: Mapping[str, str], variable: str) -> str:
    """An address of a host, without a slash at its end. Raises InvalidSettings."""
    value = present(environment, variable).rstrip("/")
    if not _URL.fullmatch(value):
        raise ill_formed(variable, value, "an address without a path, like https://db.example.com")
    return value


def xray_daemon_in(environment: Mapping[str, str]) -> tuple[str, int] | None:
    """Where X-Ray's daemon listens; None: nothing is traced. Raises InvalidSettings."""
    if environment.get("POWERTOOLS_TRACE_DISABLED", "").lower() in {"1", "true", "yes", "on"}:
        return None
    address = environment.get("AWS_XRAY_DAEMON_ADDRESS", "").strip()
    if not address:
        return None
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise ill_formed("AWS_XRAY_DAEMON_ADDRESS", address, "of the form HOST:PORT")
    return host, int(port)


def _missing(variable: str) -> InvalidSettings:
    return InvalidSettings(
        f"The environment variable {variable} is not set.", hint="The stack sets it: deploy it again."
    )


def ill_formed(variable: str, value: str, expected: str) -> InvalidSettings:
    """The error of a variable that has something else."""
    return InvalidSettings(f"The environment variable {variable} is {value!r}; it has to be {expected}.")
