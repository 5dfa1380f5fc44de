"""The catalog of namespaces in DynamoDB. Owns the partitions `NAMESPACES#tenant`, `TENANTS` and `CONDEMNED`.

Each tenant's names are a partition of their own, because every request looks one up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from quartzdb.adapters.aws.dynamodb_sort_key import range_of
from quartzdb.adapters.aws.dynamodb_table import Committed, DynamoTable
from quartzdb.adapters.aws.dynamodb_values import Attributes, bytes_of, text_of
from quartzdb.adapters.namespace_document import decode_namespace, encode_namespace
from quartzdb.domain.errors import Unavailable
from quartzdb.domain.namespace import Namespace

_TENANTS = "TENANTS"
_DELETED = "CONDEMNED"
_LAST = "\U0010ffff"
_ATTEMPTS_MAX = 8


class DynamoCatalog:
    """NamespaceCatalog over a DynamoTable."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = table
        self._known_tenants: set[str] = set()

    def get(self, tenant: str, name: str) -> Namespace | None:
        """The namespace, if there is one."""
        item = self._table.get(_pk(tenant), name)
        return _namespace(item) if item else None

    def create(self, namespace: Namespace) -> Namespace:
        """Add it if the name is free; returns what the catalog has afterwards."""
        if namespace.tenant not in self._known_tenants:
            # First, so that `everything` never misses a namespace.
            self._table.put({"pk": _TENANTS, "sk": namespace.tenant})
            self._known_tenants.add(namespace.tenant)
        put = self._table.put(_item(namespace), "attribute_not_exists(#pk)")
        return namespace if put.stored or put.old is None else _namespace(put.old)

    def declare(self, namespace: Namespace) -> Namespace | None:
        """Have that generation declare the fields of this one, unless it declares any."""
        for attempt in range(1, _ATTEMPTS_MAX + 1):
            there = self.get(namespace.tenant, namespace.name)
            if there is None or there.generation != namespace.generation:
                return None
            declaring = there.declaring(namespace.settings)
            unchanged: Attributes = {"generation": there.generation, "document": encode_namespace(there)}
            condition = "#generation = :generation AND #document = :document"
            if declaring == there or self._table.put(_item(declaring), condition, unchanged).stored:
                return declaring
            self._table.wait(attempt)
        raise Unavailable(
            f"The namespace {namespace.name!r} is being changed by others.", hint="Try again in a moment."
        )

    def list(self, tenant: str, *, prefix: str, after: str | None, limit: int) -> Sequence[Namespace]:
        """In name order, after a name."""
        between = range_of(prefix, after)
        if between is None:
            return []
        found: list[Namespace] = []
        for page in self._table.query(_pk(tenant), *between, page_items_max=limit + 1):
            found += [_namespace(item) for item in page if text_of(item, "sk") > (after or "")]
            if len(found) >= limit:
                break
        return found[:limit]

    def count(self, tenant: str, limit: int) -> int:
        """How many there are; `limit` where there are more."""
        return len(self.list(tenant, prefix="", after=None, limit=limit))

    def remove(self, namespace: Namespace) -> bool:
        """Remove exactly this generation and remember it as pending deletion. False where it is not there any more."""
        actions = [
            self._table.delete_action(
                _pk(namespace.tenant),
                namespace.name,
                "#generation = :generation",
                {"generation": namespace.generation},
            ),
            self._table.put_action(
                {"pk": _DELETED, "sk": _place(namespace), "document": encode_namespace(namespace)},
                "attribute_not_exists(#pk)",
            ),
        ]
        for attempt in range(1, _ATTEMPTS_MAX + 1):
            committed = self._table.transact(actions)
            if committed is not Committed.CONTENDED:
                return committed is Committed.YES
            self._table.wait(attempt)
        raise Unavailable(
            f"The namespace {namespace.name!r} is being changed by others.", hint="Try again in a moment."
        )

    def pending_deletion(self) -> Sequence[Namespace]:
        """Removed generations whose data may still have to be dropped."""
        found = [_namespace(item) for item in self._all(_DELETED)]
        return sorted(found, key=lambda one: (one.tenant, one.name, one.generation))

    def forget_deleted(self, namespace: Namespace) -> None:
        """A deleted generation's data is gone: forget it."""
        self._table.delete(_DELETED, _place(namespace))

    def all_namespaces(self) -> Sequence[Namespace]:
        """Every namespace of every tenant: one Query for each tenant, and one for their names."""
        tenants = [text_of(item, "sk") for item in self._all(_TENANTS)]
        return [_namespace(item) for tenant in tenants for item in self._all(_pk(tenant))]

    def _all(self, pk: str) -> Iterator[Attributes]:
        for page in self._table.query(pk, "\0", _LAST):
            yield from page


def _pk(tenant: str) -> str:
    return f"NAMESPACES#{tenant}"


def _place(namespace: Namespace) -> str:
    return f"{namespace.tenant}/{namespace.name}/{namespace.generation}"


def _item(namespace: Namespace) -> Attributes:
    return {
        "pk": _pk(namespace.tenant),
        "sk": namespace.name,
        "generation": namespace.generation,
        "document": encode_namespace(namespace),
    }


def _namespace(item: Attributes) -> Namespace:
    return decode_namespace(bytes_of(item, "document"))
