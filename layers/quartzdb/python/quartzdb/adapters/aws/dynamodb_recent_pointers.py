"""What pointers were not long ago, in DynamoDB: owns the partitions `CURRENT#…`, one item for each pointer.

S3 takes tens of milliseconds to begin an answer, DynamoDB a few. What is here may be late or missing, and nothing is
decided by it: the pointer itself is in S3.
"""

from __future__ import annotations

import logging

from quartzdb.adapters.aws.dynamodb_table import DynamoTable
from quartzdb.adapters.aws.dynamodb_values import bytes_of
from quartzdb.domain.errors import Corrupted, Unavailable

logger = logging.getLogger(__name__)

CONTENT_BYTES_MAX = 100 * 1024
"""A read costs a unit for each 4 KB, and a write one for each KB."""
_SK = "pointer"


class DynamoRecentPointers:
    """Thread-safe."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def read(self, key: str) -> bytes | None:
        """What was noted last; None for nothing. Raises Unavailable."""
        item = self._table.get(_pk(key), _SK)
        return None if item is None else bytes_of(item, "content")

    def note(self, key: str, content: bytes) -> None:
        """This is the pointer now. It is no error if that cannot be noted: the pointer is what it is."""
        try:
            if len(content) <= CONTENT_BYTES_MAX:
                self._table.put({"pk": _pk(key), "sk": _SK, "content": content})
            else:
                self.forget(key)
        except (Unavailable, Corrupted) as error:
            logger.warning("the pointer %s was set, but not noted: %s", key, error)

    def forget(self, key: str) -> None:
        """There is no such pointer any more. Raises Unavailable."""
        self._table.delete(_pk(key), _SK)


def _pk(key: str) -> str:
    return f"CURRENT#{key}"
