"""Files that commands read and write: of this machine, or objects of S3 by their URL."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click

from quartzdb.domain.values import dataclass

if TYPE_CHECKING:
    from quartzdb.wiring.s3_objects import S3Object

_SCHEME = "s3://"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]|arn:[^/]+(/[^/]+)?")
"""A name, or the ARN of an access point."""
_KEY_BYTES_MAX = 1024


@dataclass(frozen=True, slots=True)
class S3Url:
    """s3://BUCKET/KEY. Credentials, region and endpoint are those of AWS's own settings."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{_SCHEME}{self.bucket}/{self.key}"

    @property
    def name(self) -> str:
        """The last part of the key."""
        return PurePosixPath(self.key).name

    def object(self) -> S3Object:
        """Raises Unavailable where no client can be made."""
        # Imported only now: botocore costs a tenth of a second.
        from quartzdb.wiring.s3_objects import s3_object

        return s3_object(self.bucket, self.key)


class FileOrObject(click.ParamType["Path | S3Url"]):
    """A path, as `path` checks it, or a URL of S3."""

    name = "file"

    def __init__(self, path: click.Path) -> None:
        self._path = path

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path | S3Url:
        """Nothing is asked of S3 yet."""
        if isinstance(value, S3Url):
            return value
        text = str(value)
        if not text.lower().startswith(_SCHEME):
            return Path(str(self._path.convert(text, param, ctx)))
        bucket, _, key = text[len(_SCHEME) :].partition("/")
        if bucket.startswith("arn:"):
            point, _, key = key.partition("/")
            bucket = f"{bucket}/{point}"
        if (
            not _BUCKET.fullmatch(bucket)
            or not key
            or len(key.encode()) > _KEY_BYTES_MAX
            or key.endswith("/")
        ):
            self.fail(f"{text!r} is no object of S3. Write s3://BUCKET/KEY.", param, ctx)
        return S3Url(bucket, key)
