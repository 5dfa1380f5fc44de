"""The other part of the demo's corpus: docstrings of what has no Python source, such as `str.split` and `math.sqrt`.

Only `builtins` and the standard library's public compiled modules are imported; importing those has no side effects.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import warnings
from collections.abc import Iterator, Mapping
from types import ModuleType

from quartzdb.cli.demo.docstrings import Docstring

_SKIPPED = frozenset(
    {
        "readline",  # importing it takes hold of the terminal
        "xxlimited",  # examples for authors of extensions
        "xxlimited_35",
        "xxsubtype",
    }
)
_DOCUMENTED_TYPES = frozenset(
    {"builtin_function_or_method", "method_descriptor", "classmethod_descriptor", "type"}
)


def compiled_docstrings() -> list[Docstring]:
    """The docstrings of the public compiled modules, each name once."""
    found: dict[str, Docstring] = {}
    for name in sorted(sys.stdlib_module_names):
        if not name.startswith("_") and name not in _SKIPPED and _is_compiled(name):
            with warnings.catch_warnings():
                # Of modules that a later Python will no longer have: this one still documents them.
                warnings.simplefilter("ignore", DeprecationWarning)
                module = importlib.import_module(name)
            for docstring in _of_module(module):
                found.setdefault(docstring.name, docstring)
    return list(found.values())


def _is_compiled(name: str) -> bool:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return False  # left out of this build of Python
    return spec is not None and (spec.origin == "built-in" or (spec.origin or "").endswith((".so", ".pyd")))


def _of_module(module: ModuleType) -> Iterator[Docstring]:
    module_name = module.__name__
    # One says `str.split`, not `builtins.str.split`.
    prefix = "" if module_name == "builtins" else f"{module_name}."
    if module.__doc__:
        yield Docstring(module_name, "module", module_name, "", inspect.cleandoc(module.__doc__))
    for name, value in _documented(vars(module)):
        kind = "class" if isinstance(value, type) else "function"
        yield _docstring(f"{prefix}{name}", kind, module_name, value)
        if isinstance(value, type):
            for method_name, method in _documented(vars(value)):
                yield _docstring(f"{prefix}{name}.{method_name}", "method", module_name, method)


def _documented(namespace: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in sorted(namespace.items()):
        # `array.ArrayType` is another name of `array.array`: each thing comes under its own name only.
        own_name = getattr(value, "__name__", name)
        alias = own_name != name and namespace.get(own_name) is value
        documented = type(value).__name__ in _DOCUMENTED_TYPES and getattr(value, "__doc__", None)
        if documented and not alias and not name.startswith("_"):
            yield name, value


def _docstring(name: str, kind: str, module: str, value: object) -> Docstring:
    text = inspect.cleandoc(str(value.__doc__))
    signature: str = "" if kind == "class" else getattr(value, "__text_signature__", None) or ""
    return Docstring(name, kind, module, _public(signature), text)


def _public(signature: str) -> str:
    """Without the marks that only the interpreter needs: `($self, /, sep=None)` is `(sep=None)`."""
    inside = signature.strip("()")
    arguments = [part for part in inside.split(", ") if part and not part.startswith("$") and part != "/"]
    return f"({', '.join(arguments)})" if signature else ""
