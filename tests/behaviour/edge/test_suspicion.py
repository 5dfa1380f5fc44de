"""What one instance of the router makes of the answers that it sees."""

from __future__ import annotations

from quartzdb.routing.decision.state import Origin
from quartzdb.routing.decision.suspicion import Suspicion

AWS, CLOUDFLARE = Origin.AWS, Origin.CLOUDFLARE


def test_three_failures_of_ten_make_an_origin_suspect() -> None:
    """Two do not, nor do they make the other one suspect."""
    suspicion = Suspicion()
    for at, failed in enumerate([True, False, False, True, False]):
        suspicion.note(CLOUDFLARE, failed=failed, at=at)
    assert suspicion.suspects(0) == frozenset()
    suspicion.note(CLOUDFLARE, failed=True, at=5)
    assert suspicion.suspects(0) == {CLOUDFLARE}


def test_failures_long_ago_or_many_answers_ago_do_not_count() -> None:
    """The latest ten, of the latest 30 seconds."""
    suspicion = Suspicion()
    for at in (0, 31, 62):
        suspicion.note(CLOUDFLARE, failed=True, at=at)
    for at in (0, 1):
        suspicion.note(AWS, failed=True, at=at)
    for at in range(2, 11):
        suspicion.note(AWS, failed=False, at=at)
    suspicion.note(AWS, failed=True, at=11)
    assert suspicion.suspects(0) == frozenset()


def test_a_state_that_was_read_since_ends_the_suspicion_until_it_fails_again() -> None:
    """The probe knows better; an origin that goes on failing is suspect again with its next failure."""
    suspicion = Suspicion()
    for at in (1, 2, 3):
        suspicion.note(CLOUDFLARE, failed=True, at=at)
    assert suspicion.suspects(state_read_at=2) == {CLOUDFLARE}
    assert suspicion.suspects(state_read_at=4) == frozenset()
    suspicion.note(CLOUDFLARE, failed=False, at=5)
    assert suspicion.suspects(state_read_at=4) == frozenset()
    suspicion.note(CLOUDFLARE, failed=True, at=6)
    assert suspicion.suspects(state_read_at=4) == {CLOUDFLARE}
