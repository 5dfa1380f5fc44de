"""The package's loggers, which a function takes over when its telemetry is made."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loggers_given_back() -> Iterator[None]:
    """They are afterwards what they were before, so that the next test hears its own lines."""
    package = logging.getLogger("quartzdb")
    handlers, propagate, level = list(package.handlers), package.propagate, package.level
    try:
        yield
    finally:
        package.handlers, package.propagate = handlers, propagate
        package.setLevel(level)
