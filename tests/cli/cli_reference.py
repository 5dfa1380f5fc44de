"""The reference in docs/cli.md, written from the commands themselves: `python -m tests.cli.cli_reference`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import click

from quartzdb.cli.main import cli

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
BEGIN = "<!-- The reference, written by `python -m tests.cli.cli_reference`. -->\n"


def reference() -> str:
    """Every command with its arguments and options, as Markdown."""
    return "\n".join(_commands(cli, "quartzdb"))


def page() -> str:
    """The page with the reference as it is now."""
    written = PAGE.read_text("utf-8")
    return written[: written.index(BEGIN) + len(BEGIN)] + "\n" + reference()


def _commands(group: click.Group, path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        full = f"{path} {name}"
        with click.Context(command, info_name=full) as context:
            usage = " ".join(command.collect_usage_pieces(context))
        yield f"### `{full}`\n"
        if not isinstance(command, click.Group):
            yield f"```text\n{full} {usage}\n```\n"
        yield f"{_text(command.help or '')}\n"
        options = [one for one in command.params if isinstance(one, click.Option)]
        if options:
            yield "| Option | |\n|---|---|"
            yield from (_option(one) for one in options)
            yield ""
        if command.epilog:
            yield f"```text\n{inspect.cleandoc(command.epilog.replace(chr(8), '')).strip()}\n```\n"
        if isinstance(command, click.Group):
            yield from _commands(command, full)


def _option(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
    context = click.Context(click.Command("quartzdb"))
    extra = option.get_help_extra(context)
    kind = "" if option.is_flag else f" {_cell(option.make_metavar(context))}"
    notes = []
    if option.required:
        notes.append("Required.")
    if option.show_default and "default" in extra:
        notes.append(f"Default: `{extra['default']}`.")
    if "range" in extra:
        notes.append(f"Range: `{extra['range']}`.")
    if option.show_envvar and "envvars" in extra:
        notes.append(f"Environment: {', '.join(f'`{name}`' for name in extra['envvars'])}.")
    if option.multiple and "repeated" not in (option.help or ""):
        notes.append("May be repeated.")
    return f"| {names}{kind} | {_cell(' '.join([_text(option.help or ''), *notes]))} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _text(help_text: str) -> str:
    """Paragraphs, one a line; what is between angle brackets would be taken for HTML."""
    paragraphs = inspect.cleandoc(help_text).replace("\b\n", "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs).replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
