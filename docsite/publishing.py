"""`python -m docsite.publishing BUCKET`: put a built site where CloudFront shows it, below the version that it is of.

Other versions stay. Every file has its type, and pages are asked for again after minutes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from docsite.sources import ROOT
from quartzdb.cli.serve.site import TYPES as SHOWN

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

TYPES = {
    **SHOWN,
    ".py": "text/x-python; charset=utf-8",
    ".sql": "text/plain; charset=utf-8",
}
_CACHED = "public, max-age=300"


class NotPublishable(Exception):
    """The folder is no built site, or has a kind of file that nobody said how to serve."""


def publish(s3: S3Client, bucket: str, site: Path) -> int:
    """Put all files, pages last, so that what they load is there before them. How many; raises NotPublishable."""
    if not (site / "versions.json").is_file():
        raise NotPublishable(f"{site} is no built site: run `make docs` first.")
    version = json.loads((site / "versions.json").read_text())[0]["version"]
    files = sorted(_files(site), key=lambda file: (file.suffix == ".html", file))
    if unknown := sorted({file.suffix for file in files} - set(TYPES)):
        raise NotPublishable(f"Nobody said how files with these endings are served: {', '.join(unknown)}")
    for file in files:
        s3.put_object(
            Bucket=bucket,
            Key=f"{version}/{file.relative_to(site)}",
            Body=file.read_bytes(),
            ContentType=TYPES[file.suffix],
            CacheControl=_CACHED,
        )
    return len(files)


def _files(site: Path) -> Iterator[Path]:
    return (file for file in site.rglob("*") if file.is_file() and not file.name.startswith("."))


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m docsite.publishing", description="Publish the built site."
    )
    parser.add_argument("bucket", help="the stack's output DocsBucket")
    parser.add_argument("--site", type=Path, default=ROOT / "build/site", help="default: build/site")
    arguments = parser.parse_args()
    import boto3

    try:
        count = publish(boto3.client("s3"), arguments.bucket, arguments.site)
    except NotPublishable as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command
        return 1
    print(f"{count} files are in {arguments.bucket}.")  # noqa: T201 - a command
    return 0


if __name__ == "__main__":
    sys.exit(main())
