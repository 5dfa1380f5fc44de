"""The mark that all files of a data directory have: by it an older copy of one file is told from the file itself. Pure.

`database.json` and each SQLite file hold it, and it changes whenever a process opens the directory to write, and when a
server stops. So a file that was copied before and is put back later has another mark than the rest. No change is one
step, and a process may be killed between any two:

1. `database.json` says which mark comes next. Durable before the first file gets it.
2. The files get it, one by one, always in the same order, each durably.
3. `database.json` says that it is the mark.

Killed between the first and the last, the next process finds some first files with the next mark and the others with
the one before, and goes on from there. Anything else is no crash's doing.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping

from quartzdb.domain.values import dataclass

_TEXT = re.compile(r"(0|[1-9][0-9]{0,17})-([0-9a-f]{16})")


@dataclass(frozen=True, slots=True)
class Mark:
    """`number` counts, for people. `token` is of chance: two copies of one directory that both go on differ by it."""

    number: int
    token: str

    @staticmethod
    def parse(text: str) -> Mark:
        """The reverse of str(). Raises ValueError."""
        found = _TEXT.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no mark")
        return Mark(int(found[1]), found[2])

    @staticmethod
    def after(mark: Mark | None) -> Mark:
        """The next one: no other process comes to the same."""
        return Mark(mark.number + 1 if mark else 1, secrets.token_hex(8))

    def __str__(self) -> str:
        return f"{self.number}-{self.token}"


@dataclass(frozen=True, slots=True)
class Marks:
    """What `database.json` says. `mark` is None before the first one, `coming` while there is no change under way."""

    mark: Mark | None = None
    coming: Mark | None = None

    @staticmethod
    def above(marks: Iterable[Mark | None]) -> Marks:
        """On the way to a new one, from none of these."""
        return Marks(None, Mark.after(max(filter(None, marks), key=lambda mark: mark.number, default=None)))

    def begun(self) -> Marks:
        """With a change under way: the one that already is, or a new one."""
        if self.coming is not None:
            return self
        return Marks(self.mark, Mark.after(self.mark))

    def done(self) -> Marks:
        """Once all files have it."""
        return Marks(self.coming or self.mark)


def stranger(said: Marks, found: Mapping[str, Mark | None]) -> str | None:
    """What is wrong, for people, with files by name that have these marks; None where they belong together.

    The mapping is in the order in which marks are given.
    """
    if said.coming is None:
        wrong = [name for name, mark in found.items() if mark != said.mark]
    else:
        wrong = [name for name, mark in found.items() if mark not in (said.mark, said.coming)]
        # A file whose turn came before that of one which has the coming mark has it, too.
        given = [number for number, mark in enumerate(found.values()) if mark == said.coming]
        ahead = list(found)[: max(given, default=0)]
        wrong += [name for name in ahead if found[name] == said.mark]
    if not wrong:
        return None
    if len(wrong) == len(found) and len(set(found.values())) == 1:
        return (
            f"database.json is not as old as {' and '.join(found)}: it has {_named(said.mark)}, they have "
            + _named(found[wrong[0]])
        )
    name = wrong[0]
    return f"{name} is not as old as the other files: it has {_named(found[name])}, they have {_named(said.mark)}"


def _named(mark: Mark | None) -> str:
    return f"mark {mark}" if mark else "no mark"
