"""Routes of usage: what a tenant's namespaces hold."""

from __future__ import annotations

from quartzdb.api.answer import Answer, json_answer
from quartzdb.api.call import Call
from quartzdb.api.operation import Family, Success
from quartzdb.api.schemas import namespaces as schemas
from quartzdb.domain.errors import NamespaceNotFound
from quartzdb.services.consistency import Consistency
from quartzdb.services.keys import Scope

FAMILY = Family("usage", "What a tenant uses.")

_FIGURES = ("records", "segment_bytes", "keys", "key_value_bytes")
_EVENTUAL = Consistency(strong=False)
_EXAMPLE = {"records": 3, "segment_bytes": 12288, "keys": 1, "key_value_bytes": 20}


@FAMILY.operation(
    "GET",
    "/v1/usage",
    summary="What the namespaces use",
    scope=Scope.READ,
    query=schemas.ListNamespaces,
    answers=(
        Success(
            "A page.",
            schemas.Usage,
            {
                "namespaces": [{"name": "books", **_EXAMPLE}],
                "totals": {"namespaces": 1, **_EXAMPLE},
                "cursor": None,
            },
        ),
    ),
)
def get_usage(call: Call) -> Answer:
    """Records, keys and bytes by namespace, and the sums over the namespaces of this page. May be some seconds old."""
    query = call.query(schemas.ListNamespaces)
    namespaces = call.services.namespaces
    page = namespaces.list(
        call.principal.tenant,
        prefix=query.prefix,
        cursor=query.cursor,
        limit=query.limit,
        among=call.principal.namespaces,
    )
    used: list[dict[str, int]] = []
    names: list[str] = []
    for namespace in page.items:
        try:
            stats = namespaces.stats(namespace, _EVENTUAL)
        except NamespaceNotFound:
            continue  # deleted since it was listed
        names.append(namespace.name)
        used.append({figure: getattr(stats, figure) for figure in _FIGURES})
    totals = {figure: sum(one[figure] for one in used) for figure in _FIGURES}
    return json_answer(
        {
            "namespaces": [{"name": name, **one} for name, one in zip(names, used, strict=True)],
            "totals": {"namespaces": len(used), **totals},
            "cursor": page.cursor,
        }
    )
