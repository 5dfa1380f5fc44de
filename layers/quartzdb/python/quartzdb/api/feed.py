"""What a change feed is to whoever waits for it: pages, and a cheap look at whether there is one."""

from __future__ import annotations

from typing import Protocol

from quartzdb.api.answer import Answer
from quartzdb.domain.values import dataclass


@dataclass(frozen=True, slots=True)
class ToldChanges:
    """A page as JSON without its receipt, where to go on, and whether that is at once. `events`: how many are on it."""

    body: bytes
    cursor: str
    more: bool
    events: int


class OpenFeed(Protocol):
    """One request's place in a feed; it moves on with each page. Its methods may block; one is called at a time."""

    @property
    def wait_seconds(self) -> float:
        """How long the request wants to wait for something."""
        ...

    def page(self) -> ToldChanges:
        """What there is now, from the place on. Raises ChangesGone, NamespaceNotFound."""
        ...

    def look(self) -> bool:
        """Whether there is something by now."""
        ...

    def answer(self, page: ToldChanges) -> Answer:
        """The page with its receipt, which counts the looks."""
        ...

    def used(self, sent_bytes: int, events: int) -> None:
        """Count what a stream has sent so far."""
        ...
