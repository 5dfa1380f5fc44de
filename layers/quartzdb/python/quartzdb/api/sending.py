"""Sending answers over ASGI: headers as bytes, and a large body in pieces.

So what a client does not read is held once, where it is counted, and an answer is done only when nearly all of it is
sent.
"""

from __future__ import annotations

from quartzdb.api.answer import Answer
from quartzdb.api.asgi import RawHeaders, Send

PIECE_BYTES = 64 * 1024
_WITHOUT_LENGTH = frozenset({204, 304})


def raw_headers(answer: Answer) -> RawHeaders:
    """The headers of an answer, with the length of its body and what it is."""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    own_length = bool(headers) and any(name == b"content-length" for name, _ in headers)
    if answer.content_type is not None:
        headers.append((b"content-type", answer.content_type.encode("latin-1")))
    if answer.status not in _WITHOUT_LENGTH and not own_length:
        headers.append((b"content-length", b"%d" % len(answer.body)))
    return headers


async def send_answer(answer: Answer, headers: RawHeaders, body: bytes, send: Send) -> None:
    """Send an answer with these headers; `body` is what of its own is sent, which for HEAD is nothing."""
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    size = len(body)
    for first in range(0, size - PIECE_BYTES, PIECE_BYTES):
        piece = body[first : first + PIECE_BYTES]
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    rest = body if size <= PIECE_BYTES else body[(size - 1) // PIECE_BYTES * PIECE_BYTES :]
    await send({"type": "http.response.body", "body": rest, "more_body": False})
