"""What the Python client makes of moments, short questions, pages and feeds: where a feed stands, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from quartzdb_client import NEVER, AsyncChanges, Changes, ConnectionFailed, Pages
from quartzdb_client.moments import expiry, written
from quartzdb_client.questions import question


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2027, 1, 31, 12, tzinfo=timezone(timedelta())),
        datetime(2027, 1, 31, 14, tzinfo=timezone(timedelta(hours=2))),
        1_801_396_800,
        1_801_396_800.0004,
        "2027-01-31T12:00:00.000Z",
    ],
)
def test_a_moment_is_a_datetime_seconds_or_text(moment: datetime | float | str) -> None:
    """All of them the same one."""
    assert written(moment) == "2027-01-31T12:00:00.000Z"


def test_a_moment_without_a_time_zone_is_refused() -> None:
    """It would be another one on another machine."""
    with pytest.raises(ValueError, match="time zone"):
        written(datetime(2027, 1, 31))  # noqa: DTZ001 - that is what is refused


def test_a_patch_says_of_expiry_only_what_it_was_told() -> None:
    """Null says something else than nothing."""
    assert expiry(None, None) == {}
    assert expiry(5, None) == {"ttl_seconds": 5}
    assert expiry(None, NEVER) == {"expires_at": None}


def test_a_question_may_be_short() -> None:
    """Words, a field, arrays of numpy."""
    sparse = {"indices": np.array([2, 90]), "values": np.array([3, 0.5], np.float32)}
    asked = {
        "text": "giant worms",
        "group_by": "doc_id",
        "sparse": sparse,
        "include_vectors": True,
        "id": None,
    }
    assert question(asked) == {
        "text": {"query": "giant worms"},
        "group_by": {"field": "doc_id"},
        "sparse": {"indices": [2, 90], "values": [3.0, 0.5]},
        "include_vectors": "base64",
    }


@dataclass
class Page:
    """Of a list, or of a feed."""

    cursor: str
    items: Sequence[int]
    more: bool = True


class Book:
    """Five pages of two; the third fails when it is first asked for."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []

    def page(self, cursor: str | None) -> Page:
        self.asked.append(cursor)
        number = int(cursor or 0)
        if number == 2 and self.asked.count(cursor) == 1:
            raise ConnectionFailed("gone")
        return Page(f"{number + 1}", [2 * number, 2 * number + 1], more=number < 4)

    async def page_later(self, cursor: str | None) -> Page:
        return self.page(cursor)


def test_a_list_goes_on_where_it_failed() -> None:
    """Who asks again gets what comes next."""
    pages = Pages(Book().page, lambda page: page.items)
    assert [next(pages) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(ConnectionFailed):
        next(pages)
    assert next(pages) == 4


def test_a_feed_stands_before_a_page_until_all_of_it_was_taken_and_more_is_asked_for() -> None:
    """So whoever keeps its cursor loses nothing. After an error it goes on; not to follow it ends it in the end."""
    feed = Changes(Book().page, lambda page: page.items, None, follow=False)
    assert [next(feed), next(feed), feed.cursor] == [0, 1, None]
    assert [next(feed), feed.cursor] == [2, "1"]
    assert next(feed) == 3
    with pytest.raises(ConnectionFailed):
        next(feed)
    assert feed.cursor == "2"
    assert list(feed) == [4, 5, 6, 7, 8, 9]
    assert feed.cursor == "5"


def test_a_feed_that_is_stopped_gives_nothing_more_and_stands_where_it_stood() -> None:
    """In the middle of a page: that one comes again the next time."""
    feed = Changes(Book().page, lambda page: page.items, None, follow=True)
    assert [next(feed) for _ in range(3)] == [0, 1, 2]
    feed.stop()
    assert (list(feed), feed.cursor) == ([], "1")


def test_an_asynchronous_feed_is_the_same() -> None:
    """And a task that waits for it can be cancelled."""

    async def follow() -> None:
        feed = AsyncChanges(Book().page_later, lambda page: page.items, "3", follow=False)
        assert [page.cursor async for page in feed.pages()] == ["4", "5"]
        never: asyncio.Future[Page] = asyncio.Future()
        waiting = AsyncChanges(lambda _: never, lambda page: page.items, None, follow=True)
        task = asyncio.ensure_future(anext(waiting))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(follow())
