"""What a site needs in order to be one of two, and what it then serves to the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from quartzdb.domain.values import dataclass
from quartzdb.replication.applied import AppliedChanges
from quartzdb.replication.local_erasures import LocalErasures
from quartzdb.replication.local_replica import LocalReplica
from quartzdb.replication.shared_namespaces import Shared, default_namespaces
from quartzdb.replication.statements import Statements, Verify
from quartzdb.storage.log.protocol import OVERLAP_MS
from quartzdb.storage.ports import Retention


class StatusDocument(Protocol):
    """Says how replication stands, as `GET /v1/replication/status` answers it."""

    def document(self, tenant: str | None) -> Mapping[str, Any]:
        """The document; with a tenant, of that one's namespaces only."""
        ...


@dataclass(frozen=True, slots=True)
class Peering:
    """How this site is one of two.

    `secrets` gives the present secret of the two sites and those that are still good; it is asked with every request,
    and none at all refuses everything. `named`: what settings share, whatever a grant says (None: `shared`). `verify`
    None: API keys need no signature of the other site, and grants are taken from nobody. `gives_grants`: the other one
    takes them from here, so that a tenant is deleted at both. `active` says whether this site decides
    compare-and-sets. `retention` None: feeds are kept only as long as this site itself needs them. `applied` None:
    nobody knows what has come from the other site.
    """

    site: str
    secrets: Callable[[], Sequence[str]]
    shared: Shared = default_namespaces
    named: Shared | None = None
    keys_behind_ms: int = OVERLAP_MS
    takes_api_keys: bool = False
    verify: Verify | None = None
    gives_grants: bool = False
    active: Callable[[], bool] = lambda: True
    retention: Retention | None = None
    status: StatusDocument | None = None
    applied: AppliedChanges | None = None


@dataclass(frozen=True, slots=True)
class SiteEndpoint:
    """What is served to the other site, and what readers are told of it. `gives_grants`, `applied`: as Peering says."""

    replica: LocalReplica
    erasures: LocalErasures
    statements: Statements
    secrets: Callable[[], Sequence[str]]
    status: StatusDocument | None = None
    gives_grants: bool = False
    applied: AppliedChanges | None = None
