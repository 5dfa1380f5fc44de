"""Which mails are due of an account: a pure decision, each once. How they read is `mail.billing_messages`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from quartzdb_platform.billing.account import Account
from quartzdb_platform.domain.billing import (
    CARD_WARNING_MS,
    IN_DEBT,
    TRIAL_WARNING_MS,
    BillingState,
    CustomerFacts,
)


class Letter(StrEnum):
    """What people are told."""

    PAST_DUE = "past_due"
    GRACE = "grace"
    READ_ONLY = "read_only"
    SUSPENDED = "suspended"
    PAID = "paid"
    TRIAL_ENDS = "trial_ends"
    CANCELLING = "cancelling"
    ENDED = "ended"
    CARD_EXPIRES = "card_expires"


class Due(NamedTuple):
    """What is to be mailed, and what was told after that."""

    letters: Sequence[Letter]
    told: Mapping[str, str]


def letters_due(before: Account | None, facts: CustomerFacts, state: BillingState, now_ms: int) -> Due:
    """Of what is, against what was told. Without anything before nobody is told anything: it is read anew, and was told
    when it happened.
    """
    told = dict(before.told) if before else {}
    letters: list[Letter] = []

    def say(letter: Letter, kind: str, about: str) -> None:
        if told.get(kind) != about:
            told[kind] = about
            letters.append(letter)

    subscription = facts.subscription
    if state in IN_DEBT:
        say(Letter(state.value), "debt", f"{facts.debts[0].invoice_id} {state.value}")
    elif before is not None and before.state in IN_DEBT:
        say(Letter.PAID, "debt", f"paid {before.facts.debts[0].invoice_id}")
    if before is not None and before.facts.subscription is not None and subscription is None:
        say(Letter.ENDED, "ended", before.facts.subscription.id)
    if subscription is not None:
        cancels, trial_ends = subscription.cancels_at_ms, subscription.trial_ends_ms
        if cancels is not None:
            say(Letter.CANCELLING, "cancelling", f"{subscription.id} {cancels}")
        else:
            told.pop("cancelling", None)  # who takes it back, and cancels again, is told again
        trial_is_over_soon = trial_ends is not None and 0 < trial_ends - now_ms <= TRIAL_WARNING_MS
        if state is BillingState.TRIALING and trial_is_over_soon:
            say(Letter.TRIAL_ENDS, "trial", subscription.id)
        card = facts.card
        if card is not None and card.ends_ms - now_ms <= CARD_WARNING_MS:
            say(Letter.CARD_EXPIRES, "card", f"{card.id} {card.expires_year}-{card.expires_month}")
    return Due(letters if before is not None else (), told)
