"""The demo's corpus: every docstring of the standard library of the Python that runs this, read from source.

Nothing is imported or executed: files are parsed. What begins with an underscore, tests and vendored packages are left
out, so that what a search finds is something that one may call.
"""

from __future__ import annotations

import ast
import inspect
import re
import sysconfig
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from quartzdb.domain.values import dataclass

_SKIPPED_PARTS = frozenset(
    {
        "__pycache__",
        "ensurepip",
        "idle_test",
        "idlelib",
        "lib2to3",
        "pydoc_data",
        "site-packages",
        "test",
        "tests",
        "turtledemo",
    }
)
_CALL = re.compile(r"[\w.]+\(.*\)( *(->|=>|=|--) *.*)?")
_DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Docstring:
    """One documented thing. `name` is qualified, as in `gzip.GzipFile.read`; `signature` is empty for modules."""

    name: str
    kind: str
    module: str
    signature: str
    text: str

    @property
    def summary(self) -> str:
        """Its first paragraph in one line, without the line that many begin with: the call itself."""
        first_line, _, rest = self.text.partition("\n")
        text = rest.lstrip() if _CALL.fullmatch(first_line) and rest.strip() else self.text
        return " ".join(text.partition("\n\n")[0].split())


def standard_library() -> Path:
    """The folder of the running Python's standard library."""
    return Path(sysconfig.get_path("stdlib"))


def source_files(root: Path) -> list[Path]:
    """The modules below a folder whose docstrings are wanted, in a fixed order."""
    return sorted(path for path in root.rglob("*.py") if _wanted(path.relative_to(root)))


def read_docstrings(root: Path, tick: Callable[[], None] = lambda: None) -> list[Docstring]:
    """The docstrings below a folder, each name once. `tick` is called after each file."""
    found: dict[str, Docstring] = {}
    for path in source_files(root):
        for docstring in _of_file(path, _module_name(path.relative_to(root))):
            found.setdefault(docstring.name, docstring)
        tick()
    return list(found.values())


def _wanted(path: Path) -> bool:
    if _SKIPPED_PARTS & set(path.parts):
        return False
    return not any(part.startswith("_") and part != "__init__.py" for part in path.parts)


def _module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _of_file(path: Path, module: str) -> Iterator[Docstring]:
    try:
        with warnings.catch_warnings():
            # Old modules have escapes that newer parsers warn of; that is none of the demo's business.
            warnings.simplefilter("ignore")
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return  # a distribution may ship templates and broken files: the rest is as good without them
    text = _text(tree)
    if text:
        yield Docstring(module, "module", module, "", text)
    yield from _inside(tree, module, module, in_class=False)


def _inside(node: ast.AST, prefix: str, module: str, *, in_class: bool) -> Iterator[Docstring]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _DEFINITIONS):
            if child.name.startswith("_"):
                continue
            name = f"{prefix}.{child.name}"
            text = _text(child)
            if text:
                yield Docstring(name, _kind(child, in_class), module, _signature(child), text)
            if isinstance(child, ast.ClassDef):
                yield from _inside(child, name, module, in_class=True)
        elif isinstance(child, (ast.If, ast.Try)):
            # Definitions that depend on the platform.
            yield from _inside(child, prefix, module, in_class=in_class)


def _kind(node: ast.stmt, in_class: bool) -> str:
    if isinstance(node, ast.ClassDef):
        return "class"
    return "method" if in_class else "function"


def _text(node: ast.AST) -> str:
    if not isinstance(node, (ast.Module, *_DEFINITIONS)):
        return ""
    text = ast.get_docstring(node, clean=False)
    return inspect.cleandoc(text) if text else ""


def _signature(node: ast.AST) -> str:
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return ""
    arguments = ast.unparse(node.args)
    return f"({re.sub(r'^(self|cls)(, |$)', '', arguments)})"
