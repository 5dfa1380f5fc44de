"""What a tenant holds: bytes of live data and vectors, over all of its namespaces, page by page.

Live bytes are those of its segments' files that are of live rows, of vectors that no segment has yet, and of values.
What has expired is not live; of those in one segment up to a sixteenth may be counted somewhat longer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import NamespaceNotFound, Unavailable
from quartzdb.domain.namespace import Namespace
from quartzdb.services.consistency import STRONG, Consistency
from quartzdb.services.namespaces import Namespaces, NamespaceStats
from quartzdb.storage.ports import BlobMissing, KeyValueTable
from quartzdb.storage.snapshot.readers import Readers
from quartzdb.storage.snapshot.store import SnapshotStore

_EVENTUAL = Consistency(strong=False)
_PAGE = 100


class TenantSize(NamedTuple):
    """Bytes of live data, vectors, and keys of key-values."""

    bytes: int = 0
    vectors: int = 0
    keys: int = 0

    def __add__(self, other: object) -> TenantSize:
        """Of both together."""
        assert isinstance(other, TenantSize)
        return TenantSize(*(one + more for one, more in zip(self, other, strict=True)))


class NamespaceSize(NamedTuple):
    """What one of its namespaces holds."""

    namespace: Namespace
    size: TenantSize


class Published(NamedTuple):
    """Where a process looks that holds nothing in memory: manifests, one read for each shard, and items."""

    store: SnapshotStore
    readers: Readers
    table: KeyValueTable
    clock: Clock


class TenantSizes:
    """`published` None: what this process serves is asked, as it has it in memory."""

    def __init__(self, namespaces: Namespaces, published: Published | None = None) -> None:
        self._namespaces = namespaces
        self._published = published

    def page(
        self,
        tenant: str,
        *,
        exact: bool,
        cursor: str | None = None,
        more: Callable[[], bool] = lambda: True,
    ) -> tuple[TenantSize, str | None]:
        """The sum of some namespaces and where to go on, None at the end; see `each`."""
        found, cursor = self.each(tenant, exact=exact, cursor=cursor, more=more)
        return sum((one.size for one in found), TenantSize()), cursor

    def each(
        self,
        tenant: str,
        *,
        exact: bool,
        cursor: str | None = None,
        more: Callable[[], bool] = lambda: True,
    ) -> tuple[Sequence[NamespaceSize], str | None]:
        """Some namespaces by name and where to go on, None at the end; `more` is asked between pages of them.

        `exact`: with every write that was acknowledged before; else what was not folded yet may be missing.
        """
        found: list[NamespaceSize] = []
        while True:
            page = self._namespaces.list(tenant, cursor=cursor, limit=_PAGE)
            found += (NamespaceSize(one, self._of(one, exact=exact)) for one in page.items)
            cursor = page.cursor
            if cursor is None or not more():
                return found, cursor

    def _of(self, namespace: Namespace, *, exact: bool) -> TenantSize:
        if self._published is not None and not exact:
            return _published_size(self._published, namespace)
        if self._published is not None:
            # One that is open goes by its tail for as long as that is short, and by no manifest that came since.
            self._published.readers.forget(namespace)
        try:
            stats = self._namespaces.stats(namespace, STRONG if exact else _EVENTUAL)
        except NamespaceNotFound:
            return TenantSize()  # deleted since it was listed
        return TenantSize(_live_bytes(stats, namespace.settings.vector_bytes), stats.records, stats.keys)


def _live_bytes(stats: NamespaceStats, vector_bytes: int) -> int:
    segments = sum(segment.bytes * segment.live_rows // max(segment.rows, 1) for segment in stats.segments)
    return segments + stats.tail_rows * vector_bytes + stats.key_value_bytes


def _published_size(published: Published, namespace: Namespace) -> TenantSize:
    now_ms = published.clock.unix_ms()
    keys, size = published.table.count(namespace.partition, now_ms)
    vectors = 0
    for shard in namespace.each_shard if namespace.settings.holds_records else ():
        pointer = published.store.pointer(shard.partition)
        if pointer is None:
            continue
        try:
            manifest = published.store.current(pointer)
        except BlobMissing as error:  # another was published since, and this one swept
            raise Unavailable(
                f"The manifest of {shard.partition} is being replaced.", hint="Ask again in a moment."
            ) from error
        present = [one.at(now_ms) for one in manifest.segments]
        vectors += sum(one.live_rows for one in present)
        size += sum(one.bytes * one.live_rows // max(one.shape.rows, 1) for one in present)
    return TenantSize(size, vectors, keys)
