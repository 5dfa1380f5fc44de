"""JSON and vectors as they are given on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

if TYPE_CHECKING:
    from quartzdb.domain.vector import Vector


def parsed(text: str, option: str) -> Any:
    """The value of an option. Raises UsageError, which names it."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise click.UsageError(
            f"{option} is not JSON: {error.msg}, at column {error.colno}. Put it in single quotes for the shell."
        ) from error


def parsed_object(text: str, option: str) -> dict[str, Any]:
    """The same where it has to be an object."""
    from quartzdb.domain.metadata import json_type

    value = parsed(text, option)
    if not isinstance(value, dict):
        raise click.UsageError(f"{option} must be a JSON object, not {json_type(value)}.")
    return value


def given_vector(text: str | None, file: Path | None) -> Vector | None:
    """The vector of --vector or --vector-file. Raises UsageError, InvalidVector, OSError."""
    from quartzdb.domain.vector import parse_vector

    if file is not None and file.suffix.lower() == ".npy":
        return _npy_vector(file)
    if file is not None:
        try:
            text = file.read_text("utf-8-sig")
        except UnicodeDecodeError as error:
            raise click.UsageError(
                f"{file} has neither JSON nor base64 in it: it is no UTF-8 text."
            ) from error
    if text is None:
        return None
    text = text.strip()
    option = "--vector" if file is None else str(file)
    return parse_vector(parsed(text, option) if text[:1] in {"[", '"', "{"} else text)


def _npy_vector(file: Path) -> Vector:
    import numpy as np

    from quartzdb.domain.vector import check_finite

    try:
        matrix = np.load(file, allow_pickle=False)
        return check_finite(np.asarray(matrix, dtype=np.float32).reshape(-1))
    except (ValueError, TypeError, OSError, EOFError) as error:
        raise click.UsageError(f"{file} is no .npy file of numbers: {error}") from error
