"""Bodies of answers as JSON can carry them: text as it is, everything else in base64, and neither beyond a limit."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

_TEXT = frozenset(
    {"application/json", "application/problem+json", "application/javascript", "application/xml"}
)
_ESCAPED_TIMES_MAX = 6
"""A control character becomes six in JSON: what no text can exceed when it is quoted."""


@dataclass(frozen=True, slots=True)
class ResponseBody:
    """`text` is what stands in the document; `encoded`: in base64."""

    text: str
    encoded: bool


def response_body(
    content: bytes, content_type: str, *, is_coded: bool, bytes_max: int
) -> ResponseBody | None:
    """The body as a string of at most `bytes_max` bytes in JSON; None where it takes more than that.

    `is_coded`: the content has a Content-Encoding, so that it is no text whatever its type says.
    """
    if not is_coded and _is_text(content_type):
        try:
            text = content.decode()
        except UnicodeDecodeError:
            pass  # called text by who stored it, and in another encoding than UTF-8
        else:
            if _quoted_bytes(text, content, bytes_max) <= bytes_max:
                return ResponseBody(text, False)
    if 4 * ((len(content) + 2) // 3) > bytes_max:
        return None
    return ResponseBody(base64.b64encode(content).decode("ascii"), True)


def _is_text(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind.startswith("text/") or kind in _TEXT or kind.endswith("+json")


def _quoted_bytes(text: str, content: bytes, bytes_max: int) -> int:
    if len(content) * _ESCAPED_TIMES_MAX <= bytes_max:
        return len(content)  # it fits, however much of it has to be escaped
    # As the runtime writes it: not ASCII only.
    return len(json.dumps(text, ensure_ascii=False).encode())
