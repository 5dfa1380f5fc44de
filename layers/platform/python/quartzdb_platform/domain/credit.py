"""Credits of an organization: what a bill takes off before anybody pays. Money is whole micro-dollars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

REFERRAL_MICRO_DOLLARS = 10_000_000
"""To whoever refers, and to whoever is referred: ten dollars each."""
REFERRALS_CREDITED_MAX = 20
"""Of one organization: addresses are cheap to make, so that there has to be an end."""


@dataclass(frozen=True, slots=True)
class Credit:
    """`why` is a word that a bill can show."""

    id: str
    organization_id: str
    micro_dollars: int
    why: str
    created_at_ms: int


class Taken(NamedTuple):
    """What one bill takes of one credit."""

    credit_id: str
    why: str
    micro_dollars: int


def taken_off(credits: Sequence[Credit], taken_before: Mapping[str, int], amount: int) -> Sequence[Taken]:
    """What a bill of that amount takes, of the oldest credits first, and never more than it has to be paid.

    `taken_before`: by credit, what other bills took of it.
    """
    found = []
    for credit in sorted(credits, key=lambda one: (one.created_at_ms, one.id)):
        part = min(amount, credit.micro_dollars - taken_before.get(credit.id, 0))
        if part > 0:
            found.append(Taken(credit.id, credit.why, part))
            amount -= part
    return found


@dataclass(frozen=True, slots=True)
class Referral:
    """The code of an organization, and how often it was credited for it."""

    code: str
    organization_id: str
    credited: int = 0
