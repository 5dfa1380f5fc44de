"""What the HTTP edge needs of a database, as a Protocol: `bootstrap.Database` fits it without being known here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from quartzdb.ports import Clock, IdempotencyTable, NamespaceCatalog
from quartzdb.services.keys import ApiKeys
from quartzdb.services.keyvalue import KeyValues
from quartzdb.services.namespaces import Namespaces
from quartzdb.services.vectors import Vectors


class Damage(Protocol):
    """Who knows what cannot be served."""

    @property
    def damaged(self) -> Mapping[str, str]:
        """Namespaces (tenant/name) whose segments cannot be served as they should, and why."""
        ...


class Services(Protocol):
    """The use cases of one process, and what the edge itself keeps state in."""

    @property
    def vectors(self) -> Vectors: ...

    @property
    def key_values(self) -> KeyValues: ...

    @property
    def namespaces(self) -> Namespaces: ...

    @property
    def api_keys(self) -> ApiKeys: ...

    @property
    def idempotency(self) -> IdempotencyTable: ...

    @property
    def maintenance(self) -> Damage: ...

    @property
    def catalog(self) -> NamespaceCatalog: ...

    @property
    def clock(self) -> Clock: ...
