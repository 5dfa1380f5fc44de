"""The mail about providers: whoever holds an account learns of each that may sign in to it."""

from __future__ import annotations

from quartzdb_platform.ports import Mail


def provider_linked(to: str, provider: str) -> Mail:
    """One may from now on."""
    return Mail(
        to,
        f"{provider} can sign you in to QuartzDB",
        f"""\
Somebody signs in to your QuartzDB account with {provider}, which says that this e-mail address is theirs. It can sign
you in from now on.

If that was not you, sign in with a code by mail, take {provider} away, and end all sessions but your own.
""",
    )
