"""The platform's own settings, as a deployment hands them to its functions: the text of a file of TOML.

What may stand in it is docs/platform.md's; here only what a deployment has to know of it is read.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdk.settings import InvalidSetting

BYTES_MAX = 2_048
"""All variables of a function together may have 4 KB."""
_SECRET = re.compile(r"arn:aws:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]+")
_SECRETS_MAX = 20


@dataclass(frozen=True, slots=True)
class PlatformDocument:
    """`secret_arns`: secrets that it names, which functions have to read."""

    text: str = ""
    secret_arns: tuple[str, ...] = ()


def read_document(path: str | None) -> PlatformDocument:
    """None: no file, and nothing but what suits everybody. Raises InvalidSetting."""
    if path is None:
        return PlatformDocument()
    name = "platform_settings"
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeError) as error:
        raise InvalidSetting(f"{name} is {path!r}, which cannot be read.") from error
    if len(text.encode()) > BYTES_MAX:
        raise InvalidSetting(f"{name} is {path!r}, which has more than {BYTES_MAX:,} bytes.")
    try:
        document = tomllib.loads(text)
    except ValueError as error:
        raise InvalidSetting(f"{name} is {path!r}, which is no TOML: {error}.") from error
    return PlatformDocument(text, tuple(_secrets(document.get("providers", []))))


def _secrets(providers: Any) -> Sequence[str]:
    if not isinstance(providers, list) or not all(isinstance(one, dict) for one in providers):
        raise InvalidSetting("platform_settings: providers are tables, each beginning with [[providers]].")
    if any("client_secret_file" in one for one in providers):
        raise InvalidSetting(
            "platform_settings: a function has no client_secret_file; use client_secret_arn."
        )
    found = sorted({one["client_secret_arn"] for one in providers if "client_secret_arn" in one})
    if len(found) > _SECRETS_MAX or any(_SECRET.fullmatch(str(one)) is None for one in found):
        raise InvalidSetting(
            f"platform_settings: a client_secret_arn is the ARN of a secret, and there are at most {_SECRETS_MAX}."
        )
    return found
