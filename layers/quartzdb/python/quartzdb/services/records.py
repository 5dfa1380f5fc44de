"""Use cases of records: upsert, patch, delete, fetch, list, count."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from quartzdb.domain.change import OWN, Change, Delete, Patch, Upsert
from quartzdb.domain.cursor import decode_cursor, encode_cursor
from quartzdb.domain.errors import NotActiveSite, TooLarge
from quartzdb.domain.filter import Filter
from quartzdb.domain.freeing import freeing
from quartzdb.domain.hlc import HybridClock, Version
from quartzdb.domain.limits import (
    DELETE_BY_FILTER_MAX,
    DELETE_IDS_MAX,
    FETCH_IDS_MAX,
    METADATA_BYTES_MAX,
    PATCH_BY_FILTER_MAX,
    UPSERT_RECORDS_MAX,
)
from quartzdb.domain.namespace import Namespace
from quartzdb.domain.record import Record, check_id
from quartzdb.domain.values import dataclass
from quartzdb.services.consistency import STRONG, ActiveSite, Consistency, honour
from quartzdb.services.page import Page, check_limit
from quartzdb.services.patch_growth import PatchGrowth
from quartzdb.services.record_decisions import Present, RecordDecisions
from quartzdb.services.record_rules import (
    UNCONDITIONAL,
    Conditions,
    MetadataPatch,
    NewRecord,
    as_stored,
    check_batch,
    check_changes,
    check_conditions,
    check_patch,
    check_record,
    record_not_found,
    require_records,
)
from quartzdb.services.shard_answers import ids_in_order
from quartzdb.services.shard_reads import ShardReads
from quartzdb.storage.index.fields.filter_digest import digest
from quartzdb.storage.index.listing import matching_ids
from quartzdb.storage.log.append import LogWriter
from quartzdb.storage.snapshot.readers import Readers


@dataclass(frozen=True, slots=True)
class Deletion:
    """What a delete did; `version` None where nothing matched. `more`: the filter matches further records.

    `ids`: those that a filter matched.
    """

    version: Version | None
    deleted: int
    more: bool = False
    ids: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Patching:
    """What a patch by filter did; `version` None where nothing matched. `cursor`: where the next goes on, None where
    nothing is left.
    """

    version: Version | None
    count: int
    cursor: str | None = None


class Records:
    """One instance serves every namespace."""

    def __init__(
        self,
        writer: LogWriter,
        readers: Readers,
        shards: ShardReads,
        versions: HybridClock,
        *,
        active: ActiveSite = lambda _: True,
    ) -> None:
        self._writer = writer
        self._decisions = RecordDecisions(writer, shards)
        self._active = active
        self._readers = readers
        self._shards = shards
        self._versions = versions

    def upsert(
        self,
        namespace: Namespace,
        records: Sequence[NewRecord],
        *,
        conditions: Conditions = UNCONDITIONAL,
        after: Version | None = None,
        metadata_bytes_max: int = METADATA_BYTES_MAX,
        exported: bool = False,
    ) -> Version:
        """Write all records or none; each replaces what its id had. Returns the version of the write.

        Raises PreconditionFailed, and writes nothing, where the condition of an id does not hold at that moment.
        `exported`: see check_record.
        """
        self.check_upsert(namespace, records, metadata_bytes_max=metadata_bytes_max, exported=exported)
        vectors = [as_stored(namespace, record.vector) for record in records]
        changes = [
            Upsert(record.id, OWN, vector, record.stored_metadata)
            for record, vector in zip(records, vectors, strict=True)
        ]
        if not conditions:
            return self._append(namespace, changes, after)
        self._check_decides(namespace)
        honour(self._versions, after)

        def decide(present: Present) -> Sequence[Change]:
            check_conditions(conditions, present)
            return changes

        return self._decisions.write(namespace, list(conditions), decide, unmoved=_never, alone=_always)

    def patch(
        self,
        namespace: Namespace,
        patches: Sequence[MetadataPatch],
        *,
        conditions: Conditions = UNCONDITIONAL,
        after: Version | None = None,
    ) -> Version:
        """Patch the metadata of all records or of none. Raises RecordNotFound where one does not exist.

        Raises PreconditionFailed where the condition of an id does not hold, and InvalidMetadata where a patch would
        take metadata over its limit: both of the moment at which it would be done.
        """
        self.check_patches(namespace, patches)
        if conditions:
            self._check_decides(namespace)
        honour(self._versions, after)
        growth = PatchGrowth(patches)
        changes = [Patch(patch.id, OWN, patch.stored_set, patch.stored_unset) for patch in patches]

        def decide(present: Present) -> Sequence[Change]:
            check_conditions(conditions, present)
            growth.measure(present)
            return changes

        return self._decisions.write(
            namespace,
            [patch.id for patch in patches],
            decide,
            unmoved=_never if conditions else lambda _, since: growth.fits_after(since),
            alone=_always if conditions else lambda _: growth.crowded,
        )

    def patch_matching(
        self,
        namespace: Namespace,
        condition: Filter,
        fields: MetadataPatch,
        *,
        cursor: str | None = None,
        after: Version | None = None,
    ) -> Patching:
        """Patch the records that match when this begins, up to PATCH_BY_FILTER_MAX in id order, in one atomic write.

        The id of `fields` is not looked at. A record that is deleted meanwhile stays so, and one that stops matching
        is patched all the same. Raises InvalidMetadata, and patches none, where one would be over its limit.
        """
        self.check_fields(namespace, fields)
        listing = f"patch/{namespace.generation}/{digest(condition).hex()}"
        begin = decode_cursor(listing, cursor) if cursor else None
        honour(self._versions, after)
        pages = self._shards.each(
            namespace.each_shard,
            lambda _, view: matching_ids(view, condition, begin, PATCH_BY_FILTER_MAX + 1),
            STRONG,
            to_change=True,
        )
        found = ids_in_order(pages, PATCH_BY_FILTER_MAX + 1)
        ids = found[:PATCH_BY_FILTER_MAX]
        if not ids:
            return Patching(None, 0)
        goes_on = encode_cursor(listing, ids[-1]) if len(found) > PATCH_BY_FILTER_MAX else None
        growth = PatchGrowth([], from_filter=True)
        patched: Sequence[MetadataPatch] = ()

        def decide(present: Present) -> Sequence[Change]:
            nonlocal patched, growth
            patched = [replace(fields, id=one) for one in ids if one in present]
            if not patched:
                raise _AllGone
            growth = PatchGrowth(patched, from_filter=True)
            growth.measure(present)
            return [Patch(one.id, OWN, one.stored_set, one.stored_unset) for one in patched]

        try:
            version = self._decisions.write(
                namespace,
                ids,
                decide,
                unmoved=lambda _, since: growth.fits_after(since),
                alone=lambda _: growth.crowded,
            )
        except _AllGone:
            return Patching(None, 0, goes_on)
        return Patching(version, len(patched), goes_on)

    def delete(
        self,
        namespace: Namespace,
        ids: Sequence[str],
        *,
        conditions: Conditions = UNCONDITIONAL,
        after: Version | None = None,
    ) -> Deletion:
        """Delete all those ids; one that does not exist is no error. `deleted` counts those that did exist.

        Raises PreconditionFailed, and deletes nothing, where the condition of an id does not hold at that moment.
        """
        self.check_delete(namespace, ids)
        honour(self._versions, after)
        if conditions:
            with freeing():
                return self._delete_if(namespace, ids, conditions)
        of_shard = namespace.by_shard(ids)
        present = self._shards.each(
            list(of_shard), lambda shard, view: view.existing(of_shard[shard]), STRONG, to_change=True
        )
        with freeing():
            version = self._append(namespace, [Delete(record_id, OWN) for record_id in ids], after)
        return Deletion(version, deleted=sum(map(len, present)))

    def delete_matching(
        self,
        namespace: Namespace,
        condition: Filter,
        *,
        after: Version | None = None,
        about_to: Callable[[Sequence[str]], None] = lambda _: None,
    ) -> Deletion:
        """Delete the records that match when this begins, up to DELETE_BY_FILTER_MAX, in one atomic write.

        `about_to` is told their ids before, and may raise to have nothing deleted; `Deletion.ids` are the same.
        """
        honour(self._versions, after)
        found = self._shards.each(
            namespace.each_shard,
            lambda _, view: view.ids_matching(condition, DELETE_BY_FILTER_MAX + 1),
            STRONG,
            to_change=True,
        )
        ids = [record_id for some in found for record_id in some]
        more = len(ids) > DELETE_BY_FILTER_MAX
        ids = ids[:DELETE_BY_FILTER_MAX]
        if not ids:
            return Deletion(None, 0)
        about_to(ids)
        with freeing():
            version = self._append(namespace, [Delete(record_id, OWN) for record_id in ids], after)
        return Deletion(version, len(ids), more, ids)

    def known(self, namespace: Namespace, record_id: str) -> bool:
        """Whether the id is live, or remembered as deleted."""
        check_id(record_id)
        shard = namespace.shard_of(record_id)
        reader = self._readers.of(shard)
        return self._shards.one(shard, lambda _: reader.knows(record_id), STRONG)

    def fetch(
        self, namespace: Namespace, ids: Sequence[str], consistency: Consistency = STRONG
    ) -> Mapping[str, Record]:
        """The live records of those ids that have one."""
        if not 1 <= len(ids) <= FETCH_IDS_MAX:
            raise TooLarge(f"Name 1 to {FETCH_IDS_MAX} ids, not {len(ids)}.", field="ids")
        for position, record_id in enumerate(ids):
            check_id(record_id, f"ids[{position}]")
        return self._shards.records(namespace, ids, consistency)

    def fetch_one(self, namespace: Namespace, record_id: str, consistency: Consistency = STRONG) -> Record:
        """The live record of an id. Raises RecordNotFound."""
        check_id(record_id)
        found = self._shards.records(namespace, [record_id], consistency)
        if record_id not in found:
            raise record_not_found(record_id, "id")
        return found[record_id]

    def list(
        self,
        namespace: Namespace,
        *,
        prefix: str = "",
        cursor: str | None = None,
        limit: int = 100,
        consistency: Consistency = STRONG,
    ) -> Page[str]:
        """A page of ids in order. Records written while a listing goes on may or may not be in it."""
        if prefix:
            check_id(prefix, "prefix")
        listing = f"records/{namespace.generation}/{prefix}"
        after = decode_cursor(listing, cursor) if cursor else None
        asked = check_limit(limit) + 1
        pages = self._shards.each(
            namespace.each_shard, lambda _, view: view.list_ids(prefix, after, asked), consistency
        )
        ids = ids_in_order(pages, asked)
        more = len(ids) > limit
        return Page(ids[:limit], encode_cursor(listing, ids[limit - 1]) if more else None)

    def count(
        self, namespace: Namespace, condition: Filter | None = None, consistency: Consistency = STRONG
    ) -> int:
        """How many records there are, or match."""
        return sum(
            self._shards.each(
                namespace.each_shard, lambda _, view: view.count_matching(condition), consistency
            )
        )

    @staticmethod
    def check_upsert(
        namespace: Namespace,
        records: Sequence[NewRecord],
        *,
        metadata_bytes_max: int = METADATA_BYTES_MAX,
        exported: bool = False,
    ) -> None:
        """Raises what is wrong with records to be written, whatever is there."""
        check_batch([record.id for record in records], UPSERT_RECORDS_MAX, "vectors")
        for position, record in enumerate(records):
            check_record(
                namespace,
                record,
                f"vectors[{position}]",
                metadata_bytes_max=metadata_bytes_max,
                exported=exported,
            )

    @staticmethod
    def check_patches(namespace: Namespace, patches: Sequence[MetadataPatch]) -> None:
        """Raises what is wrong with patches, whatever is there."""
        check_batch([patch.id for patch in patches], UPSERT_RECORDS_MAX, "patches")
        for position, patch in enumerate(patches):
            check_patch(namespace, patch, f"patches[{position}]")

    @staticmethod
    def check_fields(namespace: Namespace, fields: MetadataPatch) -> None:
        """Raises what is wrong with a patch for all that match."""
        check_changes(namespace, fields)

    @staticmethod
    def check_delete(namespace: Namespace, ids: Sequence[str]) -> None:
        """Raises what is wrong with ids to be deleted."""
        check_batch(ids, DELETE_IDS_MAX, "ids")
        for position, record_id in enumerate(ids):
            check_id(record_id, f"ids[{position}]")
        require_records(namespace)

    def _delete_if(self, namespace: Namespace, ids: Sequence[str], conditions: Conditions) -> Deletion:
        self._check_decides(namespace)
        existed = 0

        def decide(present: Present) -> Sequence[Change]:
            nonlocal existed
            check_conditions(conditions, present)
            existed = len(present)
            return [Delete(record_id, OWN) for record_id in ids]

        version = self._decisions.write(namespace, ids, decide, unmoved=_never, alone=_always)
        return Deletion(version, existed)

    def _check_decides(self, namespace: Namespace) -> None:
        require_records(namespace)
        if not self._active(namespace):
            raise NotActiveSite(
                "This site is not the active one, so it cannot know what the record is now.",
                field="id",
                hint="Send it to the active site, or without its condition: then the later write wins.",
            )

    def _append(self, namespace: Namespace, changes: Sequence[Change], after: Version | None) -> Version:
        require_records(namespace)
        honour(self._versions, after)
        return self._writer.write(namespace, changes)


class _AllGone(Exception):
    """All that matched was deleted before it could be patched."""


def _always(_: Present) -> bool:
    return True


def _never(_: Present, __: Sequence[Change]) -> bool:
    return False
