"""Groups of the answer to a question: what may be asked for, and where a group stands.

A record is in the group of each value that it has at a path, and of each element of an array there; null is no value.
So one without any is in no group.
"""

from __future__ import annotations

from typing import NamedTuple

from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.limits import GROUP_MATCHES_MAX, GROUPS_ASKED_MAX, TOP_K_MAX
from quartzdb.domain.metadata import PATH_CHARACTERS_MAX, is_path
from quartzdb.domain.rank import RankPlace
from quartzdb.domain.values import dataclass

LAST_KEY = b"\xff"
"""Greater than any field key."""


@dataclass(frozen=True, slots=True)
class GroupBy:
    """The `groups` best groups by the values at a path, of each the `per_group` best records."""

    path: str
    per_group: int = 3
    groups: int = 10


class GroupPlace(NamedTuple):
    """Where a group stands: by its best record, and of groups with the same one by the field key of their value."""

    score: float
    id: str
    key: bytes

    @property
    def sort_key(self) -> tuple[float, str, bytes]:
        """What is less for what comes first."""
        return (-self.score, self.id, self.key)

    @staticmethod
    def of(best: RankPlace, key: bytes) -> GroupPlace:
        """The place of a group whose best record is there."""
        return GroupPlace(best.score, best.id, key)


def check_group_by(group_by: GroupBy, field: str = "group_by") -> None:
    """Raises InvalidArgument for what cannot be asked."""
    check_group_path(group_by.path, f"{field}.field")
    if not 1 <= group_by.per_group <= GROUP_MATCHES_MAX:
        raise InvalidArgument(
            f"per_group must be 1 to {GROUP_MATCHES_MAX}, not {group_by.per_group}.",
            field=f"{field}.per_group",
        )
    if not 1 <= group_by.groups <= GROUPS_ASKED_MAX:
        raise InvalidArgument(
            f"groups must be 1 to {GROUPS_ASKED_MAX}, not {group_by.groups}.", field=f"{field}.groups"
        )
    if group_by.groups * group_by.per_group > TOP_K_MAX:
        raise InvalidArgument(
            f"An answer has at most {TOP_K_MAX} matches; {group_by.groups} groups of {group_by.per_group} have more.",
            field=f"{field}.groups",
            hint="Ask for fewer groups, and go on with `cursor`.",
        )


def check_group_path(path: str, field: str) -> None:
    """Raises InvalidArgument for what cannot name a field."""
    if not is_path(path):
        raise InvalidArgument(
            f"A field has 1 to {PATH_CHARACTERS_MAX} characters.",
            field=field,
            hint="Name a metadata field, such as `doc_id` or `source.url`.",
        )
