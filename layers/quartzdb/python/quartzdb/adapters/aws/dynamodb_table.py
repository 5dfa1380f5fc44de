"""The one DynamoDB table: requests, paging, repetition of what was not processed, and what each of it cost.

Owns how DynamoDB is spoken to, and knows nothing of what the items mean. In expressions every attribute is written
`#name` and every value `:name`, so that no reserved word can ever be in the way.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from botocore.exceptions import ClientError

from quartzdb.adapters.aws.dynamodb_capacity import CapacityMeter, UncountedCapacity
from quartzdb.adapters.aws.dynamodb_values import Attributes, Value, decode_attributes, encode_attributes
from quartzdb.adapters.aws.failure import error_code, told_as_unavailable, was_retried
from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Unavailable

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

BATCH_READS_MAX = 100
BATCH_WRITES_MAX = 25
TRANSACTION_ITEMS_MAX = 100
FEED_INDEX = "by_appended"
"""The sparse index: `feed` (text) and `appended` (number). Only items that have both are in it."""

_READS = frozenset({"GetItem", "Query", "BatchGetItem"})
_WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"})
_ATTEMPTS_MAX = 8
_WAIT_SECONDS = 0.025
_NAMES = re.compile(r"#(\w+)")
_NO_VALUES: Attributes = {}


class TransactPut(NamedTuple):
    """What a conditional put did. `old` is what was there; `retried`: an earlier attempt may have been the one."""

    stored: bool
    old: Attributes | None
    retried: bool


class Adjusted(NamedTuple):
    """Whether an update was done, and what is there then; None: nothing is."""

    done: bool
    item: Attributes | None


class Committed(Enum):
    """How a transaction ended."""

    YES = "yes"
    CONDITION_FAILED = "condition failed"
    CONTENDED = "contended"


class Reads(Protocol):
    """A shorter way to read than the client's."""

    def ask(self, operation: str, arguments: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The answer; None for whatever did not go well."""
        ...


class DynamoTable:
    """Thread-safe. Every method raises Unavailable when DynamoDB cannot be asked, after the client's own retries.

    Reads go by `reads`, where there are some, and by the client whenever that does not go well.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        name: str,
        clock: Clock,
        meter: CapacityMeter | None = None,
        *,
        reads: Reads | None = None,
    ) -> None:
        self._reads = reads
        self._client = client
        self._name = name
        self._clock = clock
        self._meter = meter or UncountedCapacity()

    def get(self, pk: str, sk: str) -> Attributes | None:
        """The item, read consistently."""
        answer = self._ask(
            "GetItem",
            self._client.get_item,
            Key=encode_attributes({"pk": pk, "sk": sk}),
            ConsistentRead=True,
        )
        return decode_attributes(answer["Item"]) if "Item" in answer else None

    def put(
        self, item: Attributes, condition: str | None = None, values: Attributes = _NO_VALUES
    ) -> TransactPut:
        """Put an item where the condition holds; says what was there before, or instead."""
        arguments: dict[str, Any] = {"Item": encode_attributes(item), "ReturnValues": "ALL_OLD"}
        if condition is not None:
            arguments |= {"ConditionExpression": condition, **_expressions([condition], values)}
            arguments["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        try:
            answer = self._ask("PutItem", self._client.put_item, **arguments)
        except _ConditionFailed as failed:
            return TransactPut(False, failed.there, failed.retried)
        old = decode_attributes(answer["Attributes"]) if answer.get("Attributes") else None
        return TransactPut(True, old, was_retried(answer))

    def update(self, pk: str, sk: str, change: str, condition: str, values: Attributes = _NO_VALUES) -> bool:
        """Change an item where the condition holds. Returns whether it did."""
        try:
            self._ask(
                "UpdateItem",
                self._client.update_item,
                Key=encode_attributes({"pk": pk, "sk": sk}),
                UpdateExpression=change,
                ConditionExpression=condition,
                **_expressions([change, condition], values),
            )
        except _ConditionFailed:
            return False
        return True

    def adjust(self, pk: str, sk: str, change: str, condition: str, values: Attributes) -> Adjusted:
        """The same, with what is there then, or instead."""
        try:
            answer = self._ask(
                "UpdateItem",
                self._client.update_item,
                Key=encode_attributes({"pk": pk, "sk": sk}),
                UpdateExpression=change,
                ConditionExpression=condition,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **_expressions([change, condition], values),
            )
        except _ConditionFailed as failed:
            return Adjusted(False, failed.there)
        return Adjusted(True, decode_attributes(answer["Attributes"]))

    def delete(self, pk: str, sk: str, condition: str | None = None, values: Attributes = _NO_VALUES) -> bool:
        """Delete an item where the condition holds. Returns whether it did."""
        arguments: dict[str, Any] = {"Key": encode_attributes({"pk": pk, "sk": sk})}
        if condition is not None:
            arguments |= {"ConditionExpression": condition, **_expressions([condition], values)}
        try:
            self._ask("DeleteItem", self._client.delete_item, **arguments)
        except _ConditionFailed:
            return False
        return True

    def query(
        self,
        pk: str,
        low: str,
        high: str,
        *,
        page_items_max: int | None = None,
        reverse: bool = False,
        attributes: Sequence[str] = (),
    ) -> Iterator[Sequence[Attributes]]:
        """Items with low <= sk <= high in the order of sk, page by page, each page one consistent request.

        A page ends at 1 MB or `page_items_max`. The next one is asked for only when the caller goes on.
        """
        if low > high:
            return
        yield from self._pages(
            "#pk = :pk AND #sk BETWEEN :low AND :high",
            {"pk": pk, "low": low, "high": high},
            attributes,
            page_items_max,
            ConsistentRead=True,
            ScanIndexForward=not reverse,
        )

    def query_feed(
        self, feed: str, low: int, high: int, *, page_items_max: int | None = None
    ) -> Iterator[Sequence[Attributes]]:
        """Entries of the index with low <= appended <= high, in that order. It lags behind the table by a moment."""
        if low > high:
            return
        yield from self._pages(
            "#feed = :feed AND #appended BETWEEN :low AND :high",
            {"feed": feed, "low": low, "high": high},
            (),
            page_items_max,
            IndexName=FEED_INDEX,
        )

    def batch_get(self, keys: Sequence[tuple[str, str]], attributes: Sequence[str] = ()) -> list[Attributes]:
        """The items that are there, in any order, read consistently. No key twice."""
        found: list[Attributes] = []
        for start in range(0, len(keys), BATCH_READS_MAX):
            asked: dict[str, Any] = {
                "Keys": [
                    encode_attributes({"pk": pk, "sk": sk})
                    for pk, sk in keys[start : start + BATCH_READS_MAX]
                ],
                "ConsistentRead": True,
                **_projection(attributes),
            }
            for answer in self._until_processed("BatchGetItem", asked):
                found += [decode_attributes(item) for item in answer["Responses"].get(self._name, ())]
        return found

    def batch_delete(self, keys: Sequence[tuple[str, str]]) -> None:
        """Delete items; one that is not there is no error."""
        for start in range(0, len(keys), BATCH_WRITES_MAX):
            deletes = [
                {"DeleteRequest": {"Key": encode_attributes({"pk": pk, "sk": sk})}}
                for pk, sk in keys[start : start + BATCH_WRITES_MAX]
            ]
            for _ in self._until_processed("BatchWriteItem", deletes):
                pass

    def put_action(self, item: Attributes, condition: str, values: Attributes = _NO_VALUES) -> dict[str, Any]:
        """A put as part of a transaction."""
        expression = {"ConditionExpression": condition, **_expressions([condition], values)}
        return {"Put": {"TableName": self._name, "Item": encode_attributes(item), **expression}}

    def delete_action(
        self, pk: str, sk: str, condition: str, values: Attributes = _NO_VALUES
    ) -> dict[str, Any]:
        """A deletion as part of a transaction."""
        expression = {"ConditionExpression": condition, **_expressions([condition], values)}
        key = encode_attributes({"pk": pk, "sk": sk})
        return {"Delete": {"TableName": self._name, "Key": key, **expression}}

    def check_action(
        self, pk: str, sk: str, condition: str, values: Attributes = _NO_VALUES
    ) -> dict[str, Any]:
        """A condition as part of a transaction, which changes nothing itself."""
        expression = {"ConditionExpression": condition, **_expressions([condition], values)}
        key = encode_attributes({"pk": pk, "sk": sk})
        return {"ConditionCheck": {"TableName": self._name, "Key": key, **expression}}

    def update_action(
        self, pk: str, sk: str, change: str, condition: str, values: Attributes
    ) -> dict[str, Any]:
        """An update as part of a transaction."""
        expressions = {
            "UpdateExpression": change,
            "ConditionExpression": condition,
            **_expressions([change, condition], values),
        }
        key = encode_attributes({"pk": pk, "sk": sk})
        return {"Update": {"TableName": self._name, "Key": key, **expressions}}

    def transact(self, actions: Sequence[dict[str, Any]]) -> Committed:
        """All of at most TRANSACTION_ITEMS_MAX actions, or none. Each names another item."""
        try:
            self._ask("TransactWriteItems", self._client.transact_write_items, TransactItems=list(actions))
        except _Cancelled as cancelled:
            return cancelled.outcome
        return Committed.YES

    def wait(self, attempt: int) -> None:
        """Pause before attempt 1, 2, 3 … of something that was contended or not processed."""
        self._clock.sleep(random.uniform(0.5, 1) * _WAIT_SECONDS * 2**attempt)  # noqa: S311 - spreads load

    def _pages(
        self,
        condition: str,
        values: Attributes,
        attributes: Sequence[str],
        page_items_max: int | None,
        **arguments: Any,
    ) -> Iterator[Sequence[Attributes]]:
        projection = _projection(attributes)
        names = projection.pop("ExpressionAttributeNames", {})
        arguments |= {"KeyConditionExpression": condition, **_expressions([condition], values), **projection}
        arguments["ExpressionAttributeNames"] |= names
        if page_items_max is not None:
            arguments["Limit"] = page_items_max
        while True:
            answer = self._ask("Query", self._client.query, **arguments)
            yield [decode_attributes(item) for item in answer["Items"]]
            if not answer.get("LastEvaluatedKey"):
                return
            arguments["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _until_processed(self, operation: str, wanted: Any) -> Iterator[Mapping[str, Any]]:
        reads = operation == "BatchGetItem"
        call = self._client.batch_get_item if reads else self._client.batch_write_item
        left = "UnprocessedKeys" if reads else "UnprocessedItems"
        fruitless = 0
        while wanted:
            answer = self._ask(operation, call, RequestItems={self._name: wanted})
            yield answer
            before, wanted = wanted, answer.get(left, {}).get(self._name)
            # What did not fit into one answer is no sign of trouble; an answer that brings nothing is.
            fruitless = fruitless + 1 if wanted and _size(wanted) == _size(before) else 0
            if fruitless == _ATTEMPTS_MAX:
                raise Unavailable(
                    f"DynamoDB left parts of a {operation} unprocessed, {fruitless} times over.",
                    hint="The table is throttled; try again in a moment.",
                )
            # Writes are left only where the table is throttled, reads also where an answer is full.
            if wanted and (fruitless or not reads):
                self.wait(max(fruitless, 1))

    def _ask(self, operation: str, call: Callable[..., Any], **arguments: Any) -> Mapping[str, Any]:
        if operation not in {"BatchGetItem", "BatchWriteItem", "TransactWriteItems"}:
            arguments["TableName"] = self._name
        arguments["ReturnConsumedCapacity"] = "TOTAL"
        for attempt in range(1, _ATTEMPTS_MAX + 1):
            with told_as_unavailable(f"The DynamoDB table {self._name}", writes=operation in _WRITES):
                try:
                    soon = self._soon(operation, arguments)
                    answer: Mapping[str, Any] = call(**arguments) if soon is None else soon
                except ClientError as error:
                    code = error_code(error)
                    if code == "TransactionConflictException" and attempt < _ATTEMPTS_MAX:
                        # A transaction holds the item for this moment; the client's own retries do not cover it.
                        self.wait(attempt)
                        continue
                    if code == "ConditionalCheckFailedException":
                        raise _ConditionFailed(error) from error
                    if code == "TransactionCanceledException":
                        raise _cancelled(error) from error
                    raise
            used = answer.get("ConsumedCapacity") or ()
            parts = [used] if isinstance(used, Mapping) else used
            self._meter.used(operation, sum(part.get("CapacityUnits", 0) for part in parts))
            return answer
        raise AssertionError("the last attempt returns or raises")

    def _soon(self, operation: str, arguments: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if self._reads is None or operation not in _READS:
            return None
        return self._reads.ask(operation, arguments)


class _ConditionFailed(Exception):
    def __init__(self, error: ClientError) -> None:
        super().__init__()
        item: Mapping[str, Any] | None = error.response.get("Item")  # type: ignore[assignment]
        self.there = decode_attributes(item) if item else None
        self.retried = was_retried(error.response)


class _Cancelled(Exception):
    def __init__(self, outcome: Committed) -> None:
        super().__init__()
        self.outcome = outcome


def _cancelled(error: ClientError) -> Exception:
    reasons: Any = error.response.get("CancellationReasons") or ()
    codes = {reason.get("Code", "None") for reason in reasons} - {"None"}
    if "ConditionalCheckFailed" in codes:
        return _Cancelled(Committed.CONDITION_FAILED)
    if codes == {"TransactionConflict"}:
        return _Cancelled(Committed.CONTENDED)
    if codes & {"ThrottlingError", "ProvisionedThroughputExceeded"}:
        return Unavailable(
            "DynamoDB throttled a transaction; nothing was changed.", hint="Try again in a moment."
        )
    return error


def _expressions(expressions: Sequence[str], values: Attributes) -> dict[str, Any]:
    names = {f"#{name}": name for expression in expressions for name in _NAMES.findall(expression)}
    arguments: dict[str, Any] = {"ExpressionAttributeNames": names}
    if values:
        typed: Mapping[str, Value] = {f":{name}": value for name, value in values.items()}
        arguments["ExpressionAttributeValues"] = encode_attributes(typed)
    return arguments


def _projection(attributes: Sequence[str]) -> dict[str, Any]:
    if not attributes:
        return {}
    return {
        "ProjectionExpression": ", ".join(f"#{name}" for name in attributes),
        "ExpressionAttributeNames": {f"#{name}": name for name in attributes},
    }


def _size(wanted: Any) -> int:
    return len(wanted["Keys"]) if isinstance(wanted, Mapping) else len(wanted)
