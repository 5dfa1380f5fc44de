"""What is answered in pages, as one."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Generic, Protocol, TypeVar


class Page(Protocol):
    """Where the next one begins; None: there is none."""

    @property
    def cursor(self) -> str | None: ...


P = TypeVar("P", bound=Page)
T = TypeVar("T")


class AsyncPages(AsyncIterator[T], Generic[P, T]):
    """Everything of all pages, one after the other, which are asked for as they are needed.

    After an error it goes on where it was, when it is asked again. Not for several threads or tasks at once.
    """

    def __init__(
        self,
        ask: Callable[[str | None], Awaitable[P]],
        items: Callable[[P], Iterable[T]],
        cursor: str | None = None,
    ) -> None:
        self._ask = ask
        self._items = items
        self._cursor = cursor
        self._waiting: deque[T] = deque()
        self._ended = False

    def __aiter__(self) -> AsyncPages[P, T]:
        return self

    async def __anext__(self) -> T:
        while not self._waiting:
            page = await self._next_page()
            if page is None:
                raise StopAsyncIteration
            self._waiting.extend(self._items(page))
        return self._waiting.popleft()

    async def pages(self) -> AsyncIterator[P]:
        """The pages themselves, as they were answered: with `cursor`, which `cursor=` takes, and `usage`."""
        while (page := await self._next_page()) is not None:
            yield page

    async def _next_page(self) -> P | None:
        if self._ended:
            return None
        page = await self._ask(self._cursor)
        self._cursor = page.cursor
        self._ended = page.cursor is None
        return page
