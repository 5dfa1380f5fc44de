"""The pages about this package."""

from __future__ import annotations

import pytest

from tests.integrations.readme import check


@pytest.mark.parametrize(
    ("page", "heading"),
    [("integrations/llama-index/README.md", None), ("docs/integrations.md", "LlamaIndex")],
)
def test_examples(page: str, heading: str | None) -> None:
    """They run, and print what they say."""
    check(page, heading)
