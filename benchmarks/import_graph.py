"""Who imports whom: the package's folders, and how many pairs of modules lead from one to another.

Reads source only, so it works on any tree of any commit. `--depth 1` looks at the folders of the package alone, 2 (the
default) at theirs as well. `python -m benchmarks.import_graph [--depth N] [PACKAGE_FOLDER]`.
"""

from __future__ import annotations

import argparse
import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

_PACKAGE = Path(__file__).parents[1] / "layers" / "quartzdb" / "python" / "quartzdb"
_TOP = "(top)"


def imported(source: str, package: str) -> Iterator[str]:
    """The modules and names of `package` that the source imports, dotted; `from` names each thing that it takes."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == package)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == package:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(dotted: str, root: Path) -> Path | None:
    """The file of the longest beginning of a dotted name that is a module: `a.b.Class` is in `a/b.py`."""
    parts = dotted.split(".")[1:]
    for length in range(len(parts), -1, -1):
        below = root.joinpath(*parts[:length])
        if length and below.with_suffix(".py").is_file():
            return below.with_suffix(".py")
        if (below / "__init__.py").is_file():
            return below / "__init__.py"
    return None


def folder_of(file: Path, root: Path, depth: int) -> str:
    """The folder that a module lies in, no more than `depth` below the package; the package itself is `(top)`."""
    return "/".join(file.relative_to(root).parent.parts[:depth]) or _TOP


def edges(root: Path, depth: int) -> Counter[tuple[str, str]]:
    """How many pairs of modules lead from one folder to another: a pair counts once, however much it imports."""
    counted: Counter[tuple[str, str]] = Counter()
    for file in sorted(root.rglob("*.py")):
        found = (module_of(name, root) for name in imported(file.read_text(), root.name))
        for target in {module for module in found if module is not None and module != file}:
            pair = folder_of(file, root, depth), folder_of(target, root, depth)
            if pair[0] != pair[1]:
                counted[pair] += 1
    return counted


def sizes(root: Path, depth: int) -> dict[str, tuple[int, int]]:
    """Modules and lines of each folder; what lies deeper counts for the folder at `depth`."""
    counted: dict[str, tuple[int, int]] = {}
    for file in sorted(root.rglob("*.py")):
        folder = folder_of(file, root, depth)
        modules, lines = counted.get(folder, (0, 0))
        counted[folder] = modules + 1, lines + len(file.read_text().splitlines())
    return counted


def cycles(arrows: set[tuple[str, str]]) -> list[list[str]]:
    """Groups of folders that reach each other; none is what layers promise."""
    after: dict[str, set[str]] = {}
    for source, target in arrows:
        after.setdefault(source, set()).add(target)

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for following in after.get(waiting.pop(), set()) - seen:
                seen.add(following)
                waiting.append(following)
        return seen

    reach = {folder: reached(folder) for folder in after}
    groups = {
        frozenset({folder} | {other for other in reach[folder] if folder in reach.get(other, set())})
        for folder in after
    }
    return sorted(sorted(group) for group in groups if len(group) > 1)


def main() -> None:
    """Print folders with their size, then the arrows between them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("package", nargs="?", type=Path, default=_PACKAGE)
    parser.add_argument("--depth", type=int, default=2)
    chosen = parser.parse_args()
    root: Path = chosen.package.resolve()
    by_folder = sizes(root, chosen.depth)
    arrows = edges(root, chosen.depth)
    for folder, (modules, lines) in sorted(by_folder.items()):
        print(f"{folder:32} {modules:4} modules {lines:6} lines")
    total = [sum(column) for column in zip(*by_folder.values(), strict=True)]
    print(f"{'together':32} {total[0]:4} modules {total[1]:6} lines\n")
    for (source, target), number in sorted(arrows.items()):
        print(f"{source:32} -> {target:32} {number:4}")
    print(f"\n{len(arrows)} arrows between folders, {sum(arrows.values())} pairs of modules")
    print("cycles:", "; ".join(" ".join(group) for group in cycles(set(arrows))) or "none")


if __name__ == "__main__":
    main()
