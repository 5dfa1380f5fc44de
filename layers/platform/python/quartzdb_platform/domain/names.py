"""Names that people give, and e-mail addresses."""

from __future__ import annotations

import re

from quartzdb.domain.errors import InvalidArgument

NAME_CHARACTERS_MAX = 80
EMAIL_CHARACTERS_MAX = 254
_EMAIL = re.compile(
    r"^[^@\s\x00-\x1f\x7f,;<>\"()\[\]\\]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{1,62}$"
)


def checked_name(name: str, field: str = "name") -> str:
    """The name without spaces around it. Raises InvalidArgument."""
    name = name.strip()
    if not 1 <= len(name) <= NAME_CHARACTERS_MAX or not name.isprintable():
        raise InvalidArgument(f"A name has 1 to {NAME_CHARACTERS_MAX} printable characters.", field=field)
    return name


def checked_email(email: str) -> str:
    """The address in the form by which an account is found: lower case, the domain in ASCII. Raises InvalidArgument.

    Case before the @ could matter, and with no provider does: two accounts that differ in it would be a trap.
    """
    email = email.strip().lower()
    local, at, domain = email.rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode() if at else ""
    except UnicodeError:
        ascii_domain = ""
    address = f"{local}@{ascii_domain}"
    if len(address) > EMAIL_CHARACTERS_MAX or _EMAIL.fullmatch(address) is None:
        raise InvalidArgument(
            "This is not an e-mail address.", field="email", hint="It looks like name@example.com."
        )
    return address
