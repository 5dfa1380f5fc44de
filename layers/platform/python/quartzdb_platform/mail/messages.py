"""The mails that the platform sends, in plain words. A code is the only number of six to eight digits in its mail."""

from __future__ import annotations

from quartzdb_platform.ports import Mail


def sign_in(to: str, code: str, link: str, minutes: int) -> Mail:
    """Whoever has this mailbox may sign in."""
    return Mail(
        to,
        f"{code} is your QuartzDB code",
        f"""\
Your code to sign in to QuartzDB:

  {code}

Or open this link in the browser in which you asked for it:

  {link}

Both work once, within {minutes} minutes. If you did not ask for this, do nothing: nobody gets in without this mail.
""",
    )


def invitation(to: str, organization: str, inviter: str, role: str, link: str, days: int) -> Mail:
    """A seat in an organization."""
    return Mail(
        to,
        f"{inviter} invites you to {organization} on QuartzDB",
        f"""\
{inviter} invites you to join {organization} on QuartzDB, as {role}.

Sign in with this e-mail address and accept here:

  {link}

The invitation ends in {days} days. If you do not know who this is, do nothing.
""",
    )


def leak(to: str, organization: str, what: str, url: str) -> Mail:
    """A key or a token was published, and has ended."""
    where = f"It was found here:\n\n  {url}\n" if url else "Where it was found was not said.\n"
    return Mail(
        to,
        f"A secret of {organization} was published, and has been revoked",
        f"""\
{what} was published for anybody to read, so it was revoked.

{where}
What it was used for is in the audit log of {organization}. Look there, and at the keys that were made with it; then
make a new one, and take the old one out of where it was found.
""",
    )
