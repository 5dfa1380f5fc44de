"""Redoc, which shows the API: from npm's package, checked by its hash, and without its one image of another host.

`python -m docsite.vendored` takes it again. The many packages that it needs are inside its one file, so nothing else is
installed.
"""

from __future__ import annotations

import base64
import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from docsite.sources import ROOT

VERSION = "2.5.4"
INTEGRITY = "sha512-M6jWhG1qoBnH6TFmzJnstyCZ87HmOY/UzDm78mHiYihEdlV/YcS9ogOo1NlElnJMeLsyxHFe2yFc4sNjHTrABQ=="
"""Of the package, as npm's registry has it."""
FOLDER = ROOT / "layers/quartzdb/python/quartzdb/cli/serve/reference"
SHA256 = "e3d4361ba4ecdba1fad6ff3c627ef1e2563d78c02fbadb8e38572accac6a2acc"
"""Of the file as it is here."""
_FILES = {
    "package/bundles/redoc.standalone.js": "redoc.standalone.js",
    "package/bundles/redoc.standalone.js.LICENSE.txt": "redoc.standalone.js.LICENSE.txt",
    "package/LICENSE": "redoc.LICENSE.txt",
}
_IMAGE = b"https://cdn.redoc.ly/redoc/logo-mini.svg"


class Refused(Exception):
    """The package is not the one that was looked at."""


def take(package: bytes, folder: Path = FOLDER) -> None:
    """Write the files of a package (a tarball) that are needed. Raises Refused, and then writes none."""
    found = f"sha512-{base64.b64encode(hashlib.sha512(package).digest()).decode()}"
    if found != INTEGRITY:
        raise Refused(f"The package of Redoc {VERSION} has the hash {found}, and not {INTEGRITY}.")
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        for inside, name in _FILES.items():
            content = archive.extractfile(inside)
            if content is None:
                raise Refused(f"The package has no {inside}.")
            (folder / name).write_bytes(content.read().replace(_IMAGE, b"data:,"))


def main() -> int:
    """The exit status."""
    with tempfile.TemporaryDirectory() as work:
        asked = [
            "npm",
            "pack",
            f"redoc@{VERSION}",
            "--silent",
            "--ignore-scripts",
            "--pack-destination",
            work,
        ]
        subprocess.run(asked, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - npm, by fixed words
        (package,) = Path(work).glob("*.tgz")
        take(package.read_bytes())
    return 0


if __name__ == "__main__":
    sys.exit(main())
