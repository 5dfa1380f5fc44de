"""What is answered in pages, as one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, Protocol, TypeVar


class Page(Protocol):
    """Where the next one begins; None: there is none."""

    @property
    def cursor(self) -> str | None: ...


P = TypeVar("P", bound=Page)
T = TypeVar("T")


class Pages(Iterator[T], Generic[P, T]):
    """Everything of all pages, one after the other, which are asked for as they are needed.

    After an error it goes on where it was, when it is asked again. Not for several threads or tasks at once.
    """

    def __init__(
        self,
        ask: Callable[[str | None], P],
        items: Callable[[P], Iterable[T]],
        cursor: str | None = None,
    ) -> None:
        self._ask = ask
        self._items = items
        self._cursor = cursor
        self._waiting: deque[T] = deque()
        self._ended = False

    def __iter__(self) -> Pages[P, T]:
        return self

    def __next__(self) -> T:
        while not self._waiting:
            page = self._next_page()
            if page is None:
                raise StopIteration
            self._waiting.extend(self._items(page))
        return self._waiting.popleft()

    def pages(self) -> Iterator[P]:
        """The pages themselves, as they were answered: with `cursor`, which `cursor=` takes, and `usage`."""
        while (page := self._next_page()) is not None:
            yield page

    def _next_page(self) -> P | None:
        if self._ended:
            return None
        page = self._ask(self._cursor)
        self._cursor = page.cursor
        self._ended = page.cursor is None
        return page
