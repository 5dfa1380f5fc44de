"""Headers that carry secrets: what cannot be sent is found before anything tells the value."""

from __future__ import annotations

from collections.abc import Mapping

from quartzdb.domain.errors import Unavailable


def sendable(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers. Raises Unavailable, which has no value in it: a secret that was set wrong may be set right."""
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()):
            raise Unavailable(
                f"The value of the header {name} has a line break, or a character that is not ASCII.",
                hint="Set the secret or key that it is made of right, at both sites.",
            )
    return headers
