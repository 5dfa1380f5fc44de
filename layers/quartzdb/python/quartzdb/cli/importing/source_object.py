"""The bytes that an import reads of an object of S3: by ranges, so that a long import needs no lasting connection."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO

from quartzdb.cli.importing.source_file import format_of, unpacked
from quartzdb.cli.s3_url import S3Url
from quartzdb.domain.values import dataclass

if TYPE_CHECKING:
    from quartzdb.wiring.s3_objects import ObjectState, S3Object, S3ObjectReader

_READ_BYTES = 8 * 1024 * 1024
"""In memory at a time, where it is read from one end to the other."""


@dataclass(frozen=True)
class SourceObject:
    """As it was when it was first asked for: one that is replaced meanwhile is a Conflict, never a mixture."""

    url: S3Url
    is_stream: bool = False

    @property
    def name(self) -> str:
        """The URL."""
        return str(self.url)

    @property
    def suffix(self) -> str:
        """Of the key."""
        dot = self.url.name.rfind(".")
        return self.url.name[dot:].lower() if dot > 0 else ""

    @property
    def format(self) -> str | None:
        """By the end of the key."""
        return format_of(self.url.name)

    @property
    def place(self) -> str:
        """The URL."""
        return str(self.url)

    def state(self) -> dict[str, Any]:
        """Size and ETag. Raises NotFound, Forbidden, Unavailable."""
        return self._known._asdict()

    @contextmanager
    def open_bytes(self) -> Iterator[BinaryIO]:
        """Each read is a request."""
        with self._reader() as reader:
            yield reader  # type: ignore[misc]  # a BinaryIO in all but its type stub

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """In pieces of 8 MiB."""
        with io.BufferedReader(self._reader(), _READ_BYTES) as opened, unpacked(opened, self.name) as text:
            yield text

    def _reader(self) -> S3ObjectReader:
        from quartzdb.wiring.s3_objects import S3ObjectReader

        return S3ObjectReader(self._object, self._known)

    @cached_property
    def _object(self) -> S3Object:
        return self.url.object()

    @cached_property
    def _known(self) -> ObjectState:
        return self._object.state()
