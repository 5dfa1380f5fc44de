"""Use cases of namespaces: create, describe, list, delete."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import field
from itertools import islice
from typing import Any, TypeVar

from quartzdb.domain.clock import Clock
from quartzdb.domain.cursor import decode_cursor, encode_cursor
from quartzdb.domain.errors import InvalidArgument, NamespaceNotFound, NamespaceShared
from quartzdb.domain.freeing import freeing
from quartzdb.domain.grant import UNGRANTED, TenantGrant
from quartzdb.domain.namespace import (
    DEFAULT_DIMENSION,
    DEFAULT_NAMESPACE,
    Namespace,
    NamespaceSettings,
    check_namespace_name,
)
from quartzdb.domain.values import dataclass
from quartzdb.services.consistency import STRONG, Consistency
from quartzdb.services.namespace_creation import NamespaceCreation
from quartzdb.services.page import Page, check_limit
from quartzdb.services.remembered_namespaces import RememberedNamespaces
from quartzdb.storage.ports import ChangeLog, KeyValueTable, NamespaceCatalog
from quartzdb.storage.snapshot.readers import Readers

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class SegmentStats:
    """One segment of a namespace."""

    name: str
    engine: str
    rows: int
    live_rows: int
    bytes: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    shard: int = 0


@dataclass(frozen=True, slots=True)
class NamespaceStats:
    """What a namespace holds now. Bytes are of segments on disk and of key-value items."""

    records: int = 0
    deleted_rows: int = 0
    tail_rows: int = 0
    segment_bytes: int = 0
    keys: int = 0
    key_value_bytes: int = 0
    segments: Sequence[SegmentStats] = ()
    degraded: str | None = None


class Namespaces:
    """One instance serves every tenant. `new_generation` makes a name that no generation had before.

    `shared` says whether a namespace (tenant, name) is replicated to another site.
    """

    def __init__(
        self,
        catalog: NamespaceCatalog,
        log: ChangeLog,
        table: KeyValueTable,
        readers: Readers,
        clock: Clock,
        *,
        remembered: RememberedNamespaces | None = None,
        new_generation: Callable[[], str] = lambda: secrets.token_hex(8),
        shared: Callable[[str, str], bool] = lambda _tenant, _name: False,
    ) -> None:
        self._catalog = catalog
        self._creation = NamespaceCreation(catalog, clock, new_generation=new_generation)
        self._log = log
        self._table = table
        self._readers = readers
        self._clock = clock
        self._remembered = remembered or RememberedNamespaces(clock, 0)
        self._shared = shared

    def create(
        self, tenant: str, name: str, settings: NamespaceSettings, grant: TenantGrant = UNGRANTED
    ) -> tuple[Namespace, bool]:
        """Create it, as NamespaceCreation does."""
        return self._creation.create(tenant, name, settings, grant)

    def has_any(self, tenant: str) -> bool:
        """Whether the tenant has a namespace, or one that was deleted and is not gone yet."""
        return self._creation.has_any(tenant)

    def get(self, tenant: str, name: str) -> Namespace:
        """The namespace. Raises NamespaceNotFound."""
        namespace = self._catalog.get(tenant, check_namespace_name(name))
        if namespace is None:
            raise NamespaceNotFound(
                f"There is no namespace {name!r}.",
                field="namespace",
                hint="Create it with POST /v1/namespaces.",
            )
        return namespace

    def search(
        self,
        tenant: str,
        use: Callable[[Namespace], Answer],
        name: str | None = None,
        grant: TenantGrant = UNGRANTED,
        *,
        strong: bool = True,
    ) -> Answer:
        """What `use` makes of the namespace (None: the default one), as remembered or, if that is gone, as it is now.

        `use` must raise NamespaceNotFound for a generation that was deleted, as every `strong` view does.
        """
        known = self._remembered.get(tenant, name or DEFAULT_NAMESPACE, strong=strong)
        if known is not None:
            try:
                return use(known)
            except NamespaceNotFound:
                self._remembered.forget(known.tenant, known.name)
            except InvalidArgument:
                # It may be right for the one that has the name now.
                if self._catalog.get(tenant, known.name) == known:
                    raise
                self._remembered.forget(known.tenant, known.name)
        namespace = self.default(tenant, grant) if name is None else self.get(tenant, name)
        self._remembered.keep(namespace)
        return use(namespace)

    def default(self, tenant: str, grant: TenantGrant = UNGRANTED) -> Namespace:
        """The namespace of the Cloudflare-compatible surface, created on first use. Raises LimitReached then."""
        namespace = self._catalog.get(tenant, DEFAULT_NAMESPACE)
        if namespace is None:
            settings = NamespaceSettings(DEFAULT_DIMENSION)
            namespace, _ = self.create(tenant, DEFAULT_NAMESPACE, settings, grant)
        return namespace

    def list(
        self,
        tenant: str,
        *,
        prefix: str = "",
        cursor: str | None = None,
        limit: int = 100,
        among: Set[str] | None = None,
    ) -> Page[Namespace]:
        """A page of namespaces in name order, of all or of some. `among` has few names: each is looked up."""
        listing = f"namespaces/{tenant}/{prefix}"
        after = decode_cursor(listing, cursor) if cursor else None
        check_limit(limit)
        if among is None:
            found = self._catalog.list(tenant, prefix=prefix, after=after, limit=limit + 1)
        else:
            names = [name for name in sorted(among) if name.startswith(prefix) and name > (after or "")]
            known = (self._catalog.get(tenant, name) for name in names)
            found = list(islice((one for one in known if one is not None), limit + 1))
        more = len(found) > limit
        return Page(found[:limit], encode_cursor(listing, found[limit - 1].name) if more else None)

    def delete(self, tenant: str, name: str, *, with_tenant: bool = False) -> None:
        """Delete it with all records and key-values. Raises NamespaceNotFound, NamespaceShared.

        The name is free at once; the data is out of reach at once and removed in the background. `with_tenant`: of the
        tenant nothing is shared any more.
        """
        namespace = self.get(tenant, name)
        if not with_tenant:
            self.require_unshared(tenant, name)
        with freeing():
            self._delete(namespace)

    def require_unshared(self, tenant: str, name: str) -> None:
        """Raises NamespaceShared for one that another site has, too."""
        if self._shared(tenant, name):
            raise NamespaceShared(
                f"The namespace {name!r} is shared with another site, which would bring it back.",
                field="namespace",
                hint="Delete its records and keys: that reaches the other site, too.",
            )

    def _delete(self, namespace: Namespace) -> None:
        tenant, name = namespace.tenant, namespace.name
        if not self._catalog.remove(namespace):
            raise NamespaceNotFound(f"There is no namespace {name!r}.", field="namespace")
        # Sealing tells readers of other processes, which still hold the old generation, at their next read. One shard
        # that is sealed is enough for that: whoever reads or writes in several is told by any of them.
        self._remembered.forget(tenant, name)
        for partition in namespace.partitions:
            self._log.seal(partition)
        self._readers.forget(namespace)

    def stats(self, namespace: Namespace, consistency: Consistency = STRONG) -> NamespaceStats:
        """What the namespace holds."""
        keys, key_value_bytes = self._table.count(namespace.partition, self._clock.unix_ms())
        if not namespace.settings.holds_records:
            return NamespaceStats(keys=keys, key_value_bytes=key_value_bytes)
        held = [self._shard_stats(shard, consistency) for shard in namespace.each_shard]
        return NamespaceStats(
            records=sum(one.records for one in held),
            deleted_rows=sum(one.deleted_rows for one in held),
            tail_rows=sum(one.tail_rows for one in held),
            segment_bytes=sum(one.segment_bytes for one in held),
            keys=keys,
            key_value_bytes=key_value_bytes,
            segments=[segment for one in held for segment in one.segments],
            degraded=next((one.degraded for one in held if one.degraded), None),
        )

    def _shard_stats(self, shard: Namespace, consistency: Consistency) -> NamespaceStats:
        reader = self._readers.of(shard)
        view = reader.view(strong=consistency.strong, at_least=consistency.at_least)
        snapshot = reader.snapshot
        now_ms = self._clock.unix_ms()
        refs = [ref.at(now_ms) for ref in snapshot.manifest.segments] if snapshot else []
        return NamespaceStats(
            records=view.count,
            deleted_rows=sum(part.segment.shape.rows - part.alive_count for part in view.parts),
            tail_rows=reader.tail_rows,
            segment_bytes=sum(ref.bytes for ref in refs),
            segments=[
                SegmentStats(
                    ref.name,
                    ref.shape.engine,
                    ref.shape.rows,
                    ref.live_rows,
                    ref.bytes,
                    ref.shape.parameters,
                    shard.shard,
                )
                for ref in refs
            ],
            degraded=snapshot.degraded if snapshot else None,
        )
