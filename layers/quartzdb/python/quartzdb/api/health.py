"""Health: whether storage answers and takes writes and the index can be searched, found out at most once a second.

It says which part fails and nothing about why, since anybody may ask.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from quartzdb.api.services import Services
from quartzdb.api.settings import ApiSettings
from quartzdb.domain.errors import Unavailable
from quartzdb.domain.namespace import DEFAULT_NAMESPACE
from quartzdb.domain.values import dataclass
from quartzdb.services.consistency import Consistency

logger = logging.getLogger(__name__)

_EVENTUAL = Consistency(strong=False)


@dataclass(frozen=True, slots=True)
class HealthReport:
    """One finding."""

    storage: bool
    vector_index: bool
    uptime_seconds: float

    @property
    def healthy(self) -> bool:
        """Whether every part works."""
        return self.storage and self.vector_index


class Health:
    """Thread-safe."""

    def __init__(self, services: Services, settings: ApiSettings) -> None:
        self._services = services
        self._settings = settings
        self._started = services.clock.monotonic()
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="quartzdb-health")
        self._running: Future[tuple[bool, bool]] | None = None
        self._checked_at = float("-inf")

    def report(self) -> HealthReport:
        """The latest finding, or a new one. A check that takes too long is a failed one."""
        try:
            storage, vector_index = self._check().result(self._settings.health_seconds_max)
        except TimeoutError:
            storage, vector_index = False, False
        return HealthReport(storage, vector_index, self._services.clock.monotonic() - self._started)

    def _check(self) -> Future[tuple[bool, bool]]:
        with self._lock:
            now = self._services.clock.monotonic()
            fresh = now - self._checked_at < self._settings.health_cache_seconds
            if self._running is None or (self._running.done() and not fresh):
                self._checked_at = now
                self._running = self._thread.submit(self._find_out)
            return self._running

    def _find_out(self) -> tuple[bool, bool]:
        return _works("storage", self._storage), _works("vector_index", self._vector_index)

    def _storage(self) -> None:
        self._services.catalog.get(self._services.tenant, DEFAULT_NAMESPACE)
        self._services.probe_storage()

    def _vector_index(self) -> None:
        tenant = self._services.tenant
        damage = self._services.damaged.get(f"{tenant}/{DEFAULT_NAMESPACE}")
        if damage is not None:
            raise RuntimeError(damage)
        namespace = self._services.catalog.get(tenant, DEFAULT_NAMESPACE)
        if namespace is not None and namespace.settings.holds_records:
            self._services.records.count(namespace, None, _EVENTUAL)


def _works(part: str, check: Callable[[], None]) -> bool:
    try:
        check()
    except Unavailable as error:
        logger.warning("health: %s failed: %s", part, error.message)
        return False
    except Exception:  # whatever is wrong with it, the part does not work
        logger.exception("health: %s failed", part)
        return False
    return True
