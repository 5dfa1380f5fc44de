"""A library that another thread is in the middle of importing."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest

from quartzdb.storage.index.engines.row_products import products_in_place
from quartzdb.storage.index.segments.stored_vectors import MappedVectors


def test_rows_are_gathered_while_faiss_is_being_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is among the modules already, with nothing in it; a search that looks then must not fail."""
    monkeypatch.setitem(sys.modules, "faiss", ModuleType("faiss"))
    rows = np.ones((3, 4), np.float32)
    stored = MappedVectors(rows, np.full(3, 2.0, np.float32))
    assert products_in_place(stored, rows[0], np.arange(3)) is None
