"""Compute the tables of docs/scaling.md anew and write them into it: `python -m benchmarks.scaling`."""

from __future__ import annotations

from benchmarks.scaling.page import PAGE, renewed

if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text()))
    print(f"{PAGE} has the tables of today's constants and prices.")
