"""docs/platform.md says what the tables of the package say."""

from __future__ import annotations

from pathlib import Path

from quartzdb_platform.domain.permissions import PERMISSIONS, Permission, Role

PAGE = Path(__file__).parents[2] / "docs" / "platform.md"


def permission_table() -> str:
    """Every permission, and the roles that have it."""
    lines = [f"| | {' | '.join(Role)} |", "|---|" + ":-:|" * len(Role)]
    for permission in Permission:
        marks = ["✓" if permission in PERMISSIONS[role] else "" for role in Role]
        lines.append(
            f"| `{permission.value}` | {' | '.join(marks)} |".replace("|  |", "| |").replace("|  |", "| |")
        )
    return "\n".join(lines)


def test_the_page_has_the_permission_table() -> None:
    """As it is now."""
    assert permission_table() in PAGE.read_text("utf-8"), permission_table()
