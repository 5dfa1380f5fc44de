"""What the classes of answers have in common: they compare by what they hold, and show it."""

from __future__ import annotations

from quartzdb_client.moments import NEVER


class AnswerPart:
    """An object of an answer. Its attributes are those of the API."""

    __slots__: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__)})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]  # they hold lists and dictionaries

    def to_dict(self) -> dict[str, object]:
        """As plain dictionaries and lists; vectors as lists of numbers."""
        return {name: _plain(getattr(self, name)) for name in self.__slots__}


def _plain(value: object) -> object:
    if isinstance(value, AnswerPart):
        return value.to_dict()
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if value is NEVER:
        return None
    return value.tolist() if hasattr(value, "tolist") else value
