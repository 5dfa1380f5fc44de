"""Races vector databases: `python -m benchmarks.peers [--rows N] [--only "NAME;NAME…"] [--json FILE] [--write-docs]`.

Run by `make bench-peers` in an environment of its own. Every database gets the same vectors with the same fields, in
batches; is asked the same queries, with and without filters; and returns ids, scores and fields. Of each, the fastest
setting that reaches a recall is raced: all in turn, round by round; the median round counts.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from benchmarks.children import ROOT
from benchmarks.peers.about import about
from benchmarks.peers.page import table_page, write_page
from benchmarks.peers.plan import CASES, Plan
from benchmarks.peers.registry import PEERS
from benchmarks.peers.results import Results
from benchmarks.peers.run import run

DATA = ROOT / "build" / "data" / "minilm-100k"
PAGE = ROOT / "docs" / "benchmarks.md"


def main() -> None:
    """Measure what is not measured yet; print, and write the page if asked to."""
    options = _options()
    if options.render:
        results = Results.read(options.render)
    else:
        names = [name for name in PEERS if not options.only or name in options.only.split(";")]
        if not names:
            raise SystemExit(f"None of these is a peer: {options.only}. There are: {'; '.join(PEERS)}")
        wanted = options.cases.split(";")
        if unknown := sorted({*wanted} - {*CASES}):
            raise SystemExit(f"These are no cases: {'; '.join(unknown)}. There are: {'; '.join(CASES)}")
        with tempfile.TemporaryDirectory(dir=ROOT / "build") as scratch:
            plan = Plan(
                options.data,
                options.rows,
                names,
                wanted,
                options.rounds,
                options.race_seconds,
                options.keep or Path(scratch),
            )
            plan.kept.mkdir(parents=True, exist_ok=True)
            results = Results(about(plan), options.json)
            run(plan, results)
            results.save()
    if options.write_docs:
        write_page(results.document(), PAGE)
    elif options.print_json:
        print(json.dumps(results.document(), indent=1))
    else:
        print(table_page(results.document()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, default=DATA, help="base.npy, queries.npy, gt.npy")
    parser.add_argument("--rows", type=int, help="only the first so many")
    parser.add_argument("--only", help="some of these, with semicolons: " + "; ".join(PEERS))
    parser.add_argument("--cases", default=";".join(CASES), help="some of these (default: all)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--race-seconds", type=float, default=0.5, help="of each race")
    parser.add_argument("--keep", type=Path, help="keep indexes here, and use those that are there")
    parser.add_argument("--json", type=Path, help="keep figures here, and go on with those that are there")
    parser.add_argument("--print-json", action="store_true", help="print figures instead of tables")
    parser.add_argument("--render", type=Path, help="measure nothing: show the figures of this file")
    parser.add_argument("--write-docs", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    return parser.parse_args()


if __name__ == "__main__":
    main()
