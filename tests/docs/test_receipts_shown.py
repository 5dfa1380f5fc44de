"""Receipts in examples cost what the plans say: those of the API's description, and those of pages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from docsite.sources import DOCS, ROOT
from quartzdb_platform.plans.plan_file import load_plans

_RECEIPT = re.compile(r'\{[^{}]*"cost_usd": "[^{}]*\}')


def _receipts(document: Any) -> Iterator[dict[str, Any]]:
    if isinstance(document, dict):
        if isinstance(document.get("cost_usd"), str):
            yield document
        for inside in document.values():
            yield from _receipts(inside)
    elif isinstance(document, list):
        for inside in document:
            yield from _receipts(inside)


def _of_pages() -> Iterator[dict[str, Any]]:
    for page in (*DOCS.rglob("*.md"), Path(ROOT / "README.md")):
        for found in _RECEIPT.findall(page.read_text("utf-8")):
            yield json.loads(found)


def test_receipts_in_examples_cost_what_plans_say() -> None:
    """Units times price: whoever compares the two pages finds the same."""
    prices = load_plans().versions[-1].prices
    shown = [*_receipts(json.loads((ROOT / "clients/openapi.json").read_text("utf-8"))), *_of_pages()]
    assert len(shown) > 10
    for one in shown:
        micro_dollars = Decimal(one["read_units"] * prices.million_read_units) / 1_000_000
        micro_dollars += Decimal(one["write_units"] * prices.million_write_units) / 1_000_000
        assert Decimal(one["cost_usd"]) * 1_000_000 == micro_dollars, one
