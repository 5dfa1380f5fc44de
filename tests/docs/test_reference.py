"""Pages of the reference that are written from the code are what the code says now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from docsite import errors, settings
from quartzdb.api.problems_page import problem_types


@pytest.mark.parametrize(
    ("page", "written", "module"),
    [
        (errors.PAGE, errors.errors_page, "docsite.errors"),
        (settings.PAGE, settings.settings_page, "docsite.settings"),
    ],
    ids=["errors", "settings"],
)
def test_the_page_is_what_the_code_says(page: Path, written: Callable[[], str], module: str) -> None:
    """Else the module writes it anew."""
    assert page.read_text("utf-8") == written(), f"python -m {module}"


def test_every_code_has_advice_and_no_advice_is_for_a_code_that_is_gone() -> None:
    """A reader who looks a code up finds what to do."""
    assert set(errors.ADVICE) == {kind.code for kind in (*problem_types(), *errors.platform_types())}
    assert all(one.endswith(".") for one in errors.ADVICE.values())
