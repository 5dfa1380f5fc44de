"""What the HTTP edge needs of a database, as a Protocol: `wiring.Database` fits it without being known here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from quartzdb.domain.clock import Clock
from quartzdb.domain.hlc import Version
from quartzdb.replication.ports import Behind, Changes, ErasingSite, Feed, Replica, SharedNamespace
from quartzdb.services.aggregates import Aggregates
from quartzdb.services.erasures import Erasures
from quartzdb.services.key_changes import KeyChanges
from quartzdb.services.key_uses import KeyUses
from quartzdb.services.keys import ApiKeys
from quartzdb.services.keyvalue import KeyValues
from quartzdb.services.listing import Listing
from quartzdb.services.namespaces import Namespaces
from quartzdb.services.ports import IdempotencyTable, RateSlices
from quartzdb.services.record_changes import RecordChanges
from quartzdb.services.records import Records
from quartzdb.services.search import Search
from quartzdb.services.tenants import Tenants
from quartzdb.storage.ports import NamespaceCatalog


class ServedReplica(Replica, Protocol):
    """This site, as it is served to the other one."""

    def fetch_page(self, namespace: SharedNamespace, feed: Feed, ids: Sequence[str]) -> tuple[Changes, bool]:
        """As `fetch`, but no more than fits an answer, and whether something is missing for that reason."""
        ...


class ReplicationStatusSource(Protocol):
    """Who knows how replication stands."""

    def document(self, tenant: str | None) -> Mapping[str, Any]:
        """What `GET /v1/replication/status` answers; with a tenant, of that one's namespaces only."""
        ...


class AppliedSource(Protocol):
    """Who knows how much of the other site's writes is here."""

    def behind(self, tenant: str, namespace: str, feed: Feed) -> Behind | None:
        """How far this site is behind; None where nothing of the namespace comes from the other. Raises Unavailable."""
        ...

    def require(self, tenant: str, namespace: str, feed: Feed, token: Version) -> bool:
        """Whether a version is one of the other site's, which this site has then. Raises VersionNotApplied where it
        does not, and Unavailable.
        """
        ...


class SaidByPeer(Protocol):
    """What the other site says of API keys and grants, signed where that is asked for."""

    def documents(self, kind: str, plain: object, signed: str | None, signature: str | None) -> object:
        """The documents. Raises Forbidden where they have to be signed and are not."""
        ...

    def signed(self, kind: str, signed: str | None, signature: str | None) -> object:
        """Documents that have to be signed. Raises Forbidden where they are not."""
        ...


class Replication(Protocol):
    """What a site that is one of two serves. `secrets`: the present one of the two sites, and those still good."""

    @property
    def replica(self) -> ServedReplica: ...

    @property
    def erasures(self) -> ErasingSite: ...

    @property
    def statements(self) -> SaidByPeer: ...

    @property
    def secrets(self) -> Callable[[], Sequence[str]]: ...

    @property
    def status(self) -> ReplicationStatusSource | None: ...

    @property
    def applied(self) -> AppliedSource | None: ...


class Services(Protocol):
    """The use cases of one process, and what the edge itself keeps state in."""

    @property
    def tenant(self) -> str:
        """Whose default namespace `/health` looks at: an open endpoint can name nobody else's."""
        ...

    @property
    def records(self) -> Records: ...

    @property
    def search(self) -> Search: ...

    @property
    def listing(self) -> Listing: ...

    @property
    def aggregates(self) -> Aggregates: ...

    @property
    def key_values(self) -> KeyValues: ...

    @property
    def record_changes(self) -> RecordChanges: ...

    @property
    def key_changes(self) -> KeyChanges: ...

    @property
    def erasures(self) -> Erasures: ...

    @property
    def namespaces(self) -> Namespaces: ...

    @property
    def api_keys(self) -> ApiKeys: ...

    @property
    def key_uses(self) -> KeyUses: ...

    @property
    def tenants(self) -> Tenants: ...

    @property
    def rate_slices(self) -> RateSlices: ...

    @property
    def idempotency(self) -> IdempotencyTable: ...

    @property
    def damaged(self) -> Mapping[str, str]:
        """Namespaces (tenant/name) whose segments cannot be served as they should, as far as is known, and why."""
        ...

    @property
    def catalog(self) -> NamespaceCatalog: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def probe_storage(self) -> Callable[[], None]:
        """Finds out whether storage takes a write, without making one that anybody sees. Raises where it does not."""
        ...

    @property
    def replication(self) -> Replication | None:
        """None: this site is alone."""
        ...
