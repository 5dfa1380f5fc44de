"""Following what changes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, Protocol, TypeVar

WAIT_SECONDS = 20.0
"""As long as the server may be asked to wait."""


class FeedPage(Protocol):
    """A page of a feed: where it goes on, and whether there is more at once."""

    @property
    def cursor(self) -> str: ...
    @property
    def more(self) -> bool: ...


P = TypeVar("P", bound=FeedPage)
T = TypeVar("T")


class Changes(Iterator[T], Generic[P, T]):
    """What changes, one after the other; where there is nothing new it waits for it, and goes on until it is stopped.

    After an error it goes on where it was, when it is asked again: nothing is lost. `changes_gone` (Gone) says that
    what comes next is no longer kept; `cursor` of its `problem` is where to go on after everything was listed anew.
    Not for several threads or tasks at once, but `stop` may be called from anywhere.
    """

    def __init__(
        self,
        ask: Callable[[str | None], P],
        items: Callable[[P], Iterable[T]],
        cursor: str | None,
        *,
        follow: bool,
    ) -> None:
        self.cursor = cursor
        """Where it stands: after all pages of which everything was taken, and more asked for. Keep it when that is
        done, and begin with it the next time."""
        self._ask = ask
        self._items = items
        self._follow = follow
        self._page: P | None = None
        self._waiting: deque[T] = deque()
        self._ended = False
        self._stopped = False

    def stop(self) -> None:
        """End it: nothing more comes. Whoever waits for a change is told when that wait is over, `wait_seconds` later
        at most; a task can be cancelled instead."""
        self._stopped = True

    def __iter__(self) -> Changes[P, T]:
        return self

    def __next__(self) -> T:
        while not self._waiting:
            page = self._next_page()
            if page is None:
                raise StopIteration
            self._waiting.extend(self._items(page))
        if self._stopped:
            raise StopIteration
        return self._waiting.popleft()

    def pages(self) -> Iterator[P]:
        """The pages as they were answered: `changes`, `cursor`, `complete_until`. Where nothing changes an empty one
        comes after each wait."""
        while (page := self._next_page()) is not None:
            yield page

    def _next_page(self) -> P | None:
        if self._page is not None and not self._stopped:
            self.cursor = self._page.cursor
            self._ended = not self._follow and not self._page.more
            self._page = None
        if self._is_over():
            return None
        page = self._ask(self.cursor)
        if self._is_over():  # it was stopped meanwhile
            return None
        self._page = page
        return page

    def _is_over(self) -> bool:
        return self._ended or self._stopped
