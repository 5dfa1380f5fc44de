"""What a drill takes for lost: the judge has to notice, and must not cry wolf."""

from __future__ import annotations

import pytest

from local.drill.ledger import Ledger, Name

NAME = Name("key", "a")


def ledger(*events: tuple[str, object]) -> Ledger:
    made = Ledger()
    for kind, value in events:
        (made.acknowledged if kind == "yes" else made.doubtful)(NAME, value)
    return made


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ([("yes", 1)], 1),
        ([("yes", 1), ("yes", 2)], 2),
        ([("yes", 1), ("yes", None)], None),
        ([("doubt", 1)], None),
        ([("doubt", 1)], 1),
        ([("yes", 1), ("doubt", 2)], 1),
        ([("yes", 1), ("doubt", 2)], 2),
        ([("doubt", 1), ("yes", 2)], 1),
        ([("yes", 1), ("doubt", None)], None),
    ],
)
def test_what_the_writes_explain_is_right(events: list[tuple[str, object]], found: object) -> None:
    """A write without an answer may have happened, or happen later than the next."""
    assert ledger(*events).judge(NAME, found) is None


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ([("yes", 1)], None),
        ([("yes", 1), ("yes", 2)], 1),
        ([("yes", 1), ("yes", None)], 1),
        ([("yes", None)], 1),
        ([("doubt", 1)], 2),
        ([("yes", 1), ("doubt", 2)], None),
    ],
)
def test_what_no_write_explains_is_wrong(events: list[tuple[str, object]], found: object) -> None:
    """Lost, gone back, risen from the dead, or from nowhere."""
    assert ledger(*events).judge(NAME, found) is not None
