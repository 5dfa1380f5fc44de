"""`python -m docsite`: build the documentation into build/site/."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from docsite.building import BuildFailed, build
from docsite.sources import ROOT


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m docsite", description="Build the documentation.")
    parser.add_argument("--into", type=Path, default=ROOT / "build/site", help="default: build/site")
    parser.add_argument(
        "--zensical", type=Path, default=ROOT / ".venv-docs/bin/zensical", help="the generator"
    )
    arguments = parser.parse_args()
    try:
        pages = build(arguments.into, zensical=arguments.zensical)
    except BuildFailed as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command
        return 1
    print(f"{pages} pages: {arguments.into}/index.html")  # noqa: T201 - a command
    return 0


sys.exit(main())
