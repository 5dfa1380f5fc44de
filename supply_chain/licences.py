"""The licences of all that is installed at run time: `python -m supply_chain.licences` writes docs/licences.md.

With `--check` it writes nothing, and fails where that page is out of date or a licence is not allowed.
What a package says of itself is read from its installed metadata; nothing is fetched.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.txt"
PAGE = ROOT / "docs" / "licences.md"

ALLOWED = {
    "0BSD": "",
    "Apache-2.0": "",
    "BSD-2-Clause": "",
    "BSD-3-Clause": "",
    "CC0-1.0": "",
    "MIT": "",
    "MIT-0": "",
    "MPL-2.0": "changes to its own files must be published; nothing is changed here",
    "PSF-2.0": "",
    "Zlib": "",
    "any-OSI": "whichever licence of the Open Source Initiative one likes",
}
"""SPDX names, and what is to be heeded. Each asks to be kept with copies: wheels and layers have the licence files."""
_SPELLINGS = {
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""How packages call them that do not use SPDX names."""
_OPERATORS = {"AND", "OR", "WITH"}


@dataclass(frozen=True, slots=True)
class Package:
    """A locked package that is installed, and by which expression it says what its licence is; empty if it does not."""

    name: str
    version: str
    licence: str

    @property
    def refused(self) -> set[str]:
        """The licences in it that are not allowed: all must be, whether it says AND or OR."""
        names = set(re.findall(r"[\w.+-]+", self.licence)) - _OPERATORS
        return names - ALLOWED.keys() if names else {"unknown"}


def installed() -> Iterator[Package]:
    """What the lock names, without what is for other systems."""
    for name, version in re.findall(r"^([\w.-]+)==([^\s;\\]+)", LOCK.read_text(), flags=re.MULTILINE):
        try:
            yield Package(name, version, _licence_of(name))
        except PackageNotFoundError:
            continue


def _licence_of(name: str) -> str:
    found = metadata(name)
    if expressions := found.get_all("License-Expression"):
        return str(expressions[0])
    # Some have the whole text there: then its first line is its name.
    called = str((found.get_all("License") or [""])[0]).strip().partition("\n")[0].strip()
    called = _SPELLINGS.get(called, called)
    if called and not Package(name, "", called).refused:
        return called
    classified = [
        kind.rpartition(" :: ")[2]
        for kind in found.get_all("Classifier") or []
        if kind.startswith("License :: ")
    ]
    return " OR ".join(_SPELLINGS.get(kind, kind) for kind in classified) or called


def page(packages: list[Package]) -> str:
    """The page, in Markdown."""
    rows = "\n".join(f"| {package.name} | {package.version} | {package.licence} |" for package in packages)
    heeded = "\n".join(f"- **{name}**: {what}." for name, what in ALLOWED.items() if what)
    return (
        "# Licences\n\n"
        "What is installed at run time (`requirements.txt`, on Linux), and under which licence its authors give it. "
        "Written by\n`make licences`; `make lint` fails where a licence comes in that is not allowed "
        "([how that is decided](supply-chain.md#licences)).\n\n"
        f"| Package | Version | Licence |\n|---|---|---|\n{rows}\n\nTo be heeded:\n\n{heeded}\n"
    )


def main() -> int:
    """The exit status: 1 where something has to be done."""
    packages = list(installed())
    refused = [package for package in packages if package.refused]
    for package in refused:
        print(
            f"{package.name} {package.version} is under {package.licence!r}, which is not allowed. "
            "Use another package, or, if its terms can be kept, add it to supply_chain/licences.py."
        )
    if "--check" not in sys.argv:
        PAGE.write_text(page(packages))
    elif not PAGE.exists() or not _agrees(PAGE.read_text(), packages):
        print(f"{PAGE.relative_to(ROOT)} is out of date: make licences")
        return 1
    return 1 if refused else 0


def _agrees(written: str, packages: list[Package]) -> bool:
    """Whether each package has its line. Which are installed depends on Python: more lines are no harm."""
    lines = set(written.splitlines())
    return all(f"| {package.name} | {package.version} | {package.licence} |" in lines for package in packages)


if __name__ == "__main__":
    sys.exit(main())
