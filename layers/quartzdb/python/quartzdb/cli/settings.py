"""What a command takes from the environment beside its options: secrets, which no argument may be."""

from __future__ import annotations

import os
from collections.abc import Mapping

SECRET_VARIABLE = "QUARTZDB_ORIGIN_SECRET"  # noqa: S105 - the name of a variable


def given_origin_secret(environment: Mapping[str, str] = os.environ) -> str:
    """The secret that overrides are signed with, or nothing."""
    return environment.get(SECRET_VARIABLE, "")
