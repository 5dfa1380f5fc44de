"""Every string of the pages is in one file, and every string of the file is on a page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

from quartzdb_platform import console
from quartzdb_platform.console.words import english

FOLDER = Path(console.__file__).parent
TEMPLATES = sorted((FOLDER / "templates").glob("*.html"))
SCRIPTS = sorted((FOLDER / "static" / "data").glob("*.js"))
SOURCES = [*TEMPLATES, *sorted(FOLDER.rglob("*.py"))]
_JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_SPOKEN = re.compile(r'\b(?:title|alt|placeholder|aria-label)="([^"]*)"')


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda file: str(file.name))
def test_a_template_says_nothing_itself(template: Path) -> None:
    """Neither as text nor in an attribute that is read out."""
    text = _JINJA.sub("", template.read_text("utf-8"))
    said = [*re.sub(r"<[^>]*>", " ", text).split(), *_SPOKEN.findall(text)]
    assert [word for word in said if re.search("[A-Za-z]", word)] == []


def named(template: Path) -> set[str]:
    """The words that a template names in full."""
    tree = Environment().parse(template.read_text("utf-8"))
    calls = [call for call in tree.find_all(nodes.Call) if getattr(call.node, "name", None) == "t"]
    return {
        constant.value
        for call in calls
        for constant in [
            *([call.args[0]] if isinstance(call.args[0], nodes.Const) else []),
            *call.args[0].find_all(nodes.Const),
        ]
        if "." in constant.value or constant.value in english().texts
    }


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda file: str(file.name))
def test_what_a_template_names_is_there(template: Path) -> None:
    """A wrong name would be an error on the page."""
    known = english().texts
    assert [name for name in named(template) if name not in known and not name.endswith((".", "_"))] == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda file: str(file.name))
def test_what_a_script_says_is_there(script: Path) -> None:
    """Under the name of a module that its page loads: its own, or `common`."""
    known = english().texts
    said = re.findall(r'\bsay\("([\w.]+)"', script.read_text("utf-8"))
    assert [name for name in said if f"data.{name}" not in known] == []


def test_every_string_is_used() -> None:
    """By its name, or by a name that is put together from its beginning and what follows. Those of scripts begin with
    `data.`, which the scripts leave out.
    """
    scripts = "\n".join(file.read_text("utf-8") for file in SCRIPTS)
    put_together = tuple(f"data.{name}" for name in re.findall(r"say\(`([\w.]+[._])\$\{", scripts))
    sources = "\n".join(file.read_text("utf-8") for file in SOURCES)
    begun = {
        name
        for template in TEMPLATES
        for name in re.findall(r't\("([\w.]+[._])" ~', template.read_text("utf-8"))
    }
    unused = [
        name
        for name in english().texts
        if f'"{name}"' not in sources
        and f'"{name.removeprefix("data.")}"' not in scripts
        and not name.startswith((*begun, *put_together))
    ]
    assert unused == []
