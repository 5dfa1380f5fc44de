"""The table of routes: which of the declared paths one is, found segment by segment, not by trying one after another.

A template has literal segments and parameters: `{name}` is one segment that is not empty, and `{name:path}`, at the
end, is all that is left, slashes and nothing included. Where a literal and a parameter both fit, the literal is meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")
_REST = ":path"


class RouteMatch(NamedTuple, Generic[T]):
    """What is at a path for one method. `parameters` are still encoded."""

    endpoint: T
    parameters: Mapping[str, str]


class _Node(Generic[T]):
    """What may follow a path up to here, and what is at it."""

    __slots__ = ("ends", "literals", "one", "rest")

    def __init__(self) -> None:
        self.literals: dict[str, _Node[T]] = {}
        self.one: _Node[T] | None = None
        self.rest: _Node[T] | None = None
        self.ends: dict[str, tuple[T, tuple[str, ...]]] = {}


class RouteTable(Generic[T]):
    """Filled once, then only read."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def add(self, method: str, template: str, endpoint: T) -> None:
        """What is at these paths for a method; what is there for GET is for HEAD, too, unless something else is.

        Raises ValueError where there is something already.
        """
        node, names = self._root, []
        for segment in template.split("/")[1:]:
            if not segment.startswith("{"):
                node = node.literals.setdefault(segment, _Node())
                continue
            name = segment[1:-1]
            if name.endswith(_REST):
                node.rest = node = node.rest or _Node()
                names.append(name.removesuffix(_REST))
            else:
                node.one = node = node.one or _Node()
                names.append(name)
        if method in node.ends:
            raise ValueError(f"{method} {template} is declared twice")
        node.ends[method] = endpoint, tuple(names)

    def find(self, method: str, path: str) -> RouteMatch[T] | None:
        """What is at a path for a method."""
        segments = path.split("/")
        for node, values in self._at(self._root, segments, 1, ()):
            found = node.ends.get(method) or (node.ends.get("GET") if method == "HEAD" else None)
            if found is not None:
                endpoint, names = found
                return RouteMatch(endpoint, dict(zip(names, values, strict=True)))
        return None

    def methods(self, path: str) -> set[str]:
        """For which methods there is something at a path."""
        nodes = self._at(self._root, path.split("/"), 1, ())
        found = {method for node, _ in nodes for method in node.ends}
        return found | {"HEAD"} if "GET" in found else found

    def _at(
        self, node: _Node[T], segments: list[str], place: int, values: tuple[str, ...]
    ) -> Iterator[tuple[_Node[T], tuple[str, ...]]]:
        """Every node that a path leads to, the most literal first, with the values of its parameters."""
        if place == len(segments):
            yield node, values
            return
        segment = segments[place]
        literal = node.literals.get(segment)
        if literal is not None:
            yield from self._at(literal, segments, place + 1, values)
        if node.one is not None and segment:
            yield from self._at(node.one, segments, place + 1, (*values, segment))
        if node.rest is not None:
            yield node.rest, (*values, "/".join(segments[place:]))
