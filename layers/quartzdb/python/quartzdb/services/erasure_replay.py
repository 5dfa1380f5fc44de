"""Use case: erasures, and deletions of tenants, done again on a state from before them, by reminders. Owns nothing;
knows no backup and no table.

HAZARD: until it has ended, what was erased is there again. Whoever restores lets nobody read before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from quartzdb.domain.change import Delete
from quartzdb.domain.clock import Clock
from quartzdb.domain.hlc import HybridClock, Version
from quartzdb.domain.limits import LIST_LIMIT_MAX
from quartzdb.domain.namespace import Namespace, Partition
from quartzdb.services.erasures import heads_of
from quartzdb.services.namespaces import Namespaces
from quartzdb.services.ports import ApiKeyTable
from quartzdb.services.records import Records
from quartzdb.services.tenants import Tenants
from quartzdb.storage.erasure_ledger import ErasureLedger
from quartzdb.storage.erasure_reminders import AROUND_MS, ErasedAgain, ErasureReminders, Reminder
from quartzdb.storage.log.append import LogWriter
from quartzdb.storage.ports import ChangeLog, Item, KeyValueTable, NamespaceCatalog


class ErasureReplay:
    """Nobody else writes to the database meanwhile. Safe to repeat, after a failure half-way too."""

    def __init__(
        self,
        reminders: ErasureReminders,
        catalog: NamespaceCatalog,
        records: Records,
        table: KeyValueTable,
        log: ChangeLog,
        versions: HybridClock,
        clock: Clock,
        *,
        namespaces: Namespaces,
        api_keys: ApiKeyTable,
        tenants: Tenants,
    ) -> None:
        self._reminders = reminders
        self._catalog = catalog
        self._records = records
        self._table = table
        self._ledger = ErasureLedger(table)
        self._log = log
        self._writer = LogWriter(log, versions, clock)
        self._versions = versions
        self._clock = clock
        self._namespaces = namespaces
        self._api_keys = api_keys
        self._tenants = tenants

    def run(self, moment_ms: int) -> ErasedAgain:
        """On the state of a moment (unix). Raises Corrupted where a reminder cannot be read, Unavailable."""
        tenants, dropped = self._delete_tenants(moment_ms - AROUND_MS)
        of_partition: defaultdict[Partition, list[Reminder]] = defaultdict(list)
        for one in self._reminders.since(moment_ms - AROUND_MS):
            of_partition[one.partition].append(one)
        erasures = records = keys = 0
        for namespace in self._catalog.all_namespaces():
            reminders = of_partition.get(namespace.partition, [])
            for one in reminders:
                # The log's entries come behind what they have: an erasure looks for what is up to the log's head.
                self._versions.resume_after(one.version.stamp)
            of_ids = [one for one in reminders if not one.erasure.by_keys]
            of_keys = [one for one in reminders if one.erasure.by_keys]
            if of_ids and namespace.settings.holds_records:
                records += self._erase_records(namespace, of_ids)
            if of_keys:
                keys += self._erase_keys(namespace, of_keys)
            # After the deletions: the heads of the logs have to be behind them.
            begun = {one.erasure.id: one.erasure for one in reminders}
            for erasure in begun.values():
                heads = heads_of(self._log, namespace, erasure)
                # The other site, if there is one, says again how far it is.
                self._ledger.add(namespace, erasure, heads, again_ms=self._clock.unix_ms(), shared=True)
            erasures += len(begun)
        return ErasedAgain(erasures, records, keys, tenants, dropped)

    def _delete_tenants(self, since_ms: int) -> tuple[int, int]:
        """Those that were deleted since, and how many namespaces they had. What one of the same name made later
        stays.
        """
        deleted = dropped = 0
        for tenant, at_ms in self._reminders.tenants_gone_since(since_ms).items():
            found = [one for one in self._catalog.all_namespaces() if one.tenant == tenant]
            older = [one for one in found if one.created_at_ms <= at_ms]
            for namespace in older:
                self._namespaces.delete(tenant, namespace.name, with_tenant=True)
            keys = self._api_keys.list(tenant)
            ended = [key for key in keys if key.created_at_ms <= at_ms]
            for key in ended:
                self._api_keys.revoke(tenant, key.id, self._clock.unix_ms())
                # Nobody else is here who would remember it.
                revoked = self._api_keys.get(key.id)
                if revoked is not None:
                    self._api_keys.forget(revoked)
            if len(older) == len(found) and len(ended) == len(keys):
                self._tenants.forget(tenant)
            deleted += bool(older or ended)
            dropped += len(older)
        return deleted, dropped

    def _erase_records(self, namespace: Namespace, reminders: Sequence[Reminder]) -> int:
        versions = _Versions(reminders)
        deleted = 0
        cursor: str | None = None
        while True:
            page = self._records.list(namespace, cursor=cursor, limit=LIST_LIMIT_MAX)
            found = versions.of_each(page.items)
            if found:
                self._writer.write(namespace, [Delete(one, version) for one, version in found.items()])
                deleted += len(found)
            cursor = page.cursor
            if cursor is None:
                return deleted

    def _erase_keys(self, namespace: Namespace, reminders: Sequence[Reminder]) -> int:
        versions = _Versions(reminders)
        deleted = 0
        for keys in self._each_page(namespace.partition):
            found = list(versions.of_each(keys).items())
            for start in range(0, len(found), self._table.batch_items_max):
                some = found[start : start + self._table.batch_items_max]
                appended = self._versions.now().stamp
                stones = [Item(key, version, appended, None) for key, version in some]
                deleted += sum(put.stored for put in self._table.put_many(namespace.partition, stones))
        return deleted

    def _each_page(self, partition: Partition) -> Iterator[Sequence[str]]:
        # What has expired counts, too: it is in files until it is purged.
        after: str | None = None
        while True:
            page = self._table.list(
                partition, prefix="", after=after, limit=LIST_LIMIT_MAX, now_ms=0, values=False
            )
            yield [item.key for item in page.items]
            if not page.more:
                return
            after = page.items[-1].key


class _Versions:
    """With which version an id or key was erased, by the latest reminder that has it."""

    def __init__(self, reminders: Sequence[Reminder]) -> None:
        # A database has one key, seldom a second one: each name is hashed once for each.
        self._of_key: dict[bytes, tuple[Reminder, dict[bytes, Version]]] = {}
        for one in reminders:
            _, versions = self._of_key.setdefault(one.key, (one, {}))
            for name in one.hashes:
                versions[name] = max(one.version, versions.get(name, one.version))

    def of_each(self, names: Sequence[str]) -> Mapping[str, Version]:
        found: dict[str, Version] = {}
        for reminder, versions in self._of_key.values():
            for name in names:
                version = versions.get(reminder.hash_of(name))
                if version is not None:
                    found[name] = max(version, found.get(name, version))
        return found
