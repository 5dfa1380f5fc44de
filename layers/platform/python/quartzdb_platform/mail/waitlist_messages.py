"""The mails of the waiting list. Only they say how an address stands."""

from __future__ import annotations

from quartzdb_platform.ports import Mail


def confirm(to: str, link: str, hours: int) -> Mail:
    """Prove the address."""
    return Mail(
        to,
        "Confirm that you want to try QuartzDB",
        f"""\
Somebody, you most likely, wants to try QuartzDB with this e-mail address. Confirm it here:

  {link}

The link works for {hours} hours. If it was not you, do nothing, and the address is forgotten.
""",
    )


def waiting(to: str) -> Mail:
    """Asked again."""
    return Mail(
        to,
        "You are on QuartzDB's waiting list",
        """\
You are on the waiting list already, and keep your place. A mail tells you when it is your turn.
""",
    )


def welcome(to: str, sign_in: str) -> Mail:
    """Nothing to wait for."""
    return Mail(
        to,
        "You can sign in to QuartzDB",
        f"""\
You need not wait: sign in with this e-mail address.

  {sign_in}

If you did not ask for this, do nothing.
""",
    )


def invited(to: str, sign_in: str, days: int) -> Mail:
    """The turn has come."""
    return Mail(
        to,
        "Your QuartzDB account is ready",
        f"""\
It is your turn. Sign in with this e-mail address, which makes your account:

  {sign_in}

You have {days} days. After that, ask again, and you keep no place.
""",
    )


def by_invitation(to: str, join: str) -> Mail:
    """Instead of a code."""
    return Mail(
        to,
        "QuartzDB accounts are by invitation for now",
        f"""\
Somebody, you most likely, wants to sign in to QuartzDB with this e-mail address. It has no account, and accounts are by
invitation for now. Join the waiting list here:

  {join}

If it was not you, do nothing.
""",
    )
