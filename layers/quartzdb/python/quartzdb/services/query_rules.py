"""What may be asked of a namespace by words, by sparse vectors and by several parts. Pure; raises InvalidArgument."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.fusion import Fusion, QueryPart
from quartzdb.domain.namespace import Namespace
from quartzdb.domain.query_documents import ONLY_FIELD
from quartzdb.domain.text_query import SparseQuery, TextQuery, searched_fields
from quartzdb.services.record_rules import require_records

NONE_DECLARED = 'Sparse fields are declared when a namespace is created: {"sparse": ["splade"]}.'


def parts_of(vector: object, record_id: object, text: object, sparse: object) -> Sequence[QueryPart]:
    """The parts of a question that has these."""
    asked = (
        (QueryPart.VECTOR, vector is not None or record_id is not None),
        (QueryPart.TEXT, text is not None),
        (QueryPart.SPARSE, sparse is not None),
    )
    return [part for part, there in asked if there]


def check_words(
    namespace: Namespace,
    text: TextQuery | None,
    sparse: SparseQuery | None,
    fusion: Fusion | None,
    parts: Sequence[QueryPart],
) -> None:
    """Raises InvalidArgument for fields that are not declared, and for a fusion that does not fit the parts."""
    require_records(namespace)
    if text is not None:
        try:
            searched_fields(namespace.settings.text, text.fields)
        except InvalidArgument as error:
            error.field = "text.fields" if error.field == "fields" else error.field
            raise
    if sparse is not None:
        sparse_of(namespace, sparse)
    if fusion is None:
        return
    if len(parts) < 2:
        raise InvalidArgument(
            "Only several parts of a query are fused, and this one has one.",
            field="fusion",
            hint="Leave `fusion` out, or ask with `vector` and `text` together.",
        )
    fusion.check(parts)


def sparse_of(namespace: Namespace, query: SparseQuery) -> SparseQuery:
    """The query with the field that it is of: where it names none, the only one. Raises InvalidArgument."""
    declared = namespace.settings.sparse
    if query.field != ONLY_FIELD:
        if query.field not in declared:
            raise InvalidArgument(
                f"{query.field[:80]!r} is no sparse field of this namespace.",
                field="sparse.field",
                hint=f"Its sparse fields are {', '.join(declared)}." if declared else NONE_DECLARED,
            )
        return query
    if len(declared) != 1:
        raise InvalidArgument(
            "The namespace has several sparse fields." if declared else "The namespace has no sparse fields.",
            field="sparse.field" if declared else "sparse",
            hint=f"Name one of {', '.join(declared)} as `field`." if declared else NONE_DECLARED,
        )
    return replace(query, field=declared[0])
