"""The page of settings: what may differ between deployments, and what the command takes from the environment.

Both are the code's own words: the fields of `cdk/settings.py` with what stands below each, and the options that the
command line declares. `python -m docsite.settings` writes the page; a test asks whether it is what it writes.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import MISSING, fields

import click

from cdk.settings import Settings
from docsite.said_below import said_below
from docsite.sources import DOCS, ROOT

PAGE = DOCS / "reference/settings.md"
SOURCE = ROOT / "cdk/settings.py"

_TOP = """\
# Settings

<!-- Written by `python -m docsite.settings`. -->

## Of a deployment on AWS

`cdk deploy --all -c environment=prod -c quartzdb:NAME=VALUE`, or under `context` in `cdk.json`. An environment (`dev`,
`prod`, `local`) is a set of defaults; each setting can be replaced for all of them by `quartzdb:NAME`, or for one by an
entry of the object `quartzdb:ENVIRONMENT`. What cannot be deployed is refused before anything is, with what it may be.

"""
_ENVIRONMENT = """
## Of the command and of clients

What is typed goes before the environment. [The command](../cli.md) has all options.

| Variable | What it says | Of |
|---|---|---|
"""
_CLIENTS = """\
| `QUARTZDB_KERNEL` | what searches `hnsw` and `ivf` and scores rows: `auto`, the kernel with the best instructions \
that this processor has; `plain`, `simd`, `dots` or `wide`, with those; `off`, faiss and numpy. \
`quartzdb --version` and a starting server say which it is | every process \
([0060](../adr/0060-kernel.md)) |
| `QUARTZDB_URL`, `QUARTZDB_API_KEY` | where the database is, and with which key | [the clients](../clients.md) |
"""


def settings_page() -> str:
    """The page. Raises ValueError where the source has no settings."""
    return _TOP + "\n".join(_fields()) + "\n" + _ENVIRONMENT + "".join(_variables()) + _CLIENTS


def _fields() -> Iterator[str]:
    """Headings as the source has them, and a row for each field."""
    defaults = {one.name: one.default for one in fields(Settings)}
    source = SOURCE.read_text("utf-8")
    lines = source.splitlines()
    (settings,) = (
        one for one in ast.parse(source).body if isinstance(one, ast.ClassDef) and one.name == "Settings"
    )
    head = "| Setting | Default | |\n|---|---|---|"
    heading: str | None = ""
    for place, one in enumerate(settings.body):
        if not isinstance(one, ast.AnnAssign) or not isinstance(one.target, ast.Name):
            continue
        above = lines[one.lineno - 2].strip()
        if above.startswith("# ") and not lines[one.lineno - 3].strip():
            heading = above.removeprefix("# ")
        if heading is not None:
            yield f"\n### {heading}\n\n{head}" if heading else head
            heading = None
        said = said_below(settings.body, place)
        default = defaults[one.target.id]
        shown = "" if default is MISSING else f"`{json.dumps(default)}`"
        yield f"| `{one.target.id}` | {shown} | {said} |"


def _variables() -> Iterator[str]:
    from quartzdb.cli.main import cli

    found: dict[str, tuple[str, set[str]]] = {}
    for path, command in _commands(cli, ()):
        for option in command.params:
            if isinstance(option, click.Option) and option.envvar:
                names = [option.envvar] if isinstance(option.envvar, str) else list(option.envvar)
                said = found.setdefault(", ".join(f"`{name}`" for name in names), (option.help or "", set()))
                said[1].add(path[0])
    for name, (meaning, commands) in sorted(found.items()):
        shown = ", ".join(f"`{one}`" for one in sorted(commands)[:3]) + (" …" if len(commands) > 3 else "")
        yield f"| {name} | {meaning} | {shown} |\n"


def _commands(group: click.Group, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name), command


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(settings_page(), "utf-8")
