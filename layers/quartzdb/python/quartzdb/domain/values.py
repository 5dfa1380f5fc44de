"""Dataclasses whose methods are made when they are first needed.

The standard library compiles six methods of each dataclass where it is declared. With nearly two hundred declarations
that was a quarter of the time in which a fresh process has its first answer, and most of them are never called. Here
comparing, hashing and showing need no compiling, and `__init__` is compiled when the first object is made. In all else
such a class is what the standard library makes; `field`, `fields`, `replace` and `asdict` take it.

A subclass of one is declared by this, too. Frozen ones are frozen as they are there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from operator import attrgetter, ge, gt, le, lt
from reprlib import recursive_repr
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any

Made = Callable[[type], type]
_waiting: dict[Any, bool] = {}
"""Classes whose `__init__` is not compiled yet, and whether they are frozen."""
_ORDERS = {"__lt__": lt, "__le__": le, "__gt__": gt, "__ge__": ge}


def _dataclass(
    cls: type | None = None,
    /,
    *,
    frozen: bool = False,
    slots: bool = False,
    eq: bool = True,
    order: bool = False,
    kw_only: bool = False,
) -> type | Made:
    def declared(cls: type) -> type:
        own = set(vars(cls))
        if cls.__doc__ is None:
            cls.__doc__ = cls.__name__  # a signature would be made to stand for it
        # Without whatever it would compile.
        plain = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)
        made: Any = plain(cls)
        methods: dict[str, Any] = {"__init__": _first_init(made, frozen), "__repr__": _repr}
        if frozen:
            methods.update(__setattr__=_frozen(made, "assign to"), __delattr__=_frozen(made, "delete"))
        if frozen and slots:
            # Without these a copy would be filled by setting what is frozen.
            methods.update(__getstate__=_state, __setstate__=_fill)
        if eq:
            compared = [one for one in dataclasses.fields(made) if one.compare]
            hashed = [
                one for one in dataclasses.fields(made) if (one.compare if one.hash is None else one.hash)
            ]
            methods.update(
                _comparing(_values(compared), order=order),
                __hash__=_hash(_values(hashed)) if frozen else None,
            )
        for name, method in methods.items():
            if name not in own or (name == "__hash__" and "__hash__" not in own):
                setattr(made, name, method)
        if "__init__" not in own:
            _waiting[made] = frozen
        return made  # type: ignore[no-any-return]  # what a decorator of the standard library makes

    return declared if cls is None else declared(cls)


def _first_init(made: Any, frozen: bool) -> Callable[..., None]:
    def first(self: Any, /, *given: Any, **named: Any) -> None:
        made.__init__ = _compiled_init(made, frozen)
        _waiting.pop(made, None)
        made.__init__(self, *given, **named)

    return first


def compile_all() -> None:
    """Compile what is still waiting: for a process that is copied before its first request."""
    while _waiting:
        made, frozen = _waiting.popitem()
        made.__init__ = _compiled_init(made, frozen)


def _compiled_init(made: Any, frozen: bool) -> Callable[..., None]:
    """What the standard library would have compiled."""
    known: dict[str, Any] = {"_unset": object(), "_set": object.__setattr__}
    setting = "_set(_self, {name!r}, {value})" if frozen else "_self.{name} = {value}"
    positional: list[str] = []
    by_name: list[str] = []
    lines: list[str] = []
    for one in dataclasses.fields(made):
        name = one.name
        value, parameter = name, name
        if one.default is not dataclasses.MISSING:
            known[f"_default_{name}"] = one.default
            parameter = f"{name}=_default_{name}"
            value = name if one.init else f"_default_{name}"
        elif one.default_factory is not dataclasses.MISSING:
            known[f"_make_{name}"] = one.default_factory
            parameter = f"{name}=_unset"
            value = f"_make_{name}() if {name} is _unset else {name}" if one.init else f"_make_{name}()"
        elif not one.init:
            continue
        if one.init:
            (by_name if one.kw_only else positional).append(parameter)
        slot = getattr(made, name, None)
        if frozen and isinstance(slot, MemberDescriptorType):
            known[f"_set_{name}"] = slot.__set__  # a third faster than by name
            lines.append(f"_set_{name}(_self, {value})")
        else:
            lines.append(setting.format(name=name, value=value))
    if hasattr(made, "__post_init__"):
        lines.append("_self.__post_init__()")
    parameters = ", ".join(["_self", *positional, *(["*", *by_name] if by_name else [])])
    body = "\n    ".join(lines or ["pass"])
    exec(f"def __init__({parameters}):\n    {body}", known)  # noqa: S102 - of declarations in this package alone
    init: Callable[..., None] = known["__init__"]
    init.__qualname__ = f"{made.__qualname__}.__init__"
    return init


def _values(taken: Sequence[dataclasses.Field[Any]]) -> Callable[[Any], tuple[Any, ...]]:
    """What an object has in these fields."""
    names = [one.name for one in taken]
    if len(names) > 1:
        return attrgetter(*names)
    return lambda self: tuple(getattr(self, name) for name in names)


def _comparing(values: Callable[[Any], tuple[Any, ...]], *, order: bool) -> dict[str, Any]:
    def equal(self: Any, other: object) -> Any:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    def ordering(compare: Callable[[Any, Any], Any]) -> Callable[[Any, object], Any]:
        def ordered(self: Any, other: object) -> Any:
            return (
                compare(values(self), values(other)) if other.__class__ is self.__class__ else NotImplemented
            )

        return ordered

    orders = {name: ordering(compare) for name, compare in _ORDERS.items()} if order else {}
    return {"__eq__": equal, **orders}


def _hash(values: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any], int]:
    return lambda self: hash(values(self))


@recursive_repr()
def _repr(self: Any) -> str:
    shown = (f"{one.name}={getattr(self, one.name)!r}" for one in dataclasses.fields(self) if one.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _frozen(made: Any, what: str) -> Callable[..., None]:
    rest = super(made, made).__setattr__ if what == "assign to" else super(made, made).__delattr__

    def refused(self: Any, name: str, *value: Any) -> None:
        if type(self) is made or name in made.__dataclass_fields__:
            raise dataclasses.FrozenInstanceError(f"cannot {what} field {name!r}")
        rest(self, name, *value)

    return refused


def _state(self: Any) -> Sequence[Any]:
    return [getattr(self, one.name) for one in dataclasses.fields(self)]


def _fill(self: Any, state: Sequence[Any]) -> None:
    for one, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)


if TYPE_CHECKING:
    # A type checker knows the standard library's, and that is what this is to it.
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 - so it is exported
else:
    dataclass = _dataclass
