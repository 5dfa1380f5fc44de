"""Compute the tables of docs/costs.md anew and write them into it."""

from __future__ import annotations

from benchmarks.costs.page import PAGE, renewed

if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text()))
    print(f"{PAGE} has the tables of today's prices and requests.")
