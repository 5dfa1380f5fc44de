"""Evaluation of sparse vectors: the products of a query with the rows that have any of its numbers."""

from __future__ import annotations

import numpy as np

from quartzdb.domain.deadline import check_deadline
from quartzdb.domain.text_query import SparseQuery
from quartzdb.storage.index.text.evaluation import Admitted, Evaluated
from quartzdb.storage.index.text.field_values import sparse_key
from quartzdb.storage.index.text.inverted import Inverted
from quartzdb.storage.index.text.merged import counts_at


def evaluate_sparse(inverted: Inverted, query: SparseQuery, allowed: Admitted) -> Evaluated:
    """All allowed rows that have any of the query's indices. Raises DeadlineExceeded."""
    sums = np.zeros(inverted.rows if allowed.rows is None else allowed.rows.size, dtype=np.float32)
    there = np.zeros(sums.size, dtype=np.bool_)
    # In the order of indices, whatever that of the query: so a record's score is one sum.
    for place in query.indices.argsort(kind="stable").tolist():
        check_deadline()
        postings = inverted.postings(query.field, sparse_key(int(query.indices[place])))
        if postings is None:
            continue
        weight = query.values[place]
        if allowed.rows is None:
            sums[postings.rows] += postings.counts * weight
            there[postings.rows] = True
        else:
            counts = counts_at(postings, allowed.rows, inverted.rows)
            sums += counts * weight
            there |= counts != 0
    if allowed.mask is not None:
        there &= allowed.mask
    found = np.flatnonzero(there)
    return Evaluated(found if allowed.rows is None else allowed.rows[found], sums[found], all_matching=True)
