"""Namespaces that were found in the catalog a short while ago, so that a search need not look there again.

Only for reads that notice by themselves when the generation they were given was deleted.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from quartzdb.domain.clock import Clock
from quartzdb.domain.namespace import Namespace

_KEPT_MAX = 1_000


class RememberedNamespaces:
    """Thread-safe. Each is kept for `seconds`; 0 keeps none."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._kept: OrderedDict[tuple[str, str], tuple[Namespace, float]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, tenant: str, name: str) -> Namespace | None:
        """The namespace, if it was found lately."""
        with self._lock:
            namespace, until = self._kept.get((tenant, name), (None, 0.0))
            return namespace if self._clock.monotonic() < until else None

    def keep(self, namespace: Namespace) -> None:
        """It was found just now."""
        if self._seconds <= 0:
            return
        with self._lock:
            self._kept[namespace.tenant, namespace.name] = (
                namespace,
                self._clock.monotonic() + self._seconds,
            )
            while len(self._kept) > _KEPT_MAX:
                self._kept.popitem(last=False)

    def forget(self, tenant: str, name: str) -> None:
        """It turned out to be gone."""
        with self._lock:
            self._kept.pop((tenant, name), None)
