"""Request bodies: read within a limit while they stream in, and decompressed within the same limit.

A body over the limit is refused as soon as that is known, and not read any further.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from quartzdb.api.asgi import Receive
from quartzdb.api.at_once import within_time
from quartzdb.api.refusals import BodyTimeout, BodyTooLarge, InvalidBody, UnsupportedMediaType
from quartzdb.api.request_headers import RequestHeaders
from quartzdb.api.shares import Share
from quartzdb.domain.clock import Clock

_GZIP_MEMBERS_MAX = 16
"""A gzip body may be several files one after the other; each costs a fresh decompressor."""
_LENGTH_DIGITS_MAX = 18
_AT_ONCE = 1 << 16


class Bodies:
    """Reads bodies, each at least as fast as it has to come. One event loop calls it."""

    def __init__(
        self,
        clock: Clock,
        *,
        idle_seconds_max: float,
        seconds_max: float,
        bytes_per_second_min: int,
    ) -> None:
        self._clock = clock
        self._idle_seconds_max = idle_seconds_max
        self._seconds_max = seconds_max
        self._bytes_per_second_min = bytes_per_second_min

    async def read(self, receive: Receive, headers: RequestHeaders, limit: int, share: Share) -> bytes:
        """The body as it was sent, held in the request's share.

        Raises BodyTooLarge, BodyTimeout, InvalidBody, Overloaded, UnsupportedMediaType.
        """
        _check_encoding(headers)
        declared = headers.get("content-length", "")
        if declared.isdecimal() and (len(declared) > _LENGTH_DIGITS_MAX or int(declared) > limit):
            raise BodyTooLarge(limit)
        begun, left = self._clock.monotonic(), self._seconds_max
        chunks: list[bytes] = []
        size = 0
        while True:
            chunk, more = await self._receive(receive, left)
            size += len(chunk)
            if size > limit:
                raise BodyTooLarge(limit)
            share.hold(len(chunk))
            chunks.append(chunk)
            if not more:
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)
            seconds = self._seconds_max + size / self._bytes_per_second_min
            left = begun + seconds - self._clock.monotonic()

    async def _receive(self, receive: Receive, left: float) -> tuple[bytes, bool]:
        if left <= 0:
            raise self._too_slow()
        try:
            message = await within_time(receive(), min(left, self._idle_seconds_max))
        except TimeoutError as error:
            if left < self._idle_seconds_max:
                raise self._too_slow() from error
            raise BodyTimeout(
                f"Nothing more of the body came for {self._idle_seconds_max:g} s.",
                hint="Send it without a pause.",
            ) from error
        if message["type"] != "http.request":
            raise InvalidBody("The connection ended within the request body.")
        return message.get("body", b""), message.get("more_body", False)

    def _too_slow(self) -> BodyTimeout:
        return BodyTimeout(
            f"The body came too slowly: it has {self._seconds_max:g} s, and one more for every "
            f"{self._bytes_per_second_min} bytes that have come.",
            hint="Send it faster, or in smaller requests.",
        )


def is_compressed(headers: RequestHeaders) -> bool:
    """Whether the body has to be inflated."""
    return headers.get("content-encoding", "").strip().lower() in {"gzip", "x-gzip"}


def inflate(data: bytes, limit: int, share: Share) -> bytes:
    """The content of a gzip body, held in the request's share while it grows, and never more than the limit of it.

    Raises BodyTooLarge, InvalidBody, Overloaded.
    """
    source, position = memoryview(data), 0
    inflated = bytearray()
    for _ in range(_GZIP_MEMBERS_MAX):
        member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        while not member.eof:
            given: bytes | memoryview = source[position : position + _AT_ONCE]
            if not given:
                raise InvalidBody("The gzip body is cut short.", hint="Send all of it, with its trailer.")
            position += len(given)
            for piece in _pieces(member, given):
                if len(inflated) + len(piece) > limit:
                    raise BodyTooLarge(limit)
                share.hold(len(piece))
                inflated += piece
        position -= len(member.unused_data)
        if position == len(source):
            return bytes(inflated)
    raise InvalidBody(
        f"The gzip body has more than {_GZIP_MEMBERS_MAX} members.", hint="Compress it as one stream."
    )


def _pieces(member: zlib._Decompress, given: bytes | memoryview) -> Iterator[bytes]:
    """What some of a member inflates to, in pieces of _AT_ONCE at most."""
    while True:
        try:
            piece = member.decompress(given, _AT_ONCE)
        except zlib.error as error:
            raise InvalidBody("The body is not gzip, as its Content-Encoding says.") from error
        yield piece
        given = member.unconsumed_tail
        if member.eof or (not given and len(piece) < _AT_ONCE):
            return


def _check_encoding(headers: RequestHeaders) -> None:
    encoding = headers.get("content-encoding", "").strip()
    if encoding and encoding.lower() != "identity" and not is_compressed(headers):
        raise UnsupportedMediaType(
            f"A body with Content-Encoding {encoding[:80]!r} is not read.",
            field="Content-Encoding",
            hint="Use gzip, or send it as it is.",
        )
