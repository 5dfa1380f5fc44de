"""Idempotency keys: a write that is sent again under the same key is answered again, not done again.

A request that was refused has changed nothing, so it leaves its key free: the client mends it and sends it again.

They belong to the API key that sent them: two holders of one tenant who choose the same text neither see each other's
answers nor stand in each other's way.

HAZARD: a claim lapses after CLAIM_MS, so that a crash does not hold a key for a day. A request that runs for longer
could then run twice; that is harmless for upserts and deletes, and CLAIM_MS is far above what any request takes.
"""

from __future__ import annotations

import hashlib
import logging

from quartzdb.api.answer import Answer
from quartzdb.api.call import Call
from quartzdb.api.operation import IdempotentReplay, Operation
from quartzdb.api.refusals import IdempotencyMismatch
from quartzdb.domain.errors import (
    DeadlineExceeded,
    IdempotencyConflict,
    InvalidArgument,
    OutcomeUnknown,
    QuartzError,
)
from quartzdb.domain.limits import IDEMPOTENCY_KEY_CHARACTERS_MAX, IDEMPOTENCY_TTL_SECONDS
from quartzdb.services.ports import StoredAnswer

logger = logging.getLogger(__name__)

HEADER = "Idempotency-Key"
REPLAYED = ("Idempotency-Replayed", "true")
CLAIM_MS = 120_000
_HEADERS_THAT_MATTER = ("content-type", "content-encoding", "if-match", "if-none-match", "x-quartzdb-version")


def perform(operation: Operation, call: Call) -> Answer:
    """Do the operation, or repeat its answer. Raises what the handler raises, IdempotencyConflict, InvalidArgument."""
    key = call.headers.get(HEADER)
    if key is None or operation.replay is IdempotentReplay.IGNORED:
        return operation.handler(call)
    if operation.replay is IdempotentReplay.REFUSED:
        raise InvalidArgument(
            "The answer to this request is a secret, so it cannot be kept for a repetition.",
            field=HEADER,
            hint=f"Send it without {HEADER}.",
        )
    if not 1 <= len(key) <= IDEMPOTENCY_KEY_CHARACTERS_MAX or not all(" " <= c <= "~" for c in key):
        raise InvalidArgument(
            f"An idempotency key has 1 to {IDEMPOTENCY_KEY_CHARACTERS_MAX} printable ASCII characters.",
            field=HEADER,
        )
    return _once(operation, call, key)


def _once(operation: Operation, call: Call, key: str) -> Answer:
    tenant, table = call.principal.tenant, call.services.idempotency
    # An API key's id is hexadecimal, so the first slash is where it ends.
    key = f"{call.principal.key_id}/{key}"
    fingerprint = _fingerprint(call)
    found = table.begin(
        tenant, key, fingerprint, call.services.clock.unix_ms(), CLAIM_MS, IDEMPOTENCY_TTL_SECONDS * 1000
    )
    if found is not None:
        return _repeated(found, fingerprint)
    try:
        answer = operation.handler(call)
    except QuartzError as error:
        # What may have been done must not be done once more beside it: the key stays claimed until that is settled.
        # So it does, too, where something went wrong that nobody foresaw, which may be after the write.
        if not isinstance(error, (OutcomeUnknown, DeadlineExceeded)):
            table.abandon(tenant, key)
        raise
    try:
        table.finish(
            tenant,
            key,
            StoredAnswer(fingerprint, answer.status, answer.body, answer.content_type or "", answer.headers),
        )
    except QuartzError:
        # The write is done, so it is answered as done. Until the claim lapses a repetition is told to wait.
        logger.exception("the answer under an idempotency key could not be kept")
    return answer


def _repeated(found: StoredAnswer, fingerprint: bytes) -> Answer:
    if found.fingerprint != fingerprint:
        raise IdempotencyMismatch(
            "The idempotency key was used before for a different request.",
            field=HEADER,
            hint="Use a new key for each new request.",
        )
    if found.status is None:
        raise IdempotencyConflict(
            "The first request under this idempotency key is still under way.",
            field=HEADER,
            hint="Try again in a moment.",
        )
    return Answer(found.status, found.body, found.content_type or None, (*found.headers, REPLAYED))


def _fingerprint(call: Call) -> bytes:
    """What makes two requests the same: method, path, query, the headers that change their meaning, and body."""
    digest = hashlib.sha256()
    headers = [call.headers.get(name, "") for name in _HEADERS_THAT_MATTER]
    parts = [call.principal.tenant, call.method, call.path, *headers]
    for part in [*(part.encode("utf-8", "surrogateescape") for part in parts), call.query_string, call.body]:
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return digest.digest()
