"""What a site answers to every kind of question once all is quiet, beside a look at every record that it is to have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from quartzdb.domain.aggregate import Aggregate, AggregateKind, AggregateRequest, answer_of
from quartzdb.domain.expiry import split_expiry
from quartzdb.domain.fieldkey import decode
from quartzdb.domain.fusion import Fusion, QueryPart
from quartzdb.domain.grouping import GroupBy
from quartzdb.domain.merge import RecordState
from quartzdb.domain.order import Order
from quartzdb.domain.text_query import Phrase, TextQuery, sparse_query
from quartzdb.maintenance.merge_policy import alone, without_inverted
from quartzdb.services.aggregates import Aggregates
from quartzdb.services.listing import Listing, ListRequest
from quartzdb.services.search import QueryRequest, Search
from quartzdb.services.shard_reads import ShardReads
from tests import text_model
from tests.simulation.replicated_site import DECLARED, NAME, TENANT, ReplicatedSite

WORDS = (
    TextQuery("aws cloudflare"),
    TextQuery("aws", must=(Phrase("of aws"),)),
    TextQuery("of w*", must_not=(Phrase("of cloudflare"),)),
)
DIFFERENT = Aggregate(AggregateKind.DISTINCT, "born")
SPARSE = sparse_query("s", [0, 3, 7], [1.0, -2.0, 0.5])


def check_answers(site: ReplicatedSite, expected: Mapping[str, RecordState]) -> None:
    """Lists, counts, groups, words, sparse vectors and all of them fused. Raises AssertionError."""
    process = site.process(reliable=True)
    namespace = site.catalog.get(TENANT, NAME)
    assert namespace is not None
    # What was folded before the other site's declarations came.
    while process.indexer.compact(namespace, alone(without_inverted)).merged_segments:
        process.readers.of(namespace).reload()
    shards = ShardReads(process.readers, process.versions)
    search, aggregates = Search(shards), Aggregates(shards)
    model = {record_id: _shown(state) for record_id, state in expected.items()}

    def ranking(request: QueryRequest) -> text_model.Ranking:
        answer = search.query(namespace, request)
        assert answer.work.exact
        return [(match.id, match.score) for match in answer.matches]

    parts: dict[QueryPart, text_model.Ranking] = {}
    for query in WORDS:
        parts[QueryPart.TEXT] = ranking(QueryRequest(text=query, top_k=100))
        _same(parts[QueryPart.TEXT], text_model.found(model, query, None, DECLARED))
    parts[QueryPart.SPARSE] = ranking(QueryRequest(sparse=SPARSE, top_k=100))
    _same(parts[QueryPart.SPARSE], text_model.found_sparse(model, SPARSE, None))
    vector = np.array([1, 2, 3], np.float32)
    parts[QueryPart.VECTOR] = ranking(QueryRequest(vector, recall=1.0, top_k=100, paged=True))
    assert {record_id for record_id, _ in parts[QueryPart.VECTOR]} == set(model)
    asked = QueryRequest(vector, recall=1.0, top_k=100, text=WORDS[-1], sparse=SPARSE)
    # In the order in which they are added up: sums that are equal are to be equal to the last bit.
    fused = text_model.naively_fused({part: parts[part] for part in QueryPart}, Fusion())
    assert [record_id for record_id, _ in ranking(asked)] == [record_id for record_id, _ in fused]
    grouped = search.query(
        namespace,
        QueryRequest(vector, recall=1.0, text=WORDS[-1], sparse=SPARSE, group_by=GroupBy("group", 2, 9)),
    )
    assert grouped.groups is not None
    found = [[match.id for match in group.matches] for group in grouped.groups]
    assert found == text_model.in_groups(fused, model, 2)

    counted = aggregates.tally(namespace, AggregateRequest({"born": DIFFERENT}, ("group",)))
    sizes = {decode(keys[0]): group.records for keys, group in counted.groups.items()}
    for (key,), group in counted.groups.items():
        named = {
            fields["born"]
            for fields in model.values()
            if fields.get("group") == decode(key) and "born" in fields
        }
        assert answer_of(DIFFERENT, group.partials["born"]) == len(named)
    there = [fields["group"] for fields in model.values() if "group" in fields]
    assert sizes == {group: there.count(group) for group in set(there)}
    page = Listing(shards).page(namespace, ListRequest(None, Order("born"), None, 100))
    born = [str(fields.get("born", "\U0010ffff")) for fields in model.values()]
    wanted = sorted(zip(born, model, strict=True))
    assert [record_id for record_id, *_ in page.items] == [record_id for _, record_id in wanted]


def _shown(state: RecordState) -> dict[str, Any]:
    metadata = state.visible_metadata()
    split_expiry(metadata)
    return metadata


def _same(ranking: text_model.Ranking, scores: Mapping[str, float]) -> None:
    assert {record_id for record_id, _ in ranking} == set(scores)
    assert all(abs(score - scores[record_id]) < 1e-4 for record_id, score in ranking)
