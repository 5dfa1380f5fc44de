"""Conditions of a write: which version a record or key must be at for the write to be done."""

from __future__ import annotations

from quartzdb.domain.hlc import Version
from quartzdb.domain.values import dataclass


@dataclass(frozen=True, slots=True)
class Condition:
    """`versions`: those that are meant, None for whatever there is. `negated`: it must be at none of them.

    What does not exist is at no version: Condition(None) is that it exists, and Condition(None, negated=True) that it
    does not.
    """

    versions: frozenset[Version] | None = None
    negated: bool = False

    @staticmethod
    def at(version: Version) -> Condition:
        """It must be at this version."""
        return Condition(frozenset({version}))

    def holds(self, present: Version | None) -> bool:
        """Whether what is at this version, or does not exist (None), may be changed."""
        named = present is not None and (self.versions is None or present in self.versions)
        return named != self.negated

    def failure(self, what: str, present: Version | None) -> str:
        """The sentence for a write that is not done. `what` is what it would have changed, such as "The key 'a'"."""
        if self.versions is None:
            wanted = "not exist" if self.negated else "exist"
        else:
            named = ", ".join(sorted(map(str, self.versions))[:3]) or "a version that nothing ever had"
            more = len(self.versions) - 3
            wanted = f"{'not ' if self.negated else ''}be at {'version ' if self.versions else ''}{named}"
            wanted += f" or one of {more} others" if more > 0 else ""
        there = "does not exist" if present is None else f"is at version {present}"
        return f"{what} must {wanted}, but it {there}."


ABSENT = Condition(None, negated=True)
"""It must not exist."""
PRESENT = Condition(None)
"""It must exist."""
