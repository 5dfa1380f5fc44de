"""Commands of blocks that are not run: each has to be one that there is, with options that it has.

Values are not looked at, nor what a loop or a function of the shell makes of them.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache

import click

from docsite.links import prose
from docsite.sources import ROOT
from quartzdb.cli.main import PACKAGES, cli

OURS = {
    *(tomllib.loads(one.read_text())["project"]["name"] for one in ROOT.glob("integrations/*/pyproject.toml")),
    *(tomllib.loads(one.read_text())["project"]["name"] for one in ROOT.glob("clients/*/pyproject.toml")),
    *(json.loads(one.read_text())["name"] for one in ROOT.glob("integrations/*/package.json")),
    *(json.loads(one.read_text())["name"] for one in ROOT.glob("clients/javascript/package.json")),
    tomllib.loads((ROOT / "clients/rust/Cargo.toml").read_text())["package"]["name"],
    "quartzdb",
}  # fmt: skip
"""Names under which packages of this repository are published."""
OF_OTHERS = {
    "ai",
    "@ai-sdk/openai",
    "@mastra/core",
    "sentence-transformers",
    "@mermaid-js/mermaid-cli@12.2.0",
}
"""Packages that pages say to install beside ours."""
MODULES_OF_OTHERS = {"twine"}
_INSTALLING = re.compile(r"(?:python -m )?pip install|npm install|npm i|cargo add|uv add|uv pip install")
_WORDS = ("&&", "||", "|", ";", "do", "then", "else", "fi", "done")


def unknown(code: str) -> list[str]:
    """What is wrong with a block: its syntax, or commands that do not exist as they are written."""
    parsed = subprocess.run(["bash", "-n"], input=code, capture_output=True, text=True, check=False)
    if parsed.stderr:
        return [parsed.stderr]
    return [problem for words in commands(code) for problem in _problems(words)]


def only_makes_or_installs(code: str) -> bool:
    """Whether a block only asks for a target of the Makefile, or for packages: there is nothing to run here."""
    found = list(commands(code))
    return bool(found) and all(
        words[0] in ("make", ".ci/run", ".ci/nightly", "export") or _INSTALLING.match(" ".join(words))
        for words in found
    )


def said_in_prose(text: str) -> list[str]:
    """Commands of ours that a page's prose names."""
    outside = "".join(piece for is_prose, piece in prose(text) if is_prose)
    return re.findall(r"`((?:make|quartzdb|python -m|\.venv/bin/\w+) [^`\n]+)`", outside)


def commands(code: str) -> Iterator[list[str]]:
    """Each simple command's words, without the assignments before it."""
    lexer = shlex.shlex(_without_comments(code), posix=True, punctuation_chars=";|&()\n")
    lexer.commenters = ""
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    words: list[str] = []
    for token in lexer:
        if set(token) <= set(";|&()\n") or token in _WORDS:
            if words:
                yield words
            words = []
        elif words or not re.match(r"[A-Za-z_]\w*=", token):
            words.append(token)
    if words:
        yield words


def _without_comments(code: str) -> str:
    """And with lines that go on joined. A hash begins a comment where a word could begin, outside of quotes."""
    kept, quote = [], ""
    for line in code.replace("\\\n", " ").splitlines():
        end = len(line)
        for place, character in enumerate(line):
            if quote:
                quote = "" if character == quote else quote
            elif character in "'\"":
                quote = character
            elif character == "#" and (place == 0 or line[place - 1] in " \t;"):
                end = place
                break
        kept.append(line[:end])
    return "\n".join(kept) + "\n"


def _problems(words: list[str]) -> Iterator[str]:
    name = words[0].removeprefix(".venv/bin/")
    if name == "make":
        yield from _of_make(words[1:])
    elif name == "quartzdb":
        yield from _of_quartzdb(words[1:])
    elif name == "python" and words[1:2] == ["-m"] and words[2] != "pip":
        yield from _of_module(words[2], words[3:])
    elif _INSTALLING.match(" ".join([name, *words[1:]])):
        named = {re.sub(r"\[.*\]$|==.*$", "", one) for one in words[2:] if not one.startswith("-")}
        named -= {"install"}
        yield from (f"nobody publishes {one}" for one in sorted(named - OURS - OF_OTHERS))


def _of_make(words: list[str]) -> Iterator[str]:
    for target in (one for one in words if not one.startswith("-") and "=" not in one and not one.isdigit()):
        recipe = _recipes().get(target)
        if recipe is None:
            yield f"make has no target {target}"
            continue
        given = next((one.removeprefix("ARGS=") for one in words if one.startswith("ARGS=")), "")
        module = re.search(r"-m ([\w.]+) .*\$\(ARGS\)", recipe)
        if given and module and not module[1].startswith("pytest"):
            yield from _of_module(module[1], shlex.split(given))


def _of_quartzdb(words: list[str]) -> Iterator[str]:
    command: click.Command = cli
    while isinstance(command, click.Group):
        if not words or words[0].startswith("-"):
            return
        if words[0].isupper() or words[0] in PACKAGES:
            return  # any command, or one of a package that may not be installed
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            yield f"quartzdb has no command {words[0]}"
            return
        command, words = found, words[1:]
    options = {one for parameter in command.params for one in (*parameter.opts, *parameter.secondary_opts)}
    given = {word.partition("=")[0] for word in words if word.startswith("--")} - {"--help"}
    yield from (f"quartzdb {command.name} has no {one}" for one in sorted(given - options))


def _of_module(module: str, words: list[str]) -> Iterator[str]:
    """Its options are those that stand in its source, or in that of its package."""
    if module in MODULES_OF_OTHERS:
        return
    path = ROOT / module.replace(".", "/")
    files = [path.with_suffix(".py")] if path.with_suffix(".py").is_file() else sorted(path.glob("*.py"))
    if not files:
        yield f"there is no module {module}"
        return
    source = "".join(file.read_text("utf-8") for file in files)
    given = {word.partition("=")[0] for word in words if word.startswith("--")}
    yield from (f"python -m {module} has no {one}" for one in sorted(given) if f'"{one}"' not in source)


@cache
def _recipes() -> dict[str, str]:
    """Of each target."""
    text = (ROOT / "Makefile").read_text("utf-8")
    found: dict[str, str] = {}
    for target, recipe in re.findall(r"^([a-z-]+):(?!=)([^\n]*\n(?:\t[^\n]*\n)*)", text, re.MULTILINE):
        found[target] = found.get(target, "") + recipe
    return found
