"""Dataclasses of the package behave as those of the standard library, of which they are a cheaper declaration."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, field, fields, replace
from typing import Any

import pytest

from quartzdb.domain import values

Declare = Callable[..., Any]


def _declared(declare: Declare) -> dict[str, Any]:
    """The same classes, declared in one way or the other."""

    @declare(frozen=True, slots=True)
    class Plain:
        """With defaults of both kinds."""

        a: int
        b: str = "b"
        c: list[int] = field(default_factory=list)
        secret: str = field(default="s", repr=False, compare=False)

    @declare(frozen=True, slots=True)
    class Partly:
        """Of which not all is hashed that is compared."""

        a: int
        b: list[int] = field(hash=False)

    @declare(frozen=True, slots=True, order=True)
    class One:
        """With an order."""

        a: int

    @declare(slots=True)
    class Mutable:
        """Made of nothing, or counted on."""

        count: int = 0
        later: int = field(default=7, init=False)

    @declare(frozen=True, slots=True, kw_only=True)
    class Named:
        """With something to do when it is made."""

        a: int
        b: int = 2

        def __post_init__(self) -> None:
            if self.b < 0:
                raise ValueError(self.b)

    @declare(frozen=True, slots=True, eq=False)
    class Itself:
        """Equal to nothing else."""

        a: int

    @declare(frozen=True)
    class Open:
        """Without slots."""

        a: int
        b: int = field(default=3, kw_only=True)

    @declare(frozen=True, slots=True)
    class Empty:
        """Nothing in it."""

    @declare(frozen=True, slots=True)
    class Below(Open):
        """More than the one above."""

        c: int = 4

    found = [Plain, Partly, One, Mutable, Named, Itself, Open, Empty, Below]
    return {one.__name__: one for one in found}


OURS, THEIRS = _declared(values.dataclass), _declared(dataclasses.dataclass)
CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("Plain", (1,), {}),
    ("Plain", (1, "x", [2]), {"secret": "t"}),
    ("Plain", (), {}),
    ("Plain", (1, 2, 3, 4, 5), {}),
    ("Partly", (1, [2]), {}),
    ("One", (3,), {}),
    ("Mutable", (), {}),
    ("Mutable", (5,), {}),
    ("Mutable", (), {"later": 1}),
    ("Named", (), {"a": 1}),
    ("Named", (), {"a": 1, "b": -1}),
    ("Named", (1,), {}),
    ("Itself", (1,), {}),
    ("Open", (1,), {"b": 2}),
    ("Empty", (), {}),
    ("Below", (1, 2), {"b": 9}),
]


def _seen(classes: dict[str, Any], name: str, given: tuple[Any, ...], named: dict[str, Any]) -> list[Any]:
    """What can be seen of an object, or the kind of error."""
    try:
        made, again = classes[name](*given, **named), classes[name](*given, **named)
    except (TypeError, ValueError) as error:
        return [type(error)]
    seen: list[Any] = [
        repr(made).rpartition(".")[2],
        made == again,
        made == copy.deepcopy(made),
        [(one.name, one.init, one.kw_only) for one in fields(made)],
        type(made).__match_args__,
        type(made).__doc__,
        hasattr(made, "__dict__"),
    ]
    if name != "Mutable":
        seen.append(asdict(replace(made)))
    for attempt in (
        lambda: setattr(made, "a", 5),
        lambda: delattr(made, "a"),
        lambda: setattr(made, "unknown", 5),
        lambda: (made < again, made <= again),
        lambda: (hash(made) == hash(again), isinstance(hash(made), int)),
    ):
        try:
            seen.append(attempt())
        except (AttributeError, TypeError):
            # Of which kind depends on Python's version, where a slotted class has no such field.
            seen.append("refused")
    return seen


@pytest.mark.parametrize(("name", "given", "named"), CALLS)
def test_an_object_is_what_the_standard_library_makes(
    name: str, given: tuple[Any, ...], named: dict[str, Any]
) -> None:
    """Made, shown, compared, hashed, copied, replaced, and refused where it is frozen: the same."""
    assert _seen(OURS, name, given, named) == _seen(THEIRS, name, given, named)


def test_defaults_that_are_made_are_made_for_each() -> None:
    """Also by the first object of a class, which has its constructor compiled."""
    first, second = OURS["Plain"](1), OURS["Plain"](1)
    assert first.c == second.c
    assert first.c is not second.c


def test_a_frozen_object_survives_pickling() -> None:
    """As processes send them to each other."""
    sent = Sent(1, "x")
    assert pickle.loads(pickle.dumps(sent)) == sent
    with pytest.raises(FrozenInstanceError):
        sent.a = 2  # type: ignore[misc]  # which is what is tried


def test_what_differs_is_unequal_and_not_comparable() -> None:
    """Objects of different classes, too."""
    assert OURS["One"](1) != OURS["One"](2)
    assert OURS["One"](1) != OURS["Open"](1)
    with pytest.raises(TypeError):
        _ = OURS["One"](1) < OURS["Plain"](1)


@values.dataclass(frozen=True, slots=True)
class Sent:
    """Known to the module, as pickling asks."""

    a: int
    b: str


def test_what_is_left_out_of_the_hash_may_have_none() -> None:
    """`hash=False`, as settings of a namespace have it: compared all the same, and a dict there is no error."""

    @values.dataclass(frozen=True, slots=True)
    class Place:
        name: str
        settings: dict[str, int] = field(hash=False)

    @dataclasses.dataclass(frozen=True, slots=True)
    class AsEver:
        name: str
        settings: dict[str, int] = field(hash=False)

    assert hash(Place("a", {"b": 1})) == hash(Place("a", {})) == hash(AsEver("a", {}))
    assert Place("a", {"b": 1}) != Place("a", {})
