"""The reference of the Python client, from its sources: signatures, and what docstrings say."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from docsite.made.clients.shown import Language, Member, Part, page, parts_in
from docsite.said_below import said_below
from docsite.sources import ROOT

SOURCES = ROOT / "clients/python/src/quartzdb_client"
_FILES = (
    "_sync/client.py",
    "_sync/namespace.py",
    "_sync/key_values.py",
    "_sync/keys.py",
    "_sync/pages.py",
    "_sync/changes.py",
    "batches.py",
    "items.py",
    "retries.py",
    "errors.py",
)
_WIDTH = 96
_TOP = """\
# The Python client

Every public class and method of `quartzdb_client`, made of its source. [Clients](../clients.md) says what they are for
and what all clients do alike.

`AsyncClient`, `AsyncNamespace`, `AsyncKeyValues`, `AsyncKeys`, `AsyncPages` and `AsyncChanges` have the same methods:
those that ask the server are to be awaited, and pages and changes are gone through with `async for`.

```python
from quartzdb_client import Client

with Client() as db:  # QUARTZDB_URL, QUARTZDB_API_KEY
    print(db.health().status)
```
"""
_LANGUAGE = Language("python", "Raises")


def python_page() -> str:
    """Markdown."""
    parts = parts_in(SOURCES, _FILES, _parts, exported())
    return page(_TOP, parts, list(_types()), _LANGUAGE)


def exported() -> set[str]:
    """What `from quartzdb_client import *` gives."""
    for node in ast.parse((SOURCES / "__init__.py").read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    raise LookupError("The package says nothing of what it exports.")


def _parts(file: Path) -> Iterator[Part]:
    body = ast.parse(file.read_text("utf-8")).body
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Part(node.name, _said(node), _signature(node), ())
        elif isinstance(node, ast.ClassDef):
            yield _class(node)


def _class(node: ast.ClassDef) -> Part:
    made = ""
    members = []
    for one in node.body:
        if isinstance(one, ast.FunctionDef) and one.name == "__init__":
            made = _signature(one, node.name)
        elif isinstance(one, ast.FunctionDef) and not one.name.startswith("_"):
            members.append(Member(one.name, _signature(one), _said(one)))
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    head = f"class {node.name}({bases})" if bases else f"class {node.name}"
    if fields := list(_declared(node)):
        return Part(node.name, _said(node), "\n".join([f"{head}:", *fields]), members)
    return Part(node.name, _said(node), made or head, members)


def _declared(node: ast.ClassDef) -> Iterator[str]:
    """Fields, each with what is said below it."""
    for place, one in enumerate(node.body):
        if isinstance(one, ast.AnnAssign) and not ast.unparse(one.target).startswith("_"):
            words = said_below(node.body, place)
            yield f"    {ast.unparse(one)}{f'  # {words}' if words else ''}"


def _said(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return ast.get_docstring(node) or ""


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef, called: str = "") -> str:
    """As it is called: without `self`; on several lines where it is long."""
    arguments = node.args
    decorated = [ast.unparse(one) for one in node.decorator_list]
    first = arguments.args[:1]
    if first and first[0].arg in ("self", "cls"):
        arguments.args = arguments.args[1:]
    name = called or node.name
    gives = "" if called or node.returns is None else f" -> {ast.unparse(node.returns)}"
    if "property" in decorated:
        return f"{name}: {ast.unparse(node.returns) if node.returns else 'Any'}"
    given = list(_arguments(arguments))
    line = f"{name}({', '.join(given)}){gives}"
    if len(line) > _WIDTH:
        line = f"{name}(\n    {f',{chr(10)}    '.join(given)},\n){gives}"
    return "\n".join([*(f"@{one}" for one in decorated if one in ("classmethod", "staticmethod")), line])


def _arguments(arguments: ast.arguments) -> Iterator[str]:
    """One by one, as they are written."""
    without = len(arguments.args) - len(arguments.defaults)
    for place, one in enumerate(arguments.args):
        default = arguments.defaults[place - without] if place >= without else None
        yield _argument(one, default)
    if arguments.vararg:
        yield f"*{ast.unparse(arguments.vararg)}"
    elif arguments.kwonlyargs:
        yield "*"
    for one, given in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _argument(one, given)
    if arguments.kwarg:
        yield f"**{ast.unparse(arguments.kwarg)}"


def _argument(one: ast.arg, default: ast.expr | None) -> str:
    return ast.unparse(one) + ("" if default is None else f" = {ast.unparse(default)}")


def _types() -> Iterator[Part]:
    """Answers by what they have, and requests as they are written."""
    classes = {
        node.name: node
        for node in ast.parse((SOURCES / "types.py").read_text("utf-8")).body
        if isinstance(node, ast.ClassDef)
    }
    for name, node in classes.items():
        if not name.startswith("_"):
            yield Part(name, _said(node), "\n".join(_fields(node, classes)), ())


def _fields(node: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> Iterator[str]:
    """Of a request: what it needs, which is a class of its own there, and then what may be left out."""
    bases = [ast.unparse(base) for base in node.bases]
    needs = next((classes[base] for base in bases if base.startswith("_")), None)
    yield f"class {node.name}({'TypedDict' if needs else ', '.join(bases)}):"
    if needs is not None:
        yield from _declared(needs)
    if needs is not None or any(one.arg == "total" for one in node.keywords):
        yield "    # these may be left out:"
    yield from _declared(node)
    for one in node.body:
        if isinstance(one, ast.FunctionDef) and one.name == "__init__":
            one.args.args = one.args.args[1:]
            yield from (f"    {argument}" for argument in _arguments(one.args) if argument != "*")
