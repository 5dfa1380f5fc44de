"""Writes the computed tables into docs/costs.md and docs/cold-start.md: `python -m benchmarks.costs`."""

from __future__ import annotations

from benchmarks.costs.page import PAGES, renewed

if __name__ == "__main__":
    for page in PAGES:
        page.write_text(renewed(page.read_text()))
        print(f"{page} has the tables of today's prices and requests.")
