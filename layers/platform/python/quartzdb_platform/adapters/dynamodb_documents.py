"""Documents in the platform's DynamoDB table. Owns how they lie there: the body as JSON text beside its revision."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice
from typing import Any

from quartzdb.adapters.aws.dynamodb_table import Committed, DynamoTable
from quartzdb.adapters.aws.dynamodb_values import Attributes, Value, number_of, text_of
from quartzdb.domain.errors import Unavailable
from quartzdb_platform.ports import Change, Delete, Document, Put

TTL_ATTRIBUTE = "expires_at"
"""Unix seconds after which DynamoDB may drop the item."""
_ABSENT = "attribute_not_exists(#pk)"
_AT_REVISION = "#revision = :expected"
_ATTEMPTS_MAX = 8
_FIRST, _LAST = "\0", "\U0010ffff"
"""Below and above every sort key; an empty one is none."""


class DynamoDocuments:
    """DocumentTable over a DynamoTable."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def get(self, pk: str, sk: str) -> Document | None:
        """The document. Raises Unavailable."""
        item = self._table.get(pk, sk)
        return _document(item) if item else None

    def query(
        self, pk: str, prefix: str, *, limit: int, after: str | None = None, reverse: bool = False
    ) -> Sequence[Document]:
        """At most `limit` documents whose sort key begins so, in its order, beyond `after`. Raises Unavailable."""
        low, high = prefix or _FIRST, prefix + _LAST
        if after is not None:
            low, high = (low, min(high, after)) if reverse else (max(low, after), high)
        # Bounds are inclusive here, and `after` itself is not wanted.
        pages = self._table.query(pk, low, high, page_items_max=limit + 1, reverse=reverse)
        wanted = (item for page in pages for item in page if text_of(item, "sk") != after)
        return [_document(item) for item in islice(wanted, limit)]

    def transact(self, changes: Sequence[Change]) -> bool:
        """All of the changes or none: then False. Raises Unavailable, OutcomeUnknown."""
        actions = [self._action(change) for change in changes]
        for attempt in range(1, _ATTEMPTS_MAX + 1):
            committed = self._table.transact(actions)
            if committed is not Committed.CONTENDED:
                return committed is Committed.YES
            self._table.wait(attempt)
        raise Unavailable("The platform's table is being changed by others.", hint="Try again in a moment.")

    def _action(self, change: Change) -> dict[str, Any]:
        condition = _ABSENT if change.expected is None else _AT_REVISION
        values: Attributes = {} if change.expected is None else {"expected": change.expected}
        if isinstance(change, Put):
            return self._table.put_action(_item(change), condition, values)
        if isinstance(change, Delete):
            return self._table.delete_action(change.pk, change.sk, condition, values)
        return self._table.check_action(change.pk, change.sk, condition, values)


def _item(change: Put) -> Attributes:
    item: dict[str, Value] = {
        "pk": change.pk,
        "sk": change.sk,
        "body": json.dumps(change.body, separators=(",", ":")),
        "revision": (change.expected or 0) + 1,
    }
    if change.expires_at_ms is not None:
        item["expires_at_ms"] = change.expires_at_ms
        item[TTL_ATTRIBUTE] = -(-change.expires_at_ms // 1_000)
    return item


def _document(item: Attributes) -> Document:
    return Document(
        text_of(item, "pk"),
        text_of(item, "sk"),
        json.loads(text_of(item, "body")),
        number_of(item, "revision"),
        number_of(item, "expires_at_ms") if "expires_at_ms" in item else None,
    )
