"""The mails about passkeys: whoever holds an account learns of each way into it, before it is there."""

from __future__ import annotations

from quartzdb_platform.ports import Mail


def passkey_added(to: str, name: str) -> Mail:
    """One comes."""
    return Mail(
        to,
        "A passkey is being added to your QuartzDB account",
        f"""\
A passkey is being added to your QuartzDB account: {name}

Whoever holds it can sign in as you. If that was not you, sign in, remove the passkey, and end all sessions but
your own.
""",
    )


def passkey_removed(to: str, name: str) -> Mail:
    """One goes."""
    return Mail(
        to,
        "A passkey is being removed from your QuartzDB account",
        f"""\
A passkey is being removed from your QuartzDB account: {name}

If that was not you, sign in, and end all sessions but your own.
""",
    )
