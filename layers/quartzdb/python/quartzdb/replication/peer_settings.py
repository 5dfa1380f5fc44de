"""What an operator says of the other site. Checked once, wherever it comes from."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import field, replace
from enum import StrEnum

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.grant import TenantGrant
from quartzdb.domain.namespace import check_tenant
from quartzdb.domain.values import dataclass
from quartzdb.replication.ports import SharedPart
from quartzdb.replication.residency import Residency
from quartzdb.replication.shared_namespaces import Shared, has_shared_keys, shared_of
from quartzdb.replication.status import PeerKind, PeerName
from quartzdb.replication.wire.limits import SITE_PATTERN
from quartzdb.services.ports import TenantGrants

INTERVAL_SECONDS = 5.0
"""Between two rounds of the driver. With the feeds' own delay and a slow round it has to fit into lag.ALLOWANCE_MS."""
INTERVAL_SECONDS_MAX = 10.0

PUBLIC_KEYS_MAX = 4
_PUBLIC_KEY_BYTES = 32
_SITE = re.compile(SITE_PATTERN)


class SharedData(StrEnum):
    """Which namespaces two sites have in common."""

    DEFAULT = "default"
    """The one behind `/api/*` of each tenant: all that a Cloudflare site has."""
    ALL = "all"


class ApiKeysGo(StrEnum):
    """Which way API keys go."""

    THERE = "there"
    """They are managed at this site, and pushed to the peer."""
    HERE = "here"
    """They are managed at the peer, and taken over from it."""
    NOWHERE = "nowhere"


def tenants_of(text: str | None) -> frozenset[str] | None:
    """Tenants as settings name them, with commas between. None where there is no text: all."""
    return frozenset(name.strip() for name in text.split(",")) if text and text.strip() else None


def public_keys_of(text: str | None) -> tuple[str, ...]:
    """Public keys as settings name them, with commas between."""
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def _check_public_keys(keys: Sequence[str]) -> None:
    if len(keys) > PUBLIC_KEYS_MAX:
        raise InvalidArgument(f"There are at most {PUBLIC_KEYS_MAX} public keys.", field="peer_public_keys")
    for text in keys:
        try:
            size = len(base64.b64decode(text, validate=True))
        except (binascii.Error, ValueError):
            size = 0
        if size != _PUBLIC_KEY_BYTES:
            raise InvalidArgument(
                f"{text[:80]!r} is no public key: 32 bytes in base64.",
                field="peer_public_keys",
                hint="`quartzdb replication public-key` prints that of a signing secret.",
            )


@dataclass(frozen=True, slots=True)
class PeerSettings:
    """Raises InvalidArgument for what cannot be. `url` None: the peer drives, and this site only answers."""

    site: str
    peer_site: str
    url: str | None = None
    kind: PeerKind = PeerKind.FULL
    shares: SharedData = SharedData.DEFAULT
    api_keys: ApiKeysGo = ApiKeysGo.THERE
    interval_seconds: float = INTERVAL_SECONDS
    tenants: frozenset[str] | None = None
    """Of which anything is shared: beyond them the secret of the two sites gives nothing. None: of all."""
    region: str | None = None
    peer_region: str | None = None
    """Where the two sites are."""
    allows: Callable[[str], bool] = field(default=lambda _tenant: True, compare=False)
    """Whether a tenant's data may be at both."""
    public_keys: tuple[str, ...] = ()
    """Of the site that manages API keys and gives grants: one of them has to have signed what is taken over. None:
    unsigned keys are taken, and no grants.
    """

    def __post_init__(self) -> None:
        for name in (self.site, self.peer_site):
            if not _SITE.fullmatch(name):
                raise InvalidArgument(
                    f"{name[:80]!r} is no site name.", field="site", hint="Use 1 to 32 of a-z, 0-9 and '-'."
                )
        if self.site == self.peer_site:
            raise InvalidArgument(
                f"Both sites are called {self.site!r}.",
                field="peer_site",
                hint="Changes are told apart by the name of the site where they were made.",
            )
        if self.kind is PeerKind.CONTRACT and (self.url is None or self.shares is SharedData.ALL):
            raise InvalidArgument(
                "A peer that knows only /api/* never drives, and shares the namespace `default` alone.",
                field="peer_kind",
            )
        for tenant in self.tenants or ():
            check_tenant(tenant, "shared_tenants")
        _check_public_keys(self.public_keys)
        if not 0.1 <= self.interval_seconds <= INTERVAL_SECONDS_MAX:
            raise InvalidArgument(
                f"The interval is 0.1 to {INTERVAL_SECONDS_MAX:g} seconds.", field="interval_seconds"
            )

    @property
    def part(self) -> SharedPart:
        """What is shared, as it is noted."""
        tenants = None if self.tenants is None else tuple(sorted(self.tenants))
        return SharedPart(self.shares is SharedData.ALL, tenants)

    @property
    def named(self) -> Shared:
        """Whether a namespace is shared, as far as the settings say."""
        return shared_of(self.part)

    @property
    def shared(self) -> Shared:
        """Whether a namespace is shared."""
        named, allows = self.named, self.allows
        return lambda tenant, name: named(tenant, name) and allows(tenant)

    def residing(self, grants: TenantGrants, clock: Clock) -> PeerSettings:
        """The same, of which no tenant is shared whose data has to stay in a region that is not both sites'."""
        return replace(self, allows=Residency(grants, clock, self.region, self.peer_region).allows)

    def grant_goes(self, grant: TenantGrant) -> bool:
        """Whether a grant is the peer's business: of a tenant of which something may be there, or was and is to go."""
        shared = has_shared_keys(self.named, grant.tenant)
        return shared and (grant.gone_at_ms is not None or self.allows(grant.tenant))

    @property
    def peer(self) -> PeerName:
        """For the status."""
        return PeerName(self.peer_site, self.kind)
