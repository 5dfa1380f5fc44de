"""The other site over a bad line: requests and answers are lost, repeated, late, out of order, or there is no line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from quartzdb.domain.errors import QuartzError, Unavailable
from quartzdb.domain.grant import TenantGrant
from quartzdb.replication.ports import (
    Applied,
    Changes,
    Digests,
    EntryPage,
    Feed,
    FeedPage,
    Replica,
    SharedNamespace,
)
from quartzdb.services.ports import ApiKey
from tests.simulation.replicated_history import returned
from tests.simulation.world import World

T = TypeVar("T")
LATE_S = 20.0
"""The longest that a repeated request may still be under way; less than the margin that tombstones are kept for."""


@dataclass
class Line:
    """The state of the line between two sites, shared by everybody who uses it."""

    cut: bool = False
    mended: bool = False
    lost: int = 0
    repeated: int = 0
    delivered: int = 0
    returned: list[str] = field(default_factory=list)

    def loses(self, by_chance: bool) -> bool:
        """Whether a message is lost now, which is counted."""
        lost = self.cut or by_chance
        self.lost += lost
        return lost

    def feeds_to(self, reader: str, page: FeedPage) -> None:
        """A feed gave this page to a site, which must have been born elsewhere. A repair may bring what is known."""
        self.delivered += len(page.changes)
        self.returned += returned(reader, list(page.changes))  # type: ignore[arg-type]


class Link:
    """Replica. `replica` answers through a server that may be slow; `bare` is the same site without delays,
    `reader` the site that asks.
    """

    def __init__(self, world: World, line: Line, replica: Replica, bare: Replica, reader: str) -> None:
        self._world = world
        self._line = line
        self._replica = replica
        self._bare = bare
        self._reader = reader

    @property
    def site(self) -> str:
        """As the port says."""
        return self._replica.site

    def namespaces(self) -> Sequence[SharedNamespace]:
        """As the port says."""
        return self._over(self._replica.namespaces)

    def changes(
        self,
        namespace: SharedNamespace,
        feed: Feed,
        cursor: str | None,
        *,
        limit: int,
        exclude_site: str | None,
    ) -> FeedPage:
        """As the port says; pages are small, so that there are many."""
        few = self._world.random.randint(1, 8)
        page = self._over(
            lambda: self._replica.changes(
                namespace, feed, cursor, limit=min(few, limit), exclude_site=exclude_site
            )
        )
        self._line.feeds_to(self._reader, page)
        return page

    def apply(self, namespace: SharedNamespace, feed: Feed, changes: Changes) -> Applied:
        """As the port says. The request may arrive once more, much later."""
        if self._world.random.random() < 0.1:
            self._line.repeated += 1
            self._world.later(
                self._world.random.uniform(0, LATE_S), lambda: self._again(namespace, feed, changes)
            )
        return self._over(lambda: self._replica.apply(namespace, feed, changes))

    def digests(self, namespace: SharedNamespace, feed: Feed) -> Digests:
        """As the port says."""
        return self._over(lambda: self._replica.digests(namespace, feed))

    def entries(
        self, namespace: SharedNamespace, feed: Feed, bucket: int, *, after: str | None, limit: int
    ) -> EntryPage:
        """As the port says."""
        return self._over(
            lambda: self._replica.entries(namespace, feed, bucket, after=after, limit=min(limit, 3))
        )

    def fetch(self, namespace: SharedNamespace, feed: Feed, ids: Sequence[str]) -> Changes:
        """As the port says."""
        return self._over(lambda: self._replica.fetch(namespace, feed, ids))

    def apply_api_keys(self, keys: Sequence[ApiKey]) -> int:
        """As the port says."""
        return self._over(lambda: self._replica.apply_api_keys(keys))

    def apply_grants(self, grants: Sequence[TenantGrant]) -> int:
        """As the port says. The request may arrive once more, much later, when others are there already."""
        if self._world.random.random() < 0.3:
            self._line.repeated += 1
            self._world.later(self._world.random.uniform(0, LATE_S), lambda: self._grants_again(grants))
        return self._over(lambda: self._replica.apply_grants(grants))

    def _over(self, request: Callable[[], T]) -> T:
        chance = self._world.random
        self._world.step(chance.expovariate(1 / 0.03))
        fate = 1.0 if self._line.mended else chance.random()
        if self._line.loses(fate < 0.03):
            retry_after = 3.0 if chance.random() < 0.1 else None
            raise Unavailable("the peer cannot be reached", retry_after_s=retry_after)
        answer = request()
        self._world.step(chance.expovariate(1 / 0.03))
        if self._line.loses(fate < 0.06):
            raise Unavailable("the peer's answer was lost")
        return answer

    def _grants_again(self, grants: Sequence[TenantGrant]) -> None:
        with suppress(QuartzError):
            self._bare.apply_grants(grants)

    def _again(self, namespace: SharedNamespace, feed: Feed, changes: Changes) -> None:
        with suppress(QuartzError):
            self._bare.apply(namespace, feed, changes)
