"""What may differ between deployments, as typed and checked values: the only module that reads the CDK context.

    cdk deploy --all -c environment=prod -c quartzdb:alarm_email=ops@example.com

An environment (`dev`, `prod`, `local`) is a set of defaults. Each can be replaced for all environments by the context
value `quartzdb:<setting>`, and for one by an entry of the object `quartzdb:<environment>`, on the command line or under
`context` in cdk.json.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_type_hints

Architecture = Literal["x86_64", "arm64"]
PriceClass = Literal["100", "200", "all"]
PrimaryOrigin = Literal["aws", "cloudflare"]
CloudflarePeer = Literal["full", "contract"]
SharedNamespaces = Literal["default", "all"]
Engine = Literal["auto", "annoy", "ivf", "hnsw", "exact"]

CONTEXT_PREFIX = "quartzdb:"
CONTEXT_ENVIRONMENT = "environment"
ENVIRONMENTS = ("dev", "prod", "local")
SITE = "aws"
"""What a deployment calls itself towards another site."""
EDGE_REGION = "us-east-1"
"""CloudFront takes certificates, web ACLs and Lambda@Edge from there only, and puts its metrics there."""
SNAPSTART_DISK_MB = 512
"""The most that /tmp may have in a function with SnapStart."""
RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653)
"""Of what CloudWatch Logs accepts, what one would want."""

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
_SITE = re.compile(r"[a-z0-9-]{1,32}")
_PUBLIC_KEYS = re.compile(r"[A-Za-z0-9+/]{43}=(,[A-Za-z0-9+/]{43}=){0,3}")
_URL = re.compile(rf"https://{_DOMAIN.pattern}(?::[0-9]{{1,5}})?")
_ADDRESS = re.compile(r"https://[!-~]{1,500}")
_TENANTS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}(,[A-Za-z0-9][A-Za-z0-9_.-]{0,62})*")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_SECRET = re.compile(r"arn:aws:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]+")
_CERTIFICATE = re.compile(r"arn:aws:acm:us-east-1:\d{12}:certificate/[0-9a-f-]+")
_FUNCTIONS_MEMORY = (
    "api_memory_mb",
    "search_memory_mb",
    "indexer_memory_mb",
    "compactor_memory_mb",
    "platform_memory_mb",
)
_CONCURRENCIES = (
    "api_concurrency",
    "search_concurrency",
    "indexer_concurrency",
    "compactor_concurrency",
    "health_probe_concurrency",
    "replicator_concurrency",
    "platform_concurrency",
    "platform_upkeep_concurrency",
    "tenant_data_concurrency",
    "metering_concurrency",
    "platform_mail_events_concurrency",
)


class InvalidSetting(ValueError):
    """A setting is unknown or its value cannot be deployed. The message names it and says what it may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One deployment. Sizes are in MB, times in the unit that ends the name; None switches a thing off.

    Raises InvalidSetting when made of values that do not go together.
    """

    environment: str
    region: str = EDGE_REGION
    architecture: Architecture = "x86_64"
    keep_data: bool = True
    """Table, bucket and logs survive the removal of their stack, and no stack can be removed by mistake."""
    empty_buckets: bool = False
    """Where data is not kept, buckets are emptied with their stack, by a function that the CDK brings."""

    # HTTP
    cloudfront: bool = True
    """One name in front of all functions. False: clients call the api function at its own address, which then answers
    searches, too, and there is no web ACL, no log of CloudFront's and no name of the operator's own:
    docs/costs.md#without-cloudfront has what else is given up."""
    domain_name: str | None = None
    """A name of the operator's own, like `db.example.com`, with one of the two that follow."""
    hosted_zone: str | None = None
    """`ID/name` of the Route 53 zone to put the name into. Without `certificate_arn` it proves a new certificate."""
    certificate_arn: str | None = None
    """An existing certificate, in us-east-1. Without `hosted_zone` the operator points the name at the distribution."""
    docs: bool = False
    """The documentation is at /docs, from a bucket into which `python -m docsite.publishing` puts it."""
    price_class: PriceClass = "100"
    waf_requests_per_5_minutes: int | None = 10_000
    """From one address; beyond it AWS WAF answers 429. None: no web ACL, which saves its monthly fee and what it takes
    of each request: docs/costs.md#without-the-web-acl has what is given up."""
    origin_secret_version: str | None = None
    """The version id of the origin secret that CloudFront sends. Naming it makes a rotation a deployable change."""

    # Failover
    cloudflare_domain: str | None = None
    """The Cloudflare deployment's own name. None: the database is on AWS alone, and nothing is routed or replicated."""
    primary_origin: PrimaryOrigin = "cloudflare"
    """The origin that serves while both are well."""
    cloudflare_peer: CloudflarePeer = "full"
    """`full`: it speaks the protocol of docs/replication.md. `contract`: it has only `/api/*`, and the edge mirrors."""
    shared_tenants: str | None = None
    """Tenants, with commas between, that replicate; the secret of the two sites gives nothing of others. None: all."""
    cloudflare_api_key_arn: str | None = None
    """A secret that is an API key of the Cloudflare deployment: a `contract` peer takes none from here."""
    cloudflare_secret_version: str | None = None
    """As `origin_secret_version`, of the secret that the edge sends to Cloudflare."""

    # API keys and grants from elsewhere
    managing_site: str | None = None
    """The other of two sites by its name, where API keys and grants are managed: it signs them and drives replication,
    and this one takes them. None: they are managed here."""
    managing_site_public_keys: str | None = None
    """Its public keys with commas between, as `quartzdb replication public-key` prints them: four at most, of which two
    while one is rotated. Nothing else that is signed is taken, and nothing unsigned."""
    shared_namespaces: SharedNamespaces = "default"
    """What is shared with it: the namespace behind `/api/*` of each tenant, or `all`."""

    # Platform
    platform: bool = False
    """Organizations, projects and keys that people sign up for, at /platform. False: nothing of it is deployed."""
    platform_url: str | None = None
    """Where people reach the deployment, like `https://db.example.com`, where that is not the `domain_name`."""
    mail_domain: str | None = None
    """Mail comes from `no-reply@` it, by SES, where the domain has to be verified once: docs/runbook.md."""
    platform_settings: str | None = None
    """A file of TOML with what docs/platform.md has of settings: providers, sessions, who may sign up."""
    secret_scanning_keys_url: str | None = None
    """Where the provider that reports leaked keys publishes what it signs with. None: nobody reports any."""
    stripe_secret_arn: str | None = None
    """A secret that has Stripe's secret key, which one function reads. None: there is no billing."""
    stripe_webhook_secret_arn: str | None = None
    """A secret that has what Stripe signs webhooks with."""
    mail_proved: bool = True
    """`mail_domain` has records that prove it, and functions send as its sender only. The emulator knows neither."""

    # Functions
    api_memory_mb: int = 1_024
    search_memory_mb: int = 768
    """Restoring a snapshot is charged by it, and it has its share of a processor: docs/cold-start.md#memory has what
    other sizes take and cost. A third of it holds parts of segments."""
    indexer_memory_mb: int = 1_769
    compactor_memory_mb: int = 3_008
    platform_memory_mb: int = 1_024
    snapstart: bool = True
    """What clients wait for starts from a snapshot of its memory, not by importing. Keeping snapshots is the most of
    what an idle deployment costs, restoring them the most of what a cold search does: docs/cold-start.md#memory."""
    compactor_disk_mb: int = 4_096
    api_concurrency: int | None = None
    """Concurrent executions set aside for one function, which are also the most it gets. None: whatever is free."""
    search_concurrency: int | None = None
    indexer_concurrency: int | None = None
    compactor_concurrency: int | None = None
    health_probe_concurrency: int | None = None
    replicator_concurrency: int | None = None
    platform_concurrency: int | None = None
    platform_upkeep_concurrency: int | None = None
    tenant_data_concurrency: int | None = None
    metering_concurrency: int | None = None
    platform_mail_events_concurrency: int | None = None
    merge_concurrency: int = 4
    """Shards of one large merge that are built at once."""
    merge_run_rows: int = 131_072
    """A merge of more rows goes through the state machine."""
    merge_shard_rows: int = 1_048_576
    """Rows of each segment that the state machine builds. Those of more than half of it are merged no further."""
    default_engine: Engine = "auto"
    """What new segments are searched with in namespaces that name no engine. `auto`: by their size."""
    changes_days: int = 7
    """How long a cursor of a change feed is good: so long the log keeps what was written."""
    log_retention_days: int = 30
    lambda_lines: bool = False
    """Lambda logs when each request begins and what it took, memory included, beside the request's usage line. What
    fails or runs out of time is logged in any case."""
    traces: bool = False
    """X-Ray traces one request a second of each function and 5 % of the rest, for 5 dollars a million."""
    edge_logs: bool = True
    """CloudFront logs each request, without its path. The emulator's CloudFormation knows no such logs."""
    dashboard: bool = False
    """What users feel and what it runs on, on one page of CloudWatch. An account's first three cost nothing, others 3
    dollars a month."""
    alarm_arithmetic: bool = True
    """Alarms may compute. The emulator's CloudFormation cannot make such alarms."""
    alarm_email: str | None = None
    """Gets every alarm, after confirming the subscription. None: subscribe to the topics by other means."""

    def __post_init__(self) -> None:
        _check(_REGION.fullmatch(self.region), "region", self.region, "a region like eu-central-1")
        _one_of("environment", self.environment, ENVIRONMENTS)
        _one_of("architecture", self.architecture, get_args(Architecture))
        _one_of("price_class", self.price_class, get_args(PriceClass))
        _one_of("default_engine", self.default_engine, get_args(Engine))
        _one_of("log_retention_days", self.log_retention_days, RETENTION_DAYS)
        for name in _FUNCTIONS_MEMORY:
            # Below 512 MB the processor's share is so small that imports alone take seconds.
            _between(name, getattr(self, name), 512, 10_240)
        _between("compactor_disk_mb", self.compactor_disk_mb, 512, 10_240)
        for name in _CONCURRENCIES:
            _between(name, getattr(self, name), 1, 10_000)
        _between("merge_concurrency", self.merge_concurrency, 1, 40)
        _between("changes_days", self.changes_days, 0, 365)
        for name in ("merge_run_rows", "merge_shard_rows"):
            _between(name, getattr(self, name), 100, 2**24)
        _between("waf_requests_per_5_minutes", self.waf_requests_per_5_minutes, 10, 2_000_000_000)
        _matches("domain_name", self.domain_name, _DOMAIN, "a host name in lower case, like db.example.com")
        _matches("alarm_email", self.alarm_email, _EMAIL, "an e-mail address")
        _matches(
            "certificate_arn", self.certificate_arn, _CERTIFICATE, "the ARN of a certificate in us-east-1"
        )
        self._check_front()
        self._check_domain()
        self._check_cloudflare()
        self._check_managing_site()
        self._check_platform()

    @property
    def fails_over(self) -> bool:
        """Whether there are two origins to choose from."""
        return self.cloudflare_domain is not None

    @property
    def prefix(self) -> str:
        """Begins the names of stacks and of whatever needs a fixed name."""
        return f"quartzdb-{self.environment}"

    @property
    def public_url(self) -> str:
        """Where people reach a deployment with a platform. A domain name decides, or what was said instead."""
        return self.platform_url or f"https://{self.domain_name}"

    @property
    def empties_buckets(self) -> bool:
        """Whether the removal of a stack empties its buckets."""
        return self.empty_buckets and not self.keep_data

    @property
    def zone(self) -> tuple[str, str] | None:
        """Id and name of the hosted zone."""
        if self.hosted_zone is None:
            return None
        zone_id, _, name = self.hosted_zone.partition("/")
        return zone_id, name

    def _check_front(self) -> None:
        if self.cloudfront:
            return
        for name, why in NEEDS_CLOUDFRONT.items():
            if getattr(self, name) not in {None, False}:
                raise InvalidSetting(f"{name} needs CloudFront, which cloudfront=false leaves out: {why}.")
        if self.price_class != "100":
            raise InvalidSetting("price_class is CloudFront's, which cloudfront=false leaves out.")

    def _check_cloudflare(self) -> None:
        _matches("cloudflare_domain", self.cloudflare_domain, _DOMAIN, "a host name in lower case")
        _one_of("primary_origin", self.primary_origin, get_args(PrimaryOrigin))
        _one_of("cloudflare_peer", self.cloudflare_peer, get_args(CloudflarePeer))
        _matches("cloudflare_api_key_arn", self.cloudflare_api_key_arn, _SECRET, "the ARN of a secret")
        _matches("shared_tenants", self.shared_tenants, _TENANTS, "names of tenants with commas between")
        if self.cloudflare_domain is None:
            if self.cloudflare_api_key_arn or self.cloudflare_secret_version:
                raise InvalidSetting(
                    "cloudflare_api_key_arn and cloudflare_secret_version belong to a cloudflare_domain, which is not "
                    "set."
                )
            if self.shared_tenants and self.managing_site is None:
                raise InvalidSetting(
                    "shared_tenants belong to a cloudflare_domain or a managing_site, of which neither is set."
                )
            return
        if (self.cloudflare_peer == "contract") is not (self.cloudflare_api_key_arn is not None):
            raise InvalidSetting(
                "cloudflare_api_key_arn goes with the cloudflare_peer `contract`, and only with it."
            )

    def _check_managing_site(self) -> None:
        _matches("managing_site", self.managing_site, _SITE, "1 to 32 of a-z, 0-9 and '-'")
        _one_of("shared_namespaces", self.shared_namespaces, get_args(SharedNamespaces))
        keys = self.managing_site_public_keys
        _matches(
            "managing_site_public_keys", keys, _PUBLIC_KEYS, "one to four public keys with commas between"
        )
        if self.managing_site is None:
            if keys or self.shared_namespaces != "default":
                raise InvalidSetting(
                    "managing_site_public_keys and shared_namespaces belong to a managing_site, which is not set."
                )
            return
        if keys is None:
            raise InvalidSetting(
                "managing_site needs its managing_site_public_keys: `quartzdb replication public-key` prints one."
            )
        if self.managing_site == SITE:
            raise InvalidSetting(f"managing_site is {SITE!r}, which is what this site is called.")
        if self.fails_over or self.platform:
            raise InvalidSetting(
                "A site whose keys are managed elsewhere has neither a cloudflare_domain nor a platform."
            )

    def _check_platform(self) -> None:
        _matches(
            "platform_url", self.platform_url, _URL, "an address without a path, like https://db.example.com"
        )
        _matches(
            "secret_scanning_keys_url",
            self.secret_scanning_keys_url,
            _ADDRESS,
            "an address that begins with https://",
        )
        _matches("mail_domain", self.mail_domain, _DOMAIN, "a domain in lower case, like example.com")
        for name in ("stripe_secret_arn", "stripe_webhook_secret_arn"):
            _matches(name, getattr(self, name), _SECRET, "the ARN of a secret")
        if (self.stripe_secret_arn is None) is not (self.stripe_webhook_secret_arn is None):
            raise InvalidSetting(
                "stripe_secret_arn and stripe_webhook_secret_arn are set together, or neither is."
            )
        if self.stripe_secret_arn and not self.platform:
            raise InvalidSetting("stripe_secret_arn belongs to the platform, which is not set.")
        if not self.platform:
            if (
                self.platform_url
                or self.mail_domain
                or self.platform_settings
                or self.secret_scanning_keys_url
            ):
                raise InvalidSetting(
                    "platform_url, mail_domain, platform_settings and secret_scanning_keys_url belong to the platform, "
                    "which is not set."
                )
            return
        if not self.platform_url and not self.domain_name:
            raise InvalidSetting(
                "platform needs a domain_name, or a platform_url: the links in mails have to lead somewhere."
            )
        if not self.mail_domain:
            raise InvalidSetting("platform needs a mail_domain: people sign in by mail.")

    def _check_domain(self) -> None:
        if self.zone is not None:
            zone_id, name = self.zone
            form = re.fullmatch(r"Z[A-Z0-9]{1,31}", zone_id) and _DOMAIN.fullmatch(name)
            _check(form, "hosted_zone", self.hosted_zone, "of the form Z0123456789ABC/example.com")
        if self.domain_name is None:
            if self.hosted_zone or self.certificate_arn:
                raise InvalidSetting(
                    "hosted_zone and certificate_arn belong to a domain_name, which is not set."
                )
            return
        if not self.hosted_zone and not self.certificate_arn:
            raise InvalidSetting("domain_name needs a certificate_arn, a hosted_zone, or both.")
        if self.zone is not None and not f".{self.domain_name}".endswith(f".{self.zone[1]}"):
            raise InvalidSetting(f"domain_name {self.domain_name!r} is not in the zone {self.zone[1]!r}.")


NEEDS_CLOUDFRONT: Mapping[str, str] = {
    "waf_requests_per_5_minutes": "a web ACL cannot stand in front of a function's own address",
    "edge_logs": "they are its log; the functions' own usage lines stay",
    "domain_name": "a function's own address has AWS's name and certificate, and takes no other",
    "docs": "/docs is a bucket behind the same name; run `quartzdb serve` or any web server for the pages instead",
    "platform": "its pages call the database under the same name as themselves",
    "cloudflare_domain": "the router that chooses between two origins runs inside it",
    "origin_secret_version": "the secret is what it proves itself with",
    "search_concurrency": "one function answers everything then; set api_concurrency",
}
"""Settings that say nothing without it, and why."""
_WITHOUT_CLOUDFRONT: Mapping[str, Any] = {
    "waf_requests_per_5_minutes": None,
    "edge_logs": False,
    "search_concurrency": None,
}
"""What environments take as given beside it. Who asks for one of them by name is refused."""

DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    # To try things: gone without a trace when its stacks are destroyed.
    "dev": {
        "keep_data": False,
        "empty_buckets": True,
        "log_retention_days": 7,
        "waf_requests_per_5_minutes": 2_000,
    },
    "prod": {
        "log_retention_days": 90,
        # What a flood can cost is bounded, and none of them can starve another. An account has 1,000 executions unless
        # it is new, of which 100 cannot be set aside.
        "api_concurrency": 200,
        "search_concurrency": 200,
        "indexer_concurrency": 50,
        "compactor_concurrency": 20,
        # One begins each minute and waits for the one before, so two are under way at most. None to spare: an account
        # that a flood has used up must go on deciding which cloud serves.
        "health_probe_concurrency": 2,
        "replicator_concurrency": 2,
        "platform_concurrency": 50,
        # As many of its runs as can be under way: one begins each minute.
        "platform_upkeep_concurrency": 10,
        "tenant_data_concurrency": 5,
        "metering_concurrency": 20,
        "platform_mail_events_concurrency": 5,
    },
    # On an emulator, by local/: dev without what the emulator cannot do. The function that empties buckets needs
    # the SDK for JavaScript, which is not there.
    "local": {
        "keep_data": False,
        "alarm_arithmetic": False,
        "edge_logs": False,
        "log_retention_days": 1,
        # SES takes mail there, and shows it instead of sending it.
        "platform": True,
        "platform_url": "https://db.example.com",
        "mail_domain": "example.com",
        "mail_proved": False,
    },
}


def read_settings(context: Mapping[str, Any]) -> Settings:
    """The settings of a CDK context. Raises InvalidSetting."""
    environment = context.get(CONTEXT_ENVIRONMENT) or "dev"
    _one_of(CONTEXT_ENVIRONMENT, environment, ENVIRONMENTS)
    given = {
        name.removeprefix(CONTEXT_PREFIX): value
        for name, value in context.items()
        if name.startswith(CONTEXT_PREFIX)
    }
    of_environments = {name: given.pop(name) for name in ENVIRONMENTS if name in given}
    own = of_environments.get(environment, {})
    if not isinstance(own, Mapping):
        raise InvalidSetting(
            f"The context value {CONTEXT_PREFIX}{environment} has to be an object of settings."
        )
    types = get_type_hints(Settings)
    # The command line has the last word, and it is the one that can only say `quartzdb:<setting>`.
    chosen = {name: _parse(name, value, types) for name, value in {**own, **given}.items()}
    front = {} if chosen.get("cloudfront", True) else _WITHOUT_CLOUDFRONT
    return Settings(environment=environment, **{**DEFAULTS[environment], **front, **chosen})


def _parse(name: str, value: Any, types: Mapping[str, Any]) -> Any:
    names = sorted(field.name for field in dataclasses.fields(Settings) if field.name != "environment")
    if name not in names:
        raise InvalidSetting(f"There is no setting {name!r}. There are: {', '.join(names)}.")
    kind = types[name]
    if value in {"", None} and type(None) in get_args(kind):
        return None
    wanted = next((one for one in get_args(kind) if one is not type(None)), kind) if _optional(kind) else kind
    if wanted is bool:
        return _truth(name, value)
    if wanted is int:
        if isinstance(value, bool) or not re.fullmatch(r"\d{1,10}", str(value)):
            raise InvalidSetting(f"{name} is {value!r}; it has to be a whole number.")
        return int(value)
    return str(value)


def _optional(kind: Any) -> bool:
    return type(None) in get_args(kind)


def _truth(name: str, value: Any) -> bool:
    if str(value).lower() not in {"true", "false"}:
        raise InvalidSetting(f"{name} is {value!r}; it has to be true or false.")
    return str(value).lower() == "true"


def _one_of(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    _check(value in allowed, name, value, f"one of {', '.join(str(one) for one in allowed)}")


def _between(name: str, value: int | None, low: int, high: int) -> None:
    _check(value is None or low <= value <= high, name, value, f"from {low:,} to {high:,}")


def _matches(name: str, value: str | None, form: re.Pattern[str], expected: str) -> None:
    _check(value is None or form.fullmatch(value), name, value, expected)


def _check(holds: object, name: str, value: Any, expected: str) -> None:
    if not holds:
        raise InvalidSetting(f"{name} is {value!r}; it has to be {expected}.")
