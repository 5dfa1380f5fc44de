"""The contract of IdempotencyTable."""

from __future__ import annotations

from collections.abc import Callable

from quartzdb.services.ports import IdempotencyTable, StoredAnswer
from tests.contracts.adapters import in_threads

CLAIM_MS, TTL_MS = 100, 10_000
ANSWER = StoredAnswer(b"print", 201, b"\0body", "text/plain", (("etag", '"1"'), ("x-a", "é")))


def begin(
    table: IdempotencyTable, now_ms: int, *, key: str = "k", tenant: str = "t", fingerprint: bytes = b"print"
) -> StoredAnswer | None:
    return table.begin(tenant, key, fingerprint, now_ms, CLAIM_MS, TTL_MS)


def test_the_first_request_goes_on_and_the_next_gets_its_answer(
    open_idempotency: Callable[[], IdempotencyTable],
) -> None:
    """Every field of it, also in the next process, until it expires."""
    assert begin(open_idempotency(), 1_000) is None
    open_idempotency().finish("t", "k", ANSWER)
    assert begin(open_idempotency(), 1_001) == ANSWER
    assert begin(open_idempotency(), 1_000 + TTL_MS - 1) == ANSWER
    assert begin(open_idempotency(), 1_000 + TTL_MS) is None


def test_a_request_that_still_runs_holds_the_key(idempotency: IdempotencyTable) -> None:
    """What comes back has no status, and the fingerprint of the request that runs."""
    assert begin(idempotency, 1_000) is None
    assert begin(idempotency, 1_099, fingerprint=b"other") == StoredAnswer(b"print")


def test_a_claim_that_was_never_finished_lapses(idempotency: IdempotencyTable) -> None:
    """The process that made it is gone: the next one does the work."""
    assert begin(idempotency, 1_000) is None
    assert begin(idempotency, 1_000 + CLAIM_MS, fingerprint=b"other") is None
    assert begin(idempotency, 1_001 + CLAIM_MS) == StoredAnswer(b"other")


def test_another_request_with_the_same_key_sees_the_first_ones_fingerprint(
    idempotency: IdempotencyTable,
) -> None:
    """So that the caller can refuse it."""
    begin(idempotency, 1_000)
    idempotency.finish("t", "k", ANSWER)
    assert begin(idempotency, 1_001, fingerprint=b"other") == ANSWER


def test_keys_are_a_tenants_own(idempotency: IdempotencyTable) -> None:
    """And each key stands alone."""
    begin(idempotency, 1_000)
    assert begin(idempotency, 1_000, tenant="u") is None
    assert begin(idempotency, 1_000, key="k2") is None


def test_an_abandoned_claim_frees_the_key(idempotency: IdempotencyTable) -> None:
    """An answer that was given stays."""
    begin(idempotency, 1_000)
    idempotency.abandon("t", "k")
    idempotency.abandon("t", "k")
    assert begin(idempotency, 1_001) is None
    idempotency.finish("t", "k", ANSWER)
    idempotency.abandon("t", "k")
    assert begin(idempotency, 1_002) == ANSWER


def test_a_late_outcome_does_not_replace_anothers_claim(idempotency: IdempotencyTable) -> None:
    """Nor an answer, nor does it bring back a key that was freed."""
    begin(idempotency, 1_000)
    begin(idempotency, 1_000 + CLAIM_MS, fingerprint=b"other")
    idempotency.finish("t", "k", ANSWER)
    assert begin(idempotency, 1_001 + CLAIM_MS) == StoredAnswer(b"other")
    other = StoredAnswer(b"other", 200)
    idempotency.finish("t", "k", other)
    idempotency.finish("t", "k", StoredAnswer(b"other", 500))
    assert begin(idempotency, 1_001 + CLAIM_MS) == other
    idempotency.finish("t", "k2", ANSWER)
    assert begin(idempotency, 1_000, key="k2") is None


def test_a_late_outcome_of_a_lapsed_claim_counts_while_nobody_took_it(idempotency: IdempotencyTable) -> None:
    """The work was done after all."""
    begin(idempotency, 1_000)
    idempotency.finish("t", "k", ANSWER)
    assert begin(idempotency, 1_000 + 2 * CLAIM_MS) == ANSWER


def test_purging_drops_what_has_lapsed(idempotency: IdempotencyTable) -> None:
    """Claims after their time, answers after theirs."""
    for number in range(5):
        begin(idempotency, 1_000 + number, key=f"claim {number}")
    begin(idempotency, 1_000, key="answered")
    idempotency.finish("t", "answered", ANSWER)
    assert idempotency.purge(1_002 + CLAIM_MS) == 3
    assert idempotency.purge(1_002 + CLAIM_MS) == 0
    assert begin(idempotency, 1_003, key="claim 3") == StoredAnswer(b"print")
    assert idempotency.purge(1_000 + TTL_MS) == 3


def test_one_of_many_requests_goes_on(idempotency: IdempotencyTable) -> None:
    """However many arrive at once."""
    told: list[StoredAnswer | None] = []
    in_threads(8, lambda number: told.append(begin(idempotency, 1_000)))
    assert told.count(None) == 1
    assert told.count(StoredAnswer(b"print")) == 7
