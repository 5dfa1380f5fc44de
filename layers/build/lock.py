"""Reads a lock file as blocks: a pinned name and the lines with its hashes."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ \\;]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Locked:
    """One locked package. `block` is its part of the file, which pip and uv read."""

    name: str
    version: str
    block: str

    @property
    def hashes(self) -> frozenset[str]:
        """SHA-256 of every file of this version that may be installed."""
        return frozenset(_HASH.findall(self.block))


def read_lock(text: str) -> dict[str, Locked]:
    """The packages of a lock file by their normalised name."""
    blocks: list[list[str]] = []
    for line in text.splitlines():
        if _PIN.match(line):
            blocks.append([line])
        elif blocks and line.startswith(" "):
            blocks[-1].append(line)
    packages = {}
    for block in blocks:
        pin = _PIN.match(block[0])
        assert pin is not None
        name = re.sub(r"[-_.]+", "-", pin[1]).lower()
        packages[name] = Locked(name, pin[2], "\n".join(block) + "\n")
    return packages
