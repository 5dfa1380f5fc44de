"""The options with the settings of a namespace that a command creates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from quartzdb.cli.json_text import parsed
from quartzdb.cli.numbers import WholeNumber
from quartzdb.domain.limits import PURGE_AFTER_DAYS_MAX, SHARDS_MAX

_JSON_BEGINS = "{"

METRICS = ("cosine", "dot", "euclidean")
PRECISIONS = ("f32", "f16")
ENGINES = ("auto", "exact", "annoy", "ivf", "hnsw")
"""As in domain/namespace.py, which would cost every --help the import of numpy; a test compares them."""


def _text(
    context: click.Context, option: click.Parameter, given: tuple[str, ...]
) -> dict[str, object] | None:
    """Fields as settings have them, in full, so that they can be compared; None where none is given."""
    del context, option
    if not given:
        return None
    from quartzdb.domain.declared_fields import parse_text, text_document

    fields: dict[str, object] = {}
    for one in given:
        name, _, said = one.partition("=")
        if name in fields:
            raise click.UsageError(f"--text names the field {name!r} twice.")
        fields[name] = (
            parsed(said, "--text") if said.startswith(_JSON_BEGINS) else {"language": said} if said else {}
        )
    return dict(text_document(parse_text(fields, field="--text")))


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
        click.option(
            "--text",
            multiple=True,
            metavar="FIELD[=LANGUAGE]",
            callback=_text,
            help="A metadata field to search as text, in a language or as JSON says: "
            f"title, body=german, code='{{\"stemming\": false}}'. May be repeated. {intro} none.",
        ),
        click.option(
            "--sparse",
            multiple=True,
            metavar="FIELD",
            callback=lambda _context, _option, names: list(names) or None,
            help=f"A metadata field that holds sparse vectors. May be repeated. {intro} none.",
        ),
        click.option(
            "--key-history",
            is_flag=True,
            default=None,
            help=f"Keep every change of a key-value for change feeds. {intro} the last states.",
        ),
    ]

    def give(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return give
