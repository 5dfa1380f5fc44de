"""What a failure tells once a part of a write may have been made: that nobody knows, never that nothing was changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from quartzdb.domain.errors import OutcomeUnknown, Unavailable


@contextmanager
def once_written(written: bool = True) -> Iterator[None]:
    """Raise OutcomeUnknown in the place of Unavailable, where `written`: something before this may have been stored."""
    try:
        yield
    except OutcomeUnknown:
        raise
    except Unavailable as error:
        if not written:
            raise
        raise OutcomeUnknown(
            f"{error.message} A part of the write may have been made.",
            hint="Send it again: it will not be applied twice.",
        ) from error
