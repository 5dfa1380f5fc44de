"""This site as a Replica: its log and key-values as feeds, other sites' changes taken in, and what it has as digests.

Of a namespace only `apply` looks at the settings that the caller names; everything else goes by tenant and name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from quartzdb.domain.change import Change
from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Conflict, InvalidArgument, TooLarge
from quartzdb.domain.grant import TenantGrant
from quartzdb.domain.hlc import HybridClock, stamp_at
from quartzdb.domain.limits import CHANGES_DAYS, DAY_MS
from quartzdb.domain.namespace import Namespace
from quartzdb.replication.api_key_applier import take_api_keys
from quartzdb.replication.change_applier import ChangeApplier
from quartzdb.replication.feeds.feed_page import BelowFloor, FeedBatch
from quartzdb.replication.feeds.feed_position import (
    NOWHERE,
    START,
    FeedPosition,
    decode_position,
    encode_feed_position,
    encode_position,
    parse_position,
)
from quartzdb.replication.feeds.key_feed import KeyFeed
from quartzdb.replication.feeds.record_feed import RecordFeed
from quartzdb.replication.feeds.shard_positions import (
    ShardPositions,
    at_start,
    each_position,
    in_shards,
    parse_shard_positions,
)
from quartzdb.replication.feeds.sharded_feed import ShardedFeed
from quartzdb.replication.grant_applier import take_grants
from quartzdb.replication.ports import (
    Applied,
    Changes,
    Digests,
    EntryPage,
    Feed,
    FeedGap,
    FeedPage,
    SharedNamespace,
)
from quartzdb.replication.repair.key_digests import key_digests, key_entries
from quartzdb.replication.repair.present_state import changes_of
from quartzdb.replication.repair.shard_digests import ShardDigests
from quartzdb.replication.shared_namespaces import Shared, SharedNamespaceLookup, default_namespaces
from quartzdb.replication.wire.change_document import as_items, as_records, encoded_change
from quartzdb.replication.wire.limits import (
    BUCKETS,
    CHANGES_MAX,
    ENTRIES_MAX,
    FETCH_IDS_MAX,
    PAGE_BYTES_MAX,
    SITE_PATTERN,
)
from quartzdb.services.keyvalue import check_key
from quartzdb.services.ports import ApiKey, ApiKeyTable, TenantGrants
from quartzdb.storage.log.append import LogWriter
from quartzdb.storage.log.protocol import MARGIN_MS, OVERLAP_MS
from quartzdb.storage.ports import ChangeLog, Item, KeyValueTable, NamespaceCatalog
from quartzdb.storage.snapshot.readers import Readers

_NOTHING = [(0, 0)] * BUCKETS
_VALUES_AT_ONCE = 8
"""Values read by one look, so that what is held beyond a limit on bytes stays bounded."""
_SITE = re.compile(SITE_PATTERN)


class LocalReplica:
    """Replica over this site's ports. Thread-safe. A shared namespace that is not there yet is empty.

    `keys_behind_ms`: how old a change of a key is before it is given out; at least the overlap, and more where the
    table's index lags. `takes_api_keys`: whether API keys are managed by the other site, and so taken over from it with
    the grants of tenants. `named`: what settings share, whatever a grant says (None: `shared`). `say` stores a grant.
    """

    def __init__(
        self,
        site: str,
        *,
        catalog: NamespaceCatalog,
        log: ChangeLog,
        table: KeyValueTable,
        readers: Readers,
        api_keys: ApiKeyTable,
        grants: TenantGrants,
        writer: LogWriter,
        versions: HybridClock,
        clock: Clock,
        shared: Shared = default_namespaces,
        keys_behind_ms: int = OVERLAP_MS,
        takes_api_keys: bool = False,
        named: Shared | None = None,
        say: Callable[[TenantGrant], bool] | None = None,
        history_kept_ms: int = CHANGES_DAYS * DAY_MS,
    ) -> None:
        if not _SITE.fullmatch(site):
            raise InvalidArgument(
                f"{site[:80]!r} is no site name.", field="site", hint="Use 1 to 32 of a-z, 0-9 and '-'."
            )
        self._site = site
        self._shared = SharedNamespaceLookup(catalog, clock, shared)
        self._log = log
        self._table = table
        self._named = SharedNamespaceLookup(catalog, clock, named or shared)
        self._api_keys = api_keys
        self._grants = grants
        self._say = say or grants.put
        self._clock = clock
        self._record_feed = RecordFeed(log, clock)
        self._sharded_feed = ShardedFeed(self._record_feed)
        self._key_feed = KeyFeed(table, clock, keys_behind_ms)
        self._states = ShardDigests(readers, clock)
        self._applier = ChangeApplier(
            table, self._states, writer, versions, clock, history_kept_ms=history_kept_ms
        )
        self._takes_api_keys = takes_api_keys

    @property
    def site(self) -> str:
        """Its name."""
        return self._site

    def namespaces(self) -> Sequence[SharedNamespace]:
        """What it shares."""
        return self._shared.all_shared()

    def changes(
        self,
        namespace: SharedNamespace,
        feed: Feed,
        cursor: str | None,
        *,
        limit: int = CHANGES_MAX,
        exclude_site: str | None = None,
    ) -> FeedPage:
        """A page of a feed; it may be empty while `more`, where all that it passed was left out. Raises FeedGap."""
        _check_limit(limit, CHANGES_MAX)
        found = self._shared.find(namespace)
        generation, position = NOWHERE, ""
        if cursor is not None:
            generation, position = decode_position(namespace, feed, cursor)
        if found is None:
            nowhere = encode_feed_position(namespace, feed, NOWHERE, START)
            return FeedPage([], nowhere, False, self._clock.unix_ms())
        if generation not in (NOWHERE, found.generation):
            raise FeedGap(self._present(namespace, feed, found))
        begins = generation == NOWHERE
        try:
            if _in_shards(found, feed):
                shards = found.settings.shards
                positions = at_start(shards) if begins else parse_shard_positions(position, shards)
                return self._page_of_shards(namespace, found, positions, limit, exclude_site)
            batch = self._after(
                found, feed, START if begins else parse_position(position), limit, exclude_site
            )
        except BelowFloor:
            raise FeedGap(self._present(namespace, feed, found)) from None
        after = encode_feed_position(namespace, feed, found.generation, batch.position)
        return FeedPage(batch.changes, after, batch.more, batch.through_ms)

    def retained_from(self, namespace: SharedNamespace, feed: Feed, cursor: str | None) -> int:
        """The lowest append stamp that whoever goes on from the cursor still needs: for `Checkpoint.retained_from`."""
        if cursor is None:
            return 0
        _, position = decode_position(namespace, feed, cursor)
        if in_shards(position):
            # One number for all shards: that of the one that is furthest behind, or was quiet for longest.
            return min(place.stamp for place in parse_shard_positions(position).positions)
        return parse_position(position).stamp

    def apply(self, namespace: SharedNamespace, feed: Feed, changes: Changes) -> Applied:
        """Take changes over. Raises InvalidArgument, ClockSkew, NamespaceDiffers; nothing is applied then.

        After Unavailable changes of keys may be applied in part (change_applier.py): send them again.
        """
        if feed is Feed.RECORDS:
            records = as_records(changes)
            return self._applier.records(self._shared.take(namespace), records)
        items = as_items(changes)
        return self._applier.items(self._shared.take(namespace), items)

    def digests(self, namespace: SharedNamespace, feed: Feed) -> Digests:
        """What it has, in 256 numbers."""
        found = self._shared.find(namespace)
        now_ms = self._clock.unix_ms()
        if found is None or not _has(found, feed):
            return Digests(_NOTHING, now_ms)
        if feed is Feed.KEYS:
            return Digests(key_digests(self._table.all_items(found.partition), now_ms), now_ms)
        return Digests(self._states.digests(found), now_ms)

    def entries(
        self, namespace: SharedNamespace, feed: Feed, bucket: int, *, after: str | None, limit: int
    ) -> EntryPage:
        """What is behind one digest, tombstones that are still known included."""
        _check_limit(limit, ENTRIES_MAX)
        if not 0 <= bucket < BUCKETS:
            raise InvalidArgument(f"A bucket is 0 to {BUCKETS - 1}, not {bucket}.", field="bucket")
        found = self._shared.find(namespace)
        if found is None or not _has(found, feed):
            return EntryPage([], False)
        if feed is Feed.KEYS:
            items = self._table.all_items(found.partition)
            return key_entries(items, bucket, after, limit, self._clock.unix_ms())
        return self._states.entries(found, bucket, after, limit)

    def fetch(self, namespace: SharedNamespace, feed: Feed, ids: Sequence[str]) -> Changes:
        """The changes that make the present state of those ids, in their order."""
        return [change for some in self._fetched(namespace, feed, ids) for change in some]  # type: ignore[return-value]

    def fetch_page(self, namespace: SharedNamespace, feed: Feed, ids: Sequence[str]) -> tuple[Changes, bool]:
        """As `fetch`, but only as many ids as make PAGE_BYTES_MAX, and whether some are missing for that reason."""
        page: list[Change | Item] = []
        size = 0
        for some in self._fetched(namespace, feed, ids):
            size += sum(len(encoded_change(change)) + 1 for change in some)
            if page and size > PAGE_BYTES_MAX:
                return page, True  # type: ignore[return-value]
            page += some
        return page, False  # type: ignore[return-value]

    def apply_api_keys(self, keys: Sequence[ApiKey]) -> int:
        """Take over API keys, of shared tenants alone.

        Raises Conflict where this site manages them itself, NamespaceNotFound for other tenants, InvalidArgument.
        """
        if not self._takes_api_keys:
            raise Conflict(
                "This site manages its API keys itself.", field="keys", hint="Create and revoke them here."
            )
        for position, key in enumerate(keys):
            self._shared.require_keys(key.tenant, f"keys[{position}].tenant")
        return take_api_keys(self._api_keys, keys)

    def apply_grants(self, grants: Sequence[TenantGrant]) -> int:
        """Take over grants, of shared tenants alone. Whoever calls this has made sure who says it.

        Raises Conflict where this site gives them itself, NamespaceNotFound for other tenants.
        """
        if not self._takes_api_keys:
            raise Conflict(
                "This site gives its tenants their grants itself.", field="grants", hint="Say them here."
            )
        for position, grant in enumerate(grants):
            # By settings alone: of a tenant whose grant keeps it in another region, or ends it, nothing is shared.
            self._named.require_keys(grant.tenant, f"grants[{position}].tenant")
        return take_grants(self._grants, self._api_keys, grants, self._clock.unix_ms(), said=self._say)

    def _page_of_shards(
        self,
        namespace: SharedNamespace,
        found: Namespace,
        positions: ShardPositions,
        limit: int,
        exclude_site: str | None,
    ) -> FeedPage:
        positions = each_position(positions, lambda place: _from(found, place))
        batch = self._sharded_feed.after(found, positions, limit, exclude_site)
        after = encode_position(namespace, Feed.RECORDS, found.generation, str(batch.positions))
        return FeedPage(batch.changes, after, batch.more, batch.through_ms)

    def _after(
        self, found: Namespace, feed: Feed, place: FeedPosition, limit: int, exclude_site: str | None
    ) -> FeedBatch[Change] | FeedBatch[Item]:
        if feed is Feed.KEYS:
            return self._key_feed.after(found.partition, place, limit, exclude_site)
        if not _has(found, feed):
            return FeedBatch[Change]([], place, False, self._clock.unix_ms())
        return self._record_feed.after(found.partition, _from(found, place), limit, exclude_site)

    def _present(self, namespace: SharedNamespace, feed: Feed, found: Namespace) -> str:
        if _in_shards(found, feed):
            positions = self._sharded_feed.present(found)
            return encode_position(namespace, feed, found.generation, str(positions))
        position = (
            self._key_feed.present() if feed is Feed.KEYS else self._record_feed.present(found.partition)
        )
        return encode_feed_position(namespace, feed, found.generation, position)

    def _fetched(
        self, namespace: SharedNamespace, feed: Feed, ids: Sequence[str]
    ) -> Iterable[Sequence[Change | Item]]:
        """The changes of each id that is known."""
        if len(ids) > FETCH_IDS_MAX:
            raise TooLarge(f"Name at most {FETCH_IDS_MAX} ids, not {len(ids)}.", field="ids")
        found = self._shared.find(namespace)
        if found is None or not _has(found, feed) or not ids:
            return
        if feed is Feed.RECORDS:
            states = self._states.states(found, dict.fromkeys(ids))
            for record_id in dict.fromkeys(ids):
                if record_id in states:
                    yield list(changes_of(record_id, states[record_id]))
            return
        for position, key in enumerate(ids):
            check_key(key, f"ids[{position}]")
        keys = list(dict.fromkeys(ids))
        for first in range(0, len(keys), _VALUES_AT_ONCE):
            items = self._table.get(found.partition, keys[first : first + _VALUES_AT_ONCE])
            yield from ([items[key]] for key in keys[first : first + _VALUES_AT_ONCE] if key in items)


def _in_shards(namespace: Namespace, feed: Feed) -> bool:
    return feed is Feed.RECORDS and namespace.settings.shards > 1


def _from(namespace: Namespace, place: FeedPosition) -> FeedPosition:
    """A place in a log that has one: no entry is older than its namespace, so a log trimmed to there lost nothing."""
    return FeedPosition(stamp_at(max(0, namespace.created_at_ms - MARGIN_MS))) if place == START else place


def _has(namespace: Namespace, feed: Feed) -> bool:
    return feed is Feed.KEYS or namespace.settings.holds_records


def _check_limit(limit: int, most: int) -> None:
    if not 1 <= limit <= most:
        raise InvalidArgument(f"The limit is 1 to {most}, not {limit}.", field="limit")
