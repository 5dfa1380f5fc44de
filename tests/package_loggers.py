"""The package's loggers, which a function takes over when its telemetry is made."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_TAKEN_OVER = ("quartzdb", "quartzdb.access", "quartzdb.audit", "quartzdb_platform")


@contextmanager
def loggers_given_back() -> Iterator[None]:
    """They are afterwards what they were before, so that the next test hears its own lines."""
    loggers = [logging.getLogger(name) for name in _TAKEN_OVER]
    before = [(list(one.handlers), one.propagate, one.level) for one in loggers]
    try:
        yield
    finally:
        for one, (handlers, propagate, level) in zip(loggers, before, strict=True):
            one.handlers, one.propagate = handlers, propagate
            one.setLevel(level)
