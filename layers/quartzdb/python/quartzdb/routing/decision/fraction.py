"""Jitter without a source of randomness: a fraction that follows from what it is for, so that a decision repeats."""

from __future__ import annotations

import hashlib


def fraction_of(*parts: str | int) -> float:
    """From 0 up to but not 1, evenly spread over different parts, and always the same for the same ones."""
    digest = hashlib.sha256("\n".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:6]) / (1 << 48)
