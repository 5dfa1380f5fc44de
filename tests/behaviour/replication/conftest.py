"""Two sites in memory, and what a peer that knows only `/api/*` is."""

from __future__ import annotations

import pytest

from tests.manual_clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()
