"""Mails about bills. Each says what happened, what follows when, and where to do something about it."""

from __future__ import annotations

from collections.abc import Mapping

from quartzdb_platform.ports import Mail

_TEXTS: Mapping[str, tuple[str, str]] = {
    "past_due": (
        "A payment for {organization} failed",
        """\
The card for {organization} could not be charged {amount}. Everything works as before, and it is tried again.

If it is not paid, nothing can be written from {read_only} on, and nothing answered from {suspended} on.
""",
    ),
    "grace": (
        "{organization} still owes {amount}",
        """\
{amount} of {organization} is still to be paid. Everything works as before until {read_only}: from then on nothing can
be written, and from {suspended} on nothing is answered.
""",
    ),
    "read_only": (
        "{organization} is read-only until {amount} is paid",
        """\
{amount} of {organization} was not paid. From now on its data can be read and exported, and not written. Nothing is
deleted. From {suspended} on nothing is answered any more.
""",
    ),
    "suspended": (
        "{organization} is suspended until {amount} is paid",
        """\
{amount} of {organization} was not paid. From now on the database answers nothing of it. Nothing is deleted, and
everything is as before within minutes of the payment.
""",
    ),
    "paid": (
        "{organization} is paid",
        """\
Nothing of {organization} is owed any more. Everything works as before, within minutes.
""",
    ),
    "trial_ends": (
        "The trial of {organization} ends on {trial_ends}",
        """\
On {trial_ends} the trial of {organization} ends, and the card is charged for the first month of the plan {plan}.
If you do not want that, cancel before.
""",
    ),
    "cancelling": (
        "The subscription of {organization} ends on {cancels}",
        """\
Until {cancels} the plan {plan} of {organization} goes on. Then the organization is on the plan Free. What it has more
of than that allows stays, and can be read and deleted; nothing can be written until there is room. It can be taken back
until then.
""",
    ),
    "ended": (
        "The subscription of {organization} has ended",
        """\
{organization} is on the plan Free now. What it has more of than that allows stays, and can be read and deleted; nothing
can be written until there is room, or a plan that has it.
""",
    ),
    "card_expires": (
        "The card for {organization} expires soon",
        """\
The card that ends in {last4}, which pays for {organization}, expires at the end of {card_ends}. Change it before, so
that no payment fails.
""",
    ),
}


def billing_letter(letter: str, to: str, values: Mapping[str, str], url: str) -> Mail:
    """`values`: organization, plan, amount, and the days that the text of the letter names."""
    subject, text = _TEXTS[letter]
    return Mail(to, subject.format_map(values), f"{text.format_map(values)}\nThe bill is here:\n\n  {url}\n")
