"""The one way in which a build stops: a sentence that says what is wrong and what to do about it."""

from __future__ import annotations


class BuildFailed(Exception):
    """Raised with a message for whoever runs the build; shown without a traceback."""
