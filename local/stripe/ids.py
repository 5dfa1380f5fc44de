"""Ids as Stripe makes them: what it is, and some letters and digits. With a seed they repeat."""

from __future__ import annotations

import random
import string

_LETTERS = string.ascii_letters + string.digits


class Ids:
    """`seed` None: of the operating system's randomness."""

    def __init__(self, seed: int | None = None) -> None:
        self._random: random.Random = random.SystemRandom() if seed is None else random.Random(seed)

    def new(self, prefix: str, length: int = 14) -> str:
        """`cus_` and 14 letters."""
        return f"{prefix}_{self.text(length)}"

    def text(self, length: int) -> str:
        """Letters and digits."""
        return "".join(self._random.choices(_LETTERS, k=length))
