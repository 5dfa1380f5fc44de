"""Trials of what is read."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.limits.requests import (
    MANY,
    MANY_RECORDS,
    TEXT,
    WHAT,
    WIDE,
    Each,
    Request,
    Trial,
    aggregate,
    filtered,
    query,
    sparse,
    sum_of,
)
from quartzdb.domain import limits


def queries() -> Iterator[Trial]:
    vector = [1.0] * 8
    wide = [1.0] * limits.DIMENSION_MAX
    yield Trial(
        ["TOP_K_MAX"],
        f"the nearest {limits.TOP_K_MAX:,} of {MANY_RECORDS:,}",
        query(MANY, vector=vector, top_k=limits.TOP_K_MAX),
        query(MANY, vector=vector, top_k=limits.TOP_K_MAX + 1),
    )
    yield Trial(
        ["RECALL_MIN"],
        f"a recall of {limits.RECALL_MIN}",
        query(MANY, vector=vector, recall=limits.RECALL_MIN),
        query(MANY, vector=vector, recall=limits.RECALL_MIN - 0.01),
    )
    yield Trial(
        ["QUERIES_MAX"],
        f"{limits.QUERIES_MAX} queries of {limits.DIMENSION_MAX:,} numbers in one batch",
        *(
            Request("POST", f"/namespaces/{WIDE}/query/batch", {"queries": [{"vector": wide}] * number})
            for number in (limits.QUERIES_MAX, limits.QUERIES_MAX + 1)
        ),
    )
    for name, groups, each in (
        ("GROUPS_ASKED_MAX", limits.GROUPS_ASKED_MAX, limits.TOP_K_MAX // limits.GROUPS_ASKED_MAX),
        ("GROUP_MATCHES_MAX", limits.TOP_K_MAX // limits.GROUP_MATCHES_MAX, limits.GROUP_MATCHES_MAX),
    ):
        more = (groups + 1, each) if name == "GROUPS_ASKED_MAX" else (groups, each + 1)
        yield Trial(
            [name],
            f"{groups} groups with {each} matches each",
            *(
                query(MANY, vector=vector, group_by={"field": "g", "groups": one, "per_group": of})
                for one, of in ((groups, each), more)
            ),
        )
    operands = 1_024
    whole, rest = divmod(limits.FILTER_COST_MAX, operands + limits.FILTER_CLAUSE_COST)
    sizes = [*[operands] * whole, rest - limits.FILTER_CLAUSE_COST]
    yield Trial(
        ["FILTER_COST_MAX", "FILTER_CLAUSE_COST"],
        f"a batch whose filters have {sum(sizes):,} values in {len(sizes)} `$in`",
        *(filtered(one) for one in (sizes, [*sizes[:-1], sizes[-1] + 1])),
    )
    texts: Each = (
        (
            "TEXT_QUERY_CHARACTERS_MAX",
            limits.TEXT_QUERY_CHARACTERS_MAX,
            lambda n: {"query": ("planet " * n)[:n]},
        ),
        ("TEXT_CLAUSES_MAX", limits.TEXT_CLAUSES_MAX, lambda n: {"should": ["planet"] * n}),
    )
    for name, most, part in texts:
        yield Trial([name], WHAT[name], query(TEXT, text=part(most)), query(TEXT, text=part(most + 1)))
    yield Trial(
        ["SPARSE_ENTRIES_MAX", "SPARSE_INDEX_MAX"],
        f"a sparse vector of {limits.SPARSE_ENTRIES_MAX:,} entries, up to the last index",
        *(
            query(TEXT, sparse=sparse(number))
            for number in (limits.SPARSE_ENTRIES_MAX, limits.SPARSE_ENTRIES_MAX + 1)
        ),
    )
    fusions: Each = (
        ("FUSION_K_MAX", limits.FUSION_K_MAX, lambda n: {"method": "rrf", "k": n}),
        (
            "FUSION_WEIGHT_MAX",
            int(limits.FUSION_WEIGHT_MAX),
            lambda n: {"method": "weighted", "text": n, "sparse": 1},
        ),
    )
    for name, most, fusion in fusions:
        parts = {"text": {"query": "planet"}, "sparse": sparse(2)}
        yield Trial(
            [name], WHAT[name], *(query(TEXT, fusion=fusion(one), **parts) for one in (most, most + 1))
        )


def lists() -> Iterator[Trial]:
    top = f"/namespaces/{MANY}/vectors/list"
    yield Trial(
        ["LIST_LIMIT_MAX"],
        f"a page of {limits.LIST_LIMIT_MAX:,} records in the order of a field",
        *(
            Request("POST", top, {"limit": one, "order_by": {"field": "n"}})
            for one in (limits.LIST_LIMIT_MAX, limits.LIST_LIMIT_MAX + 1)
        ),
    )
    names = [f"f{number}" for number in range(limits.CHOSEN_FIELDS_MAX + 1)]
    yield Trial(
        ["CHOSEN_FIELDS_MAX"],
        f"a list that shows {limits.CHOSEN_FIELDS_MAX} fields by name",
        *(Request("POST", top, {"include_metadata": one}) for one in (names[:-1], names)),
    )
    aggregates: Each = (
        (
            "AGGREGATES_MAX",
            limits.AGGREGATES_MAX,
            lambda n: {"aggregates": {f"a{one}": sum_of("n") for one in range(n)}},
        ),
        (
            "PERCENTILES_MAX",
            limits.PERCENTILES_MAX,
            lambda n: {
                "aggregates": {"a": {"kind": "percentiles", "field": "n", "percentiles": list(range(n))}}
            },
        ),
        (
            "TOP_VALUES_MAX",
            limits.TOP_VALUES_MAX,
            lambda n: {"aggregates": {"a": {"kind": "top", "field": "g", "limit": n}}},
        ),
        ("GROUP_FIELDS_MAX", limits.GROUP_FIELDS_MAX, lambda n: {"group_by": ["g", "h", "i"][:n]}),
        ("GROUPS_SHOWN_MAX", limits.GROUPS_SHOWN_MAX, lambda n: {"group_by": ["g"], "limit": n}),
    )
    for name, most, body in aggregates:
        yield Trial([name], WHAT[name], *(aggregate(body(one)) for one in (most, most + 1)))
    few = {"n": {"$lt": limits.GROUPS_MAX - 1}}  # the group that they are in counts, too
    yield Trial(
        ["GROUPS_MAX"],
        f"{limits.GROUPS_MAX - 1:,} different values of a field in one group",
        aggregate({"filter": few, "aggregates": {"a": {"kind": "distinct", "field": "n"}}}),
        aggregate({"aggregates": {"a": {"kind": "distinct", "field": "n"}}}),
    )
