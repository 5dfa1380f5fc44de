"""Both clouds, the edge, the probe: started together, each where it would be, joined by names that lead to loopback.

A fault proxy stands before each origin, so that either cloud can be broken while it runs.
"""

from __future__ import annotations

import os
import random
import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from cdk.function_paths import READ_PATHS
from functions.edge_router.build import build_bundle
from local.cloudfront.distribution import Behavior, ConfiguredOrigin, Distribution, OriginGroup
from local.cloudfront.names import Fixed, Names
from local.cloudfront.simulator import simulator
from local.clouds.client import Client
from local.clouds.published_files import published_files
from local.clouds.site import Site
from local.failure import LocalDeploymentFailed
from local.faults import Fault, FaultProxy, fault_proxy
from local.server_process import ServerProcess
from local.workerd import Workerd, free_port
from quartzdb.net.address import Address
from quartzdb.routing.decision.edge_config import (
    CLOUDFLARE_SURFACE,
    EdgeConfig,
    EdgeOrigin,
)
from quartzdb.routing.decision.policy import first_state
from quartzdb.routing.decision.probe_interval import interval_ms
from quartzdb.routing.decision.rules import DEFAULT_RULES, Rules
from quartzdb.routing.decision.state import Origin, RoutingState
from quartzdb.routing.edge.forwarding import CLOUDFLARE_SECRET, ORIGIN_SECRET, SECOND_ATTEMPT
from quartzdb.routing.probe.canary import canary_key
from quartzdb.wiring.replication import embedded_lag_ms, public_key_text
from quartzdb.wiring.routing import (
    ProbedOrigin,
    RoutingAdapters,
    assemble_probing,
    embedded_routing,
)

AWS_DOMAIN = "aws.quartzdb.example"
CLOUDFLARE_DOMAIN = "cloudflare.quartzdb.example"
BUCKET_DOMAIN = "bucket.quartzdb.example"
_SERVES_WITHIN_SECONDS = 60.0
READ_TIMEOUT_SECONDS = 5.0
"""Of the simulated CloudFront. CloudFront's own default of 30 s is longer than a drill's client waits."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Of one pair of clouds, made anew for each folder."""

    replication: str
    aws_origin: str
    cloudflare_origin: str
    canary: str
    signing: str


class Clouds:
    """Running. What the drill watches and breaks."""

    def __init__(
        self,
        *,
        edge_url: str,
        key: str,
        rules: Rules,
        edge_follows_seconds: float,
        routing: RoutingAdapters,
        data_dir: Path,
        proxies: Mapping[Origin, FaultProxy],
        direct: Mapping[Origin, str],
        origin_secrets: Mapping[Origin, str],
    ) -> None:
        self.edge_url = edge_url
        self.key = key
        self.rules = rules
        self.edge_follows_seconds = edge_follows_seconds
        self.proxies = proxies
        self._routing = routing
        self._data_dir = data_dir
        self._direct = direct
        self._origin_secrets = origin_secrets

    def wait_until_serving(self) -> None:
        """Until both sites know the API key and are level, and routing is decided on. Raises LocalDeploymentFailed."""
        deadline = time.monotonic() + _SERVES_WITHIN_SECONDS
        begun_ms = self._routing.clock.unix_ms()
        while not self._serving(begun_ms):
            if time.monotonic() > deadline:
                raise LocalDeploymentFailed(
                    f"The clouds were not level within {_SERVES_WITHIN_SECONDS:.0f} s."
                )
            time.sleep(0.1)

    def _serving(self, at_ms: int) -> bool:
        if self._routing.states.read() is None or not self.level(at_ms):
            return False
        with self.sites() as sites:
            # A key that is not known is 401.
            return all(site.client.send("GET", "/api/get/nothing").status == 404 for site in sites)

    def set_fault(self, fault: Fault) -> None:
        """Of the Cloudflare origin; Fault() heals it."""
        self.proxies[Origin.CLOUDFLARE].set(fault)

    def state(self) -> RoutingState:
        """The routing state that is stored."""
        state = self._routing.states.read()
        assert state is not None, "the probe has begun one"
        return state

    def lag_ms(self) -> int | None:
        """Replication's, as the probe reads it."""
        return embedded_lag_ms(self._data_dir)

    def level(self, at_ms: int) -> bool:
        """Whether each site has everything that the other had at a time (unix ms), without any allowance."""
        return embedded_lag_ms(self._data_dir, allowance_ms=0, at_ms=at_ms) == 0

    @contextmanager
    def sites(self) -> Iterator[Sequence[Site]]:
        """Both, past the edge."""
        with ExitStack() as open_clients:
            yield [
                Site(
                    origin.value,
                    open_clients.enter_context(
                        Client(
                            url,
                            {
                                "Authorization": f"Bearer {self.key}",
                                "x-quartzdb-origin-secret": self._origin_secrets[origin],
                            },
                            timeout_seconds=60,
                        )
                    ),
                )
                for origin, url in self._direct.items()
            ]


@contextmanager
def clouds(
    folder: Path,
    *,
    rules: Rules = DEFAULT_RULES,
    edge_port: int = 0,
) -> Iterator[Clouds]:
    """Start everything in a folder, and stop it. Raises LocalDeploymentFailed."""
    folder.mkdir(parents=True, exist_ok=True)
    said = Secrets(*(secrets.token_urlsafe(32) for _ in range(5)))
    with ExitStack() as running:
        worker = running.enter_context(
            Workerd(
                folder / "cloudflare",
                bindings={
                    "SITE": Origin.CLOUDFLARE.value,
                    "REPLICATION_SECRET": said.replication,
                    "ORIGIN_SECRET": said.cloudflare_origin,
                    "SIGNER_PUBLIC_KEYS": public_key_text(said.signing),
                },
            )
        )
        at_cloudflare = running.enter_context(fault_proxy(_address(worker.url)))
        data_dir = folder / "aws"
        server = running.enter_context(_aws_site(folder, data_dir, said, at_cloudflare))
        at_aws = running.enter_context(fault_proxy(_address(server.url)))
        bucket = running.enter_context(published_files(data_dir))
        proxies = {Origin.AWS: at_aws, Origin.CLOUDFLARE: at_cloudflare}
        names = Names(
            {
                AWS_DOMAIN: at_aws,
                CLOUDFLARE_DOMAIN: at_cloudflare,
                BUCKET_DOMAIN: Fixed(_address(bucket)),
            }
        )
        routing = embedded_routing(data_dir)
        running.enter_context(_probing(routing, data_dir, proxies, names, said, rules))
        config = _edge_config(names)
        edge = running.enter_context(
            simulator(
                _distribution(said),
                names,
                bundle=build_bundle(config, folder / "edge"),
                log=folder / "edge.log",
                port=edge_port,
            )
        )
        yield Clouds(
            edge_url=edge.url,
            key=server.key,
            rules=rules,
            edge_follows_seconds=config.stale_seconds_max,
            routing=routing,
            data_dir=data_dir,
            proxies=proxies,
            direct={Origin.AWS: server.url, Origin.CLOUDFLARE: worker.url},
            origin_secrets={
                Origin.AWS: said.aws_origin,
                Origin.CLOUDFLARE: said.cloudflare_origin,
            },
        )


@contextmanager
def _aws_site(folder: Path, data_dir: Path, said: Secrets, peer: FaultProxy) -> Iterator[ServerProcess]:
    secret_file = _secret_file(folder / "replication-secret", said.replication)
    origin_file = _secret_file(folder / "cloudflare-origin-secret", said.cloudflare_origin)
    signing_file = _secret_file(folder / "signing-secret", said.signing)
    server = ServerProcess(
        data_dir,
        "--site",
        Origin.AWS.value,
        "--peer-site",
        Origin.CLOUDFLARE.value,
        "--peer-url",
        f"http://127.0.0.1:{peer.port}",
        "--replication-secret-file",
        str(secret_file),
        "--peer-origin-secret-file",
        str(origin_file),
        "--signing-key-file",
        str(signing_file),
        "--port",
        str(free_port()),
    )
    try:
        yield server
    finally:
        server.terminate()


def _secret_file(path: Path, secret: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(secret)
    return path


@contextmanager
def _probing(
    routing: RoutingAdapters,
    data_dir: Path,
    proxies: Mapping[Origin, FaultProxy],
    names: Names,
    said: Secrets,
    rules: Rules,
) -> Iterator[None]:
    """The health probe, in a thread until the end."""
    key = canary_key(routing.api_keys, routing.clock, said.canary)
    domains = {Origin.AWS: AWS_DOMAIN, Origin.CLOUDFLARE: CLOUDFLARE_DOMAIN}
    origin_secrets = {Origin.AWS: said.aws_origin, Origin.CLOUDFLARE: said.cloudflare_origin}
    probing = assemble_probing(
        routing,
        [
            ProbedOrigin(
                origin,
                f"http://{domains[origin]}",
                key=lambda: key,
                secret=lambda origin=origin: origin_secrets[origin],  # type: ignore[misc]
                resolve=names.as_resolve(),
            )
            for origin in proxies
        ],
        primary=Origin.CLOUDFLARE,
        owner=f"local.{os.getpid()}",
        lag_ms=lambda: embedded_lag_ms(data_dir),
        rules=rules,
    )
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            found = probing.round()
            stop.wait(interval_ms(found.ease, rules, random.random()) / 1000)

    thread = threading.Thread(target=run, name="health-probe", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _edge_config(names: Names) -> EdgeConfig:
    return EdgeConfig(
        origins={
            Origin.AWS: EdgeOrigin(domain=None),
            Origin.CLOUDFLARE: EdgeOrigin(
                domain=CLOUDFLARE_DOMAIN, surface=CLOUDFLARE_SURFACE, read_timeout_seconds=5
            ),
        },
        state_url=f"http://{BUCKET_DOMAIN}/routing/state.json",
        state_signed=False,
        initial=first_state(Origin.CLOUDFLARE, 0),
        resolve=names.as_resolve(),
    )


def _distribution(said: Secrets) -> Distribution:
    secrets_ = {ORIGIN_SECRET: said.aws_origin, CLOUDFLARE_SECRET: said.cloudflare_origin}
    first = ConfiguredOrigin(AWS_DOMAIN, read_timeout_seconds=READ_TIMEOUT_SECONDS, custom_headers=secrets_)
    second = replace(first, custom_headers={**secrets_, SECOND_ATTEMPT: "1"})
    group = OriginGroup(first, second)
    return Distribution(first, [Behavior(pattern, group) for pattern in READ_PATHS])


def _address(url: str) -> Address:
    work = urlsplit(url)
    assert work.hostname is not None
    assert work.port is not None
    return Address(work.hostname, work.port, "http")
