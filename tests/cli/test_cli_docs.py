"""docs/cli.md says of the command what the command says of itself."""

from __future__ import annotations

import re

from quartzdb.cli import failure
from tests.cli.cli_reference import PAGE, page


def test_the_reference_is_that_of_the_commands() -> None:
    """Every command, argument and option. `python -m tests.cli.cli_reference` writes it anew."""
    assert PAGE.read_text("utf-8") == page()


def test_every_exit_status_is_documented() -> None:
    """Scripts rely on them."""
    documented = {
        int(status) for status in re.findall(r"^\| (\d+) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    }
    declared = {value for name, value in vars(failure).items() if name.isupper() and isinstance(value, int)}
    assert documented == {0, 2} | declared
