"""Credits of an organization: what a bill takes off before anybody pays. Money is whole micro-dollars."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Referral:
    """The code of an organization, and how often it was credited for it."""

    code: str
    organization_id: str
    credited: int = 0
