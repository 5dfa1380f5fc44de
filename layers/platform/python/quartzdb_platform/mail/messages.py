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
    where = _found(url)
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


def leaked_session(to: str, url: str) -> Mail:
    """What signs somebody in was published, and has ended."""
    return Mail(
        to,
        "A sign-in of yours was published, and has been ended",
        f"""\
What keeps you signed in to QuartzDB was published for anybody to read, so that sign-in was ended.

{_found(url)}
Sign in again, look at what was done in the audit logs of your organizations, and take the old one out of where it was
found.
""",
    )


def _found(url: str) -> str:
    return f"It was found here:\n\n  {url}\n" if url else "Where it was found was not said.\n"


def deletion_requested(to: str, organization: str, until: str) -> Mail:
    """An owner asked for the end of an organization."""
    return Mail(
        to,
        f"{organization} will be deleted",
        f"""\
An owner of {organization} has asked for its deletion. It comes at

  {until}

and cannot be undone then. Until that time everything can be read and exported, nothing can be changed, and any owner
can call it off in the settings of {organization}.

If you do not expect this, sign in and call it off now.
""",
    )


def deletion_cancelled(to: str, organization: str) -> Mail:
    """An owner called the end of an organization off."""
    return Mail(
        to,
        f"{organization} will not be deleted",
        f"An owner of {organization} has called its deletion off. Everything is as before.\n",
    )


def deleted(to: str, organization: str, certificate: str) -> Mail:
    """The end of an organization."""
    return Mail(
        to,
        f"{organization} has been deleted",
        f"""\
{organization} has been deleted, with everything that was in it. This says what is gone, and what remains until when:

{certificate}

`head` is the hash of the last event of its audit log. Keep it beside an export of that log, and anybody can see that
the export is whole.
""",
    )


def project_deletion_requested(to: str, project: str, until: str) -> Mail:
    """An owner asked for the end of a project."""
    return Mail(
        to,
        f"The project {project} will be deleted",
        f"""\
An owner has asked for the deletion of the project {project}. It comes at

  {until}

and cannot be undone then. Until that time its data can be read and exported, nothing can be changed, and any owner can
call it off in the settings of the project.

If you do not expect this, sign in and call it off now.
""",
    )


def project_deletion_cancelled(to: str, project: str) -> Mail:
    """An owner called the end of a project off."""
    return Mail(
        to,
        f"The project {project} will not be deleted",
        f"An owner has called the deletion of the project {project} off. Everything is as before.\n",
    )


def project_deleted(to: str, project: str, certificate: str) -> Mail:
    """The end of a project."""
    return Mail(
        to,
        f"The project {project} has been deleted",
        f"""\
The project {project} has been deleted, with everything that was in it. This says what is gone, and what remains until
when:

{certificate}

The audit log of the organization says so, too.
""",
    )
