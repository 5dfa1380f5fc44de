"""Query strings: to text by name. Whoever repeats a parameter could mean either, so that is refused."""

from __future__ import annotations

from urllib.parse import parse_qsl

from quartzdb.domain.errors import InvalidArgument

_PARAMETERS_MAX = 32


def parse_query(query_string: bytes) -> dict[str, str]:
    """The parameters. Raises InvalidArgument."""
    if not query_string:
        return {}
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_PARAMETERS_MAX,
        )
    except ValueError as error:  # UnicodeDecodeError is one too
        raise InvalidArgument(
            "The query string does not decode to UTF-8 text, or has too many parameters.",
            hint=f"Percent-encode UTF-8; at most {_PARAMETERS_MAX} parameters.",
        ) from error
    parameters: dict[str, str] = {}
    for name, value in pairs:
        if name in parameters:
            raise InvalidArgument("The query parameter is given twice.", field=name[:80])
        parameters[name] = value
    return parameters
