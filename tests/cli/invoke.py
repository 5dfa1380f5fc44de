"""Running the command in this process, as a script would: stdout is no terminal."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from quartzdb.cli.main import cli


def run(data_dir: Path, *arguments: str | Path, stdin: bytes | None = None) -> Result:
    """The command on a data directory; what it raised besides its own exit is raised here."""
    result = CliRunner().invoke(
        cli, [*map(str, arguments), "--data-dir", str(data_dir)], prog_name="quartzdb", input=stdin
    )
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def answer(data_dir: Path, *arguments: str | Path, stdin: bytes | None = None) -> Any:
    """The JSON that a command that succeeds answers with: one line, and nothing else."""
    result = run(data_dir, *arguments, "--json", stdin=stdin)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.count("\n") == 1
    return json.loads(result.stdout)


def refusal(data_dir: Path, *arguments: str | Path, exit_code: int = 1, stdin: bytes | None = None) -> str:
    """What a command that fails says on stderr; it says nothing on stdout."""
    result = run(data_dir, *arguments, stdin=stdin)
    assert result.exit_code == exit_code, result.stdout
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return result.stderr


def write_jsonl(path: Path, documents: list[Any]) -> Path:
    """A file of JSON lines; a string goes in as it is."""
    path.write_text("".join((d if isinstance(d, str) else json.dumps(d)) + "\n" for d in documents))
    return path


def books(count: int, dimension: int = 4) -> list[dict[str, Any]]:
    """Records b0, b1, …, each with a direction of its own."""
    return [
        {
            "id": f"b{number}",
            "vector": [math.sin(number * (location + 1) + location) + 1.5 for location in range(dimension)],
            "metadata": {"year": 1900 + number, "even": number % 2 == 0},
        }
        for number in range(count)
    ]
