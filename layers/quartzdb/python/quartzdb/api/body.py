"""Request bodies: read within a limit while they stream in, and decompressed within the same limit.

A body over the limit is refused as soon as that is known, and not read any further.
"""

from __future__ import annotations

import asyncio
import zlib

from starlette.datastructures import Headers
from starlette.types import Receive

from quartzdb.api.refusals import BodyTimeout, BodyTooLarge, InvalidBody, Overloaded, UnsupportedMediaType

_GZIP_MEMBERS_MAX = 16
"""A gzip body may be several files one after the other; each costs a fresh decompressor."""
_LENGTH_DIGITS_MAX = 18


class Bodies:
    """Reads bodies, and counts what all of them hold in memory. One event loop calls it."""

    def __init__(self, *, bytes_max: int, idle_seconds_max: float) -> None:
        self._bytes_max = bytes_max
        self._idle_seconds_max = idle_seconds_max
        self._held = 0

    async def read(self, receive: Receive, headers: Headers, limit: int) -> bytes:
        """The body as it was sent. The caller gives it back with `release`, whatever happens to the request.

        Raises BodyTooLarge, BodyTimeout, InvalidBody, Overloaded, UnsupportedMediaType.
        """
        _check_encoding(headers)
        declared = headers.get("content-length", "")
        if declared.isdecimal() and (len(declared) > _LENGTH_DIGITS_MAX or int(declared) > limit):
            raise BodyTooLarge(limit)
        chunks: list[bytes] = []
        size = 0
        try:
            while True:
                chunk, more = await self._receive(receive)
                size += len(chunk)
                self._held += len(chunk)
                if size > limit:
                    raise BodyTooLarge(limit)
                if self._held > self._bytes_max:
                    raise Overloaded("Too many large requests are under way.", hint="Try again in a moment.")
                chunks.append(chunk)
                if not more:
                    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
        except BaseException:
            self._held -= size
            raise

    def release(self, body: bytes) -> None:
        """The body is not needed any more."""
        self._held -= len(body)

    async def _receive(self, receive: Receive) -> tuple[bytes, bool]:
        try:
            async with asyncio.timeout(self._idle_seconds_max):
                message = await receive()
        except TimeoutError as error:
            raise BodyTimeout(
                f"Nothing more of the body came for {self._idle_seconds_max:g} s.",
                hint="Send it without a pause.",
            ) from error
        if message["type"] != "http.request":
            raise InvalidBody("The connection ended within the request body.")
        return message.get("body", b""), message.get("more_body", False)


def is_compressed(headers: Headers) -> bool:
    """Whether the body has to be inflated."""
    return headers.get("content-encoding", "").strip().lower() in {"gzip", "x-gzip"}


def inflate(data: bytes, limit: int) -> bytes:
    """The content of a gzip body. Never holds more than the limit, however much is in it.

    Raises BodyTooLarge, InvalidBody.
    """
    inflated = bytearray()
    for _ in range(_GZIP_MEMBERS_MAX):
        member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            inflated += member.decompress(data, limit - len(inflated) + 1)
        except zlib.error as error:
            raise InvalidBody("The body is not gzip, as its Content-Encoding says.") from error
        if len(inflated) > limit:
            raise BodyTooLarge(limit)
        if not member.eof:
            raise InvalidBody("The gzip body is cut short.", hint="Send all of it, with its trailer.")
        data = member.unused_data
        if not data:
            return bytes(inflated)
    raise InvalidBody(
        f"The gzip body has more than {_GZIP_MEMBERS_MAX} members.", hint="Compress it as one stream."
    )


def _check_encoding(headers: Headers) -> None:
    encoding = headers.get("content-encoding", "").strip()
    if encoding and encoding.lower() != "identity" and not is_compressed(headers):
        raise UnsupportedMediaType(
            f"A body with Content-Encoding {encoding[:80]!r} is not read.",
            field="Content-Encoding",
            hint="Use gzip, or send it as it is.",
        )
