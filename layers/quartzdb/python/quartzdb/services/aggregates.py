"""Use cases of counting: aggregates over the records that match, and what fields there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from quartzdb.domain.aggregate import Aggregated, AggregateRequest, check_aggregates
from quartzdb.domain.field_summary import Fields, FieldSummary, add_fields
from quartzdb.domain.limits import FIELDS_SHOWN_MAX
from quartzdb.services.consistency import STRONG, Consistency
from quartzdb.services.shard_reads import ShardReads
from quartzdb.storage.index.aggregation import tally
from quartzdb.storage.index.summary import field_summaries

if TYPE_CHECKING:
    from quartzdb.domain.filter import Filter
    from quartzdb.domain.namespace import Namespace


class Aggregates:
    """One instance serves every namespace. All answers are exact."""

    def __init__(self, shards: ShardReads) -> None:
        self._shards = shards

    def tally(
        self,
        namespace: Namespace,
        request: AggregateRequest,
        condition: Filter | None = None,
        consistency: Consistency = STRONG,
    ) -> Aggregated:
        """All groups of all shards. Raises InvalidArgument, TooManyGroups, DeadlineExceeded."""
        check_aggregates(request)
        whole = Aggregated()
        for one in self._shards.each(
            namespace.each_shard, lambda _, view: tally(view, condition, request), consistency
        ):
            whole.add(one)
        return whole

    def fields(
        self, namespace: Namespace, consistency: Consistency = STRONG
    ) -> tuple[Mapping[str, FieldSummary], bool]:
        """The fields that records have, in order, and whether there are more than are shown."""
        found: Fields = {}
        for one in self._shards.each(
            namespace.each_shard, lambda _, view: field_summaries(view), consistency
        ):
            add_fields(found, one)
        return dict(sorted(found.items())[:FIELDS_SHOWN_MAX]), len(found) > FIELDS_SHOWN_MAX
