"""Answers to requests with an idempotency key, in DynamoDB. Owns the partitions `IDEMPOTENCY#0` to `#f`.

`lapses_at_ms` is the end of the claim while a request runs, and the end of the answer once it has one. The table's own
expiry removes what has lapsed, for nothing; `purge` is for whoever cannot wait for that.
"""

from __future__ import annotations

import json
import secrets
import zlib
from hashlib import sha256

from quartzdb.adapters.aws.dynamodb_table import DynamoTable
from quartzdb.adapters.aws.dynamodb_values import Attributes, bytes_of, number_of, text_of
from quartzdb.domain.errors import TooLarge
from quartzdb.services.ports import StoredAnswer

_BUCKETS = "0123456789abcdef"
"""First digits of the digests: each is a partition with a write ceiling of its own."""
_PACKED_FROM_BYTES = 1_024
_BODY_BYTES_MAX = 300_000
"""An item takes 400 KB, and headers need room too."""


class DynamoIdempotency:
    """IdempotencyTable over a DynamoTable."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def begin(
        self, tenant: str, key: str, fingerprint: bytes, now_ms: int, claim_ms: int, ttl_ms: int
    ) -> StoredAnswer | None:
        """Claim the key for a request: None means go on."""
        keep_until_ms = now_ms + ttl_ms
        claim = secrets.token_hex(8)
        item: Attributes = {
            **_place(tenant, key),
            "claim": claim,
            "fingerprint": fingerprint,
            "lapses_at_ms": now_ms + claim_ms,
            "keep_until_ms": keep_until_ms,
            "expires_at": keep_until_ms // 1000 + 1,
        }
        put = self._table.put(item, "attribute_not_exists(#pk) OR #lapses_at_ms <= :now", {"now": now_ms})
        # The claim that is there may be this very one, if its first answer was lost on the way.
        if put.stored or put.old is None or put.old["claim"] == claim:
            return None
        return _answer(put.old)

    def finish(self, tenant: str, key: str, answer: StoredAnswer) -> None:
        """Record the outcome, unless the claim lapsed and another request has taken the key. Raises TooLarge."""
        place = _place(tenant, key)
        body = _packed(answer.body)
        self._table.update(
            place["pk"],
            place["sk"],
            "SET #lapses_at_ms = #keep_until_ms, #status = :status, #body = :body, #content_type = :type,"
            " #headers = :headers",
            "#fingerprint = :fingerprint AND attribute_not_exists(#status)",
            {
                "status": answer.status or 0,
                "body": body,
                "type": answer.content_type,
                "headers": json.dumps(answer.headers),
                "fingerprint": answer.fingerprint,
            },
        )

    def abandon(self, tenant: str, key: str) -> None:
        """The claimed request changed nothing: free the key."""
        place = _place(tenant, key)
        self._table.delete(
            place["pk"], place["sk"], "attribute_exists(#pk) AND attribute_not_exists(#status)"
        )

    def purge(self, now_ms: int) -> int:
        """Drop what has lapsed. Returns how many."""
        dropped = 0
        for bucket in _BUCKETS:
            pages = self._table.query(
                f"IDEMPOTENCY#{bucket}", "0", "g", attributes=("pk", "sk", "lapses_at_ms")
            )
            for page in pages:
                for item in page:
                    if number_of(item, "lapses_at_ms") <= now_ms:
                        dropped += self._table.delete(
                            text_of(item, "pk"), text_of(item, "sk"), "#lapses_at_ms <= :now", {"now": now_ms}
                        )
        return dropped


def _place(tenant: str, key: str) -> dict[str, str]:
    digest = sha256(f"{tenant}\0{key}".encode()).hexdigest()
    return {"pk": f"IDEMPOTENCY#{digest[0]}", "sk": digest}


def _answer(item: Attributes) -> StoredAnswer:
    fingerprint = bytes_of(item, "fingerprint")
    if "status" not in item:
        return StoredAnswer(fingerprint)
    headers = tuple((name, value) for name, value in json.loads(text_of(item, "headers")))
    return StoredAnswer(
        fingerprint,
        number_of(item, "status"),
        _unpacked(bytes_of(item, "body")),
        text_of(item, "content_type"),
        headers,
    )


def _packed(body: bytes) -> bytes:
    """A first byte that says whether the rest is compressed: units are paid by the KB, and JSON shrinks well."""
    packed = b"\0" + body if len(body) < _PACKED_FROM_BYTES else b"\1" + zlib.compress(body, 1)
    if len(packed) > _BODY_BYTES_MAX:
        raise TooLarge("The answer is too large to be kept for a repetition.", hint="Send smaller batches.")
    return packed


def _unpacked(packed: bytes) -> bytes:
    return zlib.decompress(packed[1:]) if packed[:1] == b"\1" else packed[1:]
