"""A mail as the standards have it: RFC 5322, text alone."""

from __future__ import annotations

from email import policy
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr

from quartzdb_platform.ports import Mail

OVER_SMTP = policy.SMTP
# A link is one line, however long, so that whoever reads the file can follow it.
IN_FILES = policy.SMTP.clone(max_line_length=998, cte_type="8bit", linesep="\n")


def message_of(mail: Mail, sender: str, at_ms: int, *, in_files: bool = False) -> EmailMessage:
    """With everything that a server asks for. Raises ValueError for a line break in a header."""
    message = EmailMessage(IN_FILES if in_files else OVER_SMTP)
    message["From"], message["To"], message["Subject"] = sender, mail.to, mail.subject
    message["Date"] = formatdate(at_ms / 1_000)
    if in_files:
        message.set_content(mail.text, cte="8bit")
    else:
        message["Message-ID"] = make_msgid(domain=parseaddr(sender)[1].rpartition("@")[2] or "localhost")
        # Nobody's holiday notice is an answer to these.
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text)
    return message
