"""Making one table's items those of another: how a restored table comes back under the name that is deployed.

Of the database's table it leaves API keys and grants as they are: what was revoked or suspended since must stay so.
Items that are equal are read and not written. Only ever used while nobody else writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from quartzdb.adapters.aws.dynamodb_table import BATCH_READS_MAX, BATCH_WRITES_MAX
from quartzdb.adapters.aws.failure import told_as_unavailable
from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import InvalidArgument, Unavailable

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

KEYS_AND_GRANTS = ("KEY#", "KEYS#", "GRANTS")
_SEGMENTS = 8
_ATTEMPTS_MAX = 10
_WAIT_SECONDS = 0.05

_Items = Sequence[Mapping[str, Any]]
_Key = tuple[str, str]


class DynamoTableCopy:
    """From `source` to `target`, but for items whose partition key begins as one of `kept`.

    Raises InvalidArgument where both are one.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        source: str,
        target: str,
        clock: Clock,
        *,
        kept: tuple[str, ...] = KEYS_AND_GRANTS,
    ) -> None:
        if source == target:
            raise InvalidArgument(
                f"The table {source} cannot be copied onto itself.",
                field="from",
                hint="Name the table that was restored.",
            )
        self._client = client
        self._source = source
        self._target = target
        self._clock = clock
        self._kept = kept

    def make_equal(self, *, apply: bool) -> tuple[int, int]:
        """Items to write and to delete in the target; does it, if `apply`. Safe to repeat. Raises Unavailable."""
        with ThreadPoolExecutor(_SEGMENTS, thread_name_prefix="table-copy") as threads:
            written = sum(threads.map(partial(self._bring, apply), range(_SEGMENTS)))
            deleted = sum(threads.map(partial(self._remove, apply), range(_SEGMENTS)))
        return written, deleted

    def _bring(self, apply: bool, segment: int) -> int:
        count = 0
        for items in self._scan(self._source, segment):
            there = self._get(self._target, items, whole=True)
            differing = [item for item in items if there.get(_key(item)) != item]
            count += len(differing)
            if apply:
                self._write([{"PutRequest": {"Item": item}} for item in differing])
        return count

    def _remove(self, apply: bool, segment: int) -> int:
        count = 0
        for items in self._scan(self._target, segment):
            wanted = self._get(self._source, items, whole=False)
            gone = [item for item in items if _key(item) not in wanted]
            count += len(gone)
            if apply:
                self._write([{"DeleteRequest": {"Key": _key_attributes(item)}} for item in gone])
        return count

    def _scan(self, table: str, segment: int) -> Iterator[_Items]:
        """A segment's items, as many at a time as one request can look up."""
        place: dict[str, Any] = {}
        while True:
            with self._told(table):
                page = self._client.scan(
                    TableName=table, Segment=segment, TotalSegments=_SEGMENTS, ConsistentRead=True, **place
                )
            items = [item for item in page["Items"] if not _key(item)[0].startswith(self._kept)]
            for start in range(0, len(items), BATCH_READS_MAX):
                yield items[start : start + BATCH_READS_MAX]
            if "LastEvaluatedKey" not in page:
                return
            place = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _get(self, table: str, like: _Items, *, whole: bool) -> Mapping[_Key, Mapping[str, Any]]:
        keys: Any = [_key_attributes(item) for item in like]
        only: dict[str, Any] = {} if whole else {"ProjectionExpression": "pk, sk"}
        found: dict[_Key, Mapping[str, Any]] = {}
        for attempt in range(_ATTEMPTS_MAX):
            with self._told(table):
                wanted: Any = {table: {"Keys": keys, "ConsistentRead": True, **only}}
                answer = self._client.batch_get_item(RequestItems=wanted)
            found |= {_key(item): item for item in answer["Responses"].get(table, ())}
            unprocessed = answer.get("UnprocessedKeys", {})
            if table not in unprocessed:
                return found
            keys = unprocessed[table]["Keys"]
            self._wait(attempt)
        raise self._slow(table)

    def _write(self, requests: Sequence[Mapping[str, Any]]) -> None:
        for start in range(0, len(requests), BATCH_WRITES_MAX):
            left: Any = list(requests[start : start + BATCH_WRITES_MAX])
            for attempt in range(_ATTEMPTS_MAX):
                with self._told(self._target):
                    answer = self._client.batch_write_item(RequestItems={self._target: left})
                left = answer.get("UnprocessedItems", {}).get(self._target, ())
                if not left:
                    break
                self._wait(attempt)
            else:
                raise self._slow(self._target)

    def _wait(self, attempt: int) -> None:
        self._clock.sleep(_WAIT_SECONDS * 2**attempt)

    def _slow(self, table: str) -> Unavailable:
        return Unavailable(
            f"The DynamoDB table {table} leaves requests unprocessed.",
            hint="A table that is on demand doubles within minutes. Give the same command again.",
        )

    def _told(self, table: str) -> Any:
        return told_as_unavailable(f"The DynamoDB table {table}")


def _key(item: Mapping[str, Any]) -> _Key:
    return item["pk"]["S"], item["sk"]["S"]


def _key_attributes(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"pk": item["pk"], "sk": item["sk"]}
