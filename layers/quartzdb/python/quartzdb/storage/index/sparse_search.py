"""Answering a sparse query over a view: the records whose sparse vectors have the greatest products with it."""

from __future__ import annotations

from quartzdb.domain.answer_budget import AnswerBudget
from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.filter import Filter
from quartzdb.domain.text_query import SparseQuery
from quartzdb.storage.index.hits import Shown, matches_of
from quartzdb.storage.index.query import Found
from quartzdb.storage.index.text.field_values import sparse_key
from quartzdb.storage.index.text.inverted import Wanted
from quartzdb.storage.index.text.sparse_evaluation import evaluate_sparse
from quartzdb.storage.index.text_search import RankedHits, bring, ranked
from quartzdb.storage.index.view import View


def rank_sparse(view: View, query: SparseQuery, top_k: int | None, condition: Filter | None) -> RankedHits:
    """The `top_k` best rows of each source that have any index of the query and that the filter accepts; None: all.

    Raises InvalidArgument, DeadlineExceeded.
    """
    if query.field not in view.sparse:
        raise InvalidArgument(
            f"{query.field[:80]!r} is no sparse field of this namespace.",
            field="field",
            hint=f"Its sparse fields are {', '.join(view.sparse)}."
            if view.sparse
            else 'Sparse fields are declared when a namespace is created: {"sparse": ["splade"]}.',
        )
    bring(view, [Wanted(query.field, sparse_key(index)) for index in query.indices.tolist()])
    return ranked(view, top_k, condition, lambda inverted, allowed: evaluate_sparse(inverted, query, allowed))


def search_sparse(
    view: View,
    query: SparseQuery,
    top_k: int,
    condition: Filter | None,
    *,
    with_vectors: bool = False,
    with_metadata: bool = True,
    budget: AnswerBudget | None = None,
) -> Found:
    """The `top_k` best live records that the filter accepts. Raises as `rank_sparse`, and AnswerTooLarge."""
    found = rank_sparse(view, query, top_k, condition)
    shown = Shown(with_vectors, with_metadata, budget)
    return Found(matches_of(view, found.hits, top_k, shown, by_vector=False), found.work)
