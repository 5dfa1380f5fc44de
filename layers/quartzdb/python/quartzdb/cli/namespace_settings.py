"""The options with the settings of a namespace that a command creates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from quartzdb.cli.numbers import WholeNumber
from quartzdb.domain.limits import PURGE_AFTER_DAYS_MAX, SHARDS_MAX

METRICS = ("cosine", "dot", "euclidean")
PRECISIONS = ("f32", "f16")
ENGINES = ("auto", "exact", "annoy", "ivf", "hnsw")
"""As in domain/namespace.py, which would cost every --help the import of numpy; a test compares them."""


def settings_options(intro: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Gives a command the options of NamespaceSettings but the dimension, each None where it is not given.

    `intro` begins what their help says of the default.
    """
    options = [
        click.option("--metric", type=click.Choice(METRICS), help=f"{intro} cosine."),
        click.option(
            "--precision",
            type=click.Choice(PRECISIONS),
            help=f"f32 gives vectors back bit for bit, f16 takes half the space. {intro} f32.",
        ),
        click.option(
            "--engine", type=click.Choice(ENGINES), help=f"What segments are searched with. {intro} auto."
        ),
        click.option(
            "--shards",
            type=WholeNumber(1, SHARDS_MAX),
            help=f"Partitions to spread the records over. {intro} 1.",
        ),
        click.option(
            "--purge-after-days",
            type=WholeNumber(1, PURGE_AFTER_DAYS_MAX),
            help=f"Days until rows that were deleted or replaced leave segments at the latest. {intro} 30.",
        ),
    ]

    def give(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return give
