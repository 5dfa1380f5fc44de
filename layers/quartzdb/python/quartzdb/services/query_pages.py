"""Walks through the answer to a query, page by page: what a cursor says, and one page of the pages of several shards.

A page is of the moment at which it is asked for: nothing is kept between two of them. So a walk without writes has each
record at most once, and if all that matches is scored it is the whole ranking.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Sequence
from hashlib import blake2b
from itertools import islice

from quartzdb.domain.cursor import decode_cursor, encode_cursor, not_of_this_listing
from quartzdb.domain.filter import Filter
from quartzdb.domain.namespace import Namespace
from quartzdb.domain.rank import RankPlace
from quartzdb.domain.record import Match
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Vector
from quartzdb.services.shard_answers import rank_of, work_together
from quartzdb.storage.index.fields.filter_digest import digest
from quartzdb.storage.index.query import Found
from quartzdb.storage.index.ranked_page import RankedPage

_QUESTION_BYTES = 16


@dataclass(frozen=True, slots=True)
class Walk:
    """Where in the answer to which question a page begins: after a place, before which there were `depth` records."""

    name: str
    after: RankPlace | None = None
    depth: int = 0

    def cursor(self, matches: Sequence[Match]) -> str:
        """That of the page after these matches, of which there is one at least."""
        last = matches[-1]
        return encode_cursor(self.name, json.dumps([last.score, last.id, self.depth + len(matches)]))


def name_of_walk(
    namespace: Namespace,
    question: Vector | str,
    condition: Filter | None,
    recall: float | None,
    *further: str,
) -> str:
    """What a cursor belongs to: the generation, and all that decides which record comes when."""
    asked = question if isinstance(question, str) else _digest_of(question)
    by = "id" if isinstance(question, str) else "vector"
    of_filter = "" if condition is None else digest(condition).hex()
    return json.dumps(["query", namespace.generation, by, asked, of_filter, recall, *further])


def walk_at(name: str, cursor: str | None) -> Walk:
    """The walk at a cursor, or at its beginning. Raises InvalidCursor."""
    if cursor is None:
        return Walk(name)
    match json.loads(decode_cursor(name, cursor)):
        case [float(score), str(record_id), int(depth)] if depth >= 0:
            return Walk(name, RankPlace(score, record_id), depth)
    raise not_of_this_listing()


def page_in_all(pages: Sequence[RankedPage], count: int) -> tuple[Found, bool]:
    """The first of the pages of all shards, with all that they took, and whether there are more."""
    best = list(islice(heapq.merge(*(page.matches for page in pages), key=rank_of), count))
    more = sum(len(page.matches) for page in pages) > count or any(page.more for page in pages)
    return Found(best, work_together([page.work for page in pages])), more


def _digest_of(vector: Vector) -> str:
    return blake2b(vector.astype("<f4").tobytes(), digest_size=_QUESTION_BYTES).hexdigest()
