"""One point of a curve: what is built, and where its results and its files are."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from quartzdb.domain.namespace import EngineChoice, Precision


@dataclass(frozen=True, slots=True)
class Case:
    """So many records of so many dimensions, under one engine."""

    dimension: int
    engine: EngineChoice
    precision: Precision
    rows: int

    @property
    def name(self) -> str:
        """For files and lines."""
        return f"{self.dimension}-{self.engine}-{self.precision}-{self.rows}"

    def arguments(self) -> list[str]:
        """As `parse` reads them back in another process."""
        return [f"--case={self.name}"]

    @staticmethod
    def parse(name: str) -> Case:
        """A case by its name. Raises ArgumentTypeError."""
        try:
            dimension, engine, precision, rows = name.split("-")
            return Case(int(dimension), EngineChoice(engine), Precision(precision), int(rows))
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{name!r} is no case: {error}") from error


@dataclass(frozen=True, slots=True)
class Step:
    """What one process is told on its command line."""

    case: Case
    data: Path
    directory: Path
    batch: int
    queries: int
    seconds: float
    memory_gb: float | None


def parse_step(description: str | None) -> Step:
    """The command line of a step's process."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--case", type=Case.parse, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--queries", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--memory-gb", type=float)
    return Step(**vars(parser.parse_args()))
