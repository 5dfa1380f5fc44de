"""The catalog of namespaces in memory: what a NamespaceCatalog is, in its shortest form."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from quartzdb.domain.namespace import Namespace


class MemoryCatalog:
    """NamespaceCatalog in memory."""

    def __init__(self) -> None:
        self._namespaces: dict[tuple[str, str], Namespace] = {}
        self._deleted: dict[tuple[str, str, str], Namespace] = {}
        self._lock = threading.Lock()

    def get(self, tenant: str, name: str) -> Namespace | None:
        """The namespace, if there is one."""
        with self._lock:
            return self._namespaces.get((tenant, name))

    def create(self, namespace: Namespace) -> Namespace:
        """Add it if the name is free; returns what the catalog has afterwards."""
        with self._lock:
            return self._namespaces.setdefault((namespace.tenant, namespace.name), namespace)

    def declare(self, namespace: Namespace) -> Namespace | None:
        """Have that generation declare the fields of this one, unless it declares any."""
        place = (namespace.tenant, namespace.name)
        with self._lock:
            there = self._namespaces.get(place)
            if there is None or there.generation != namespace.generation:
                return None
            self._namespaces[place] = there.declaring(namespace.settings)
            return self._namespaces[place]

    def list(self, tenant: str, *, prefix: str, after: str | None, limit: int) -> Sequence[Namespace]:
        """In name order, after a name."""
        with self._lock:
            names = sorted(name for owner, name in self._namespaces if owner == tenant)
            found = [name for name in names if name.startswith(prefix) and name > (after or "")]
            return [self._namespaces[tenant, name] for name in found[:limit]]

    def count(self, tenant: str, limit: int) -> int:
        """How many there are; `limit` where there are more."""
        with self._lock:
            return min(limit, sum(owner == tenant for owner, _ in self._namespaces))

    def remove(self, namespace: Namespace) -> bool:
        """Remove exactly this generation and remember it as pending deletion. False where it is not there any more."""
        with self._lock:
            there = self._namespaces.get((namespace.tenant, namespace.name))
            if there is None or there.generation != namespace.generation:
                return False
            del self._namespaces[namespace.tenant, namespace.name]
            self._deleted[namespace.tenant, namespace.name, namespace.generation] = namespace
            return True

    def pending_deletion(self) -> Sequence[Namespace]:
        """Removed generations whose data may still have to be dropped."""
        with self._lock:
            return [self._deleted[place] for place in sorted(self._deleted)]

    def forget_deleted(self, namespace: Namespace) -> None:
        """A deleted generation's data is gone: forget it."""
        with self._lock:
            self._deleted.pop((namespace.tenant, namespace.name, namespace.generation), None)

    def all_namespaces(self) -> Sequence[Namespace]:
        """Every namespace of every tenant."""
        with self._lock:
            return [self._namespaces[place] for place in sorted(self._namespaces)]
