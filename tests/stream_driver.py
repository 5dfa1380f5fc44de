"""Lambda's side of a DynamoDB stream, which no emulator plays in full: batches, order, retries and dead letters.

The records are the emulator's own, read from the table's real stream. What is done with them is what AWS documents for
an event source mapping with partial-batch responses: of the sequence numbers that are handed back the lowest counts,
the batch goes on from there; an exception fails all of it; what fails is bisected and tried a bounded number of times,
then told to a queue, and the stream goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from botocore.session import Session

from tests.aws_emulators import REGION, Emulator

Record = dict[str, Any]
Handler = Callable[[Any, Any], Any]


@dataclass
class LambdaContext:
    """What Lambda hands to a handler. `remaining_ms` is asked each time."""

    remaining_ms: Callable[[], int] = lambda: 300_000
    aws_request_id: str = "8d3b8b3a-0000-4000-8000-000000000001"
    function_name: str = "function"
    function_version: str = "1"
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:function"
    memory_limit_in_mb: int = 1_769

    def get_remaining_time_in_millis(self) -> int:
        """As Lambda's."""
        return self.remaining_ms()


class TableStream:
    """The stream of a table, from its beginning (TRIM_HORIZON)."""

    def __init__(self, emulator: Emulator, table: str) -> None:
        emulator.dynamodb.update_table(
            TableName=table,
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        )
        self._arn = emulator.dynamodb.describe_table(TableName=table)["Table"]["LatestStreamArn"]
        # botocore's stubs know no clients of streams.
        self._client: Any = Session().create_client(
            "dynamodbstreams", region_name=REGION, endpoint_url=emulator.endpoint_url
        )
        self._read: dict[str, None] = {}

    def everything(self) -> list[Record]:
        """All records so far that pass the mapping's filter: new items of logs."""
        found: list[Record] = []
        shards = self._client.describe_stream(StreamArn=self._arn)["StreamDescription"]["Shards"]
        for shard in shards:
            iterator = self._client.get_shard_iterator(
                StreamArn=self._arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while iterator:
                page = self._client.get_records(ShardIterator=iterator)
                found += [_as_event(record) for record in page["Records"] if _passes(record)]
                iterator = page.get("NextShardIterator") if page["Records"] else None
        return found

    def news(self) -> list[Record]:
        """Those that were not among the news before."""
        fresh = [one for one in self.everything() if _number(one) not in self._read]
        self._read.update((_number(one), None) for one in fresh)
        return fresh

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()


@dataclass
class StreamDriver:
    """An event source mapping. `halving`: also a batch whose first record failed is split in two.

    AWS does not say whether it is, so whatever must hold has to hold either way.
    """

    handler: Handler
    context: LambdaContext = field(default_factory=LambdaContext)
    batch_size: int = 100
    shards: int = 1
    retries: int = 3
    halving: bool = True
    dead_letters: list[list[str]] = field(default_factory=list)
    invocations: list[list[str]] = field(default_factory=list)

    def deliver(self, records: Sequence[Record]) -> None:
        """Everything, in order within each shard, until it is done or given up."""
        for shard in range(self.shards):
            own = [one for one in records if self._shard(one) == shard]
            for start in range(0, len(own), self.batch_size):
                self._batch(own[start : start + self.batch_size], self.retries)

    def _batch(self, batch: Sequence[Record], retries: int) -> None:
        failed_from = self._invoke(batch)
        if failed_from is None:
            return
        rest = batch[failed_from:]
        if retries == 0:
            self.dead_letters.append([_number(one) for one in rest])
            return
        if failed_from == 0 and self.halving and len(rest) > 1:
            middle = len(rest) // 2
            self._batch(rest[:middle], retries - 1)
            self._batch(rest[middle:], retries - 1)
        else:
            self._batch(rest, retries - 1)

    def _invoke(self, batch: Sequence[Record]) -> int | None:
        """The place of the first record that failed; None where all is well."""
        numbers = [_number(one) for one in batch]
        self.invocations.append(numbers)
        try:
            # Through JSON, as it is on its way to a function and back.
            answer = json.loads(
                json.dumps(self.handler(json.loads(json.dumps({"Records": batch})), self.context))
            )
        except Exception:  # noqa: BLE001 - whatever a function raises fails its batch
            return 0
        failures = [one["itemIdentifier"] for one in answer["batchItemFailures"]]
        places = [numbers.index(one) if one in numbers else 0 for one in failures]
        return min(places, default=None)

    def _shard(self, record: Record) -> int:
        return crc32(record["dynamodb"]["Keys"]["pk"]["S"].encode()) % self.shards


def _number(record: Mapping[str, Any]) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


def _passes(record: Mapping[str, Any]) -> bool:
    return bool(record["eventName"] == "INSERT" and record["dynamodb"]["Keys"]["pk"]["S"].startswith("LOG#"))


def _as_event(record: Mapping[str, Any]) -> Record:
    """A record of the API as a function gets it: keys suffice, bytes and times are left out."""
    stream = record["dynamodb"]
    return {
        "eventID": record["eventID"],
        "eventName": record["eventName"],
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": {"Keys": dict(stream["Keys"]), "SequenceNumber": str(stream["SequenceNumber"])},
    }
