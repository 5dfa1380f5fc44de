"""A source whose first lines are looked at before they are written: they tell the dimension of a new namespace."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from quartzdb.cli.failure import Failure
from quartzdb.cli.importing.source import BadLine, ImportLine, ImportSource, SourceRecord
from quartzdb.domain.errors import QuartzError
from quartzdb.domain.metadata import check_metadata
from quartzdb.domain.record import check_id


class BegunSource:
    """The same lines as the source's. What was looked at is not read again: a stream could not give it twice."""

    def __init__(self, source: ImportSource) -> None:
        self._source = source
        self._seen: list[ImportLine] = []
        self._rest: Iterator[ImportLine] | None = None

    @property
    def total(self) -> int | None:
        """The source's."""
        return self._source.total

    def dimension(self, *, skip_bad: bool) -> int:
        """That of the first record. Raises Failure where there is none, or a bad line before it that is not skipped."""
        self._rest = self._source.lines(0)
        for line in self._rest:
            self._seen.append(line)
            problem = _problem(line)
            if problem is None:
                return int(line.content.vector.size)
            if not skip_bad:
                raise refused(line, problem, "Nothing was written.")
        if not self._seen:
            raise Failure("There is no record in the file, so no dimension to create the namespace with.")
        first = self._seen[0]
        noun = first.noun.lower()
        raise Failure(
            f"None of the {len(self._seen):,} {noun}s is a record; {first.place.lower()}: {_problem(first)}"
        )

    def lines(self, after: int) -> Iterator[ImportLine]:
        """What follows the position; from the beginning where lines were looked at."""
        if self._rest is None:
            return self._source.lines(after)
        return chain(self._seen, self._rest)


def refused(line: ImportLine, bad: BadLine, written: str) -> Failure:
    """What ends an import at a bad line. `written` says what became of those before it."""
    noun = line.noun.lower()
    mend = f"Pass over such {noun}s (--skip-bad), or mend this one and import the file again: --restart"
    hints = [bad.hint, mend]
    return Failure(f"{line.place}: {bad.problem.rstrip('.')}. {written}", hint=" ".join(filter(None, hints)))


def _problem(line: ImportLine) -> BadLine | None:
    """What is wrong with a line whatever the namespace: one must not be created for a first line that cannot go in."""
    if isinstance(line.content, BadLine):
        return line.content
    if not isinstance(line.content, SourceRecord):
        return BadLine("it is no record")
    try:
        check_id(line.content.id)
        check_metadata(line.content.metadata)
    except QuartzError as error:
        return BadLine.of(error)
    return None
