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
    """Thread-safe. Each is kept for `seconds`; 0 keeps none. `strong_only`: for strongly consistent reads alone, which
    notice at once that it is gone; others may be some seconds behind.
    """

    def __init__(self, clock: Clock, seconds: float, *, strong_only: bool = False) -> None:
        self._clock = clock
        self._seconds = seconds
        self._strong_only = strong_only
        self._kept: OrderedDict[tuple[str, str], tuple[Namespace, float]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, tenant: str, name: str, *, strong: bool) -> Namespace | None:
        """The namespace, if it was found lately; `strong`: whether what is read of it is all that was acknowledged."""
        if self._strong_only and not strong:
            return None
        namespace, until = self._kept.get((tenant, name), (None, 0.0))  # one look, which needs no lock
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
