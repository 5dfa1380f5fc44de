"""The security pages promise nothing without something that holds it: what they name as a proof is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_ROW = re.compile(r"^\| [STRIDE](?:, [STRIDE])* \|.*\|$", re.MULTILINE)


@pytest.mark.parametrize("page", ["SECURITY.md", "docs/security.md", "docs/asvs.md"])
def test_every_link_of_a_security_page_leads_somewhere(page: str) -> None:
    """To a file or folder of this repository."""
    links = re.findall(r"\]\(([^)]+)\)", (_ROOT / page).read_text())
    local = [link.partition("#")[0] for link in links if not link.startswith("http")]
    assert local
    assert [link for link in local if link and not ((_ROOT / page).parent / link).exists()] == []


def test_every_threat_names_its_proof_or_says_that_there_is_none() -> None:
    """The last column of each row has a test or a page of checks, or the word `none`."""
    rows = _ROW.findall((_ROOT / "docs" / "security.md").read_text())
    assert len(rows) > 30
    for row in rows:
        held_by = row.split("|")[-2].strip()
        assert held_by == "none" or "../tests/" in held_by, row
