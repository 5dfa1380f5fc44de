"""One instance of an edge function: a process that sees the bundle and the standard library, and nothing else.

Run as `python -I -S instance_process.py BUNDLE`, by its file and not as a module, so that this project is not on its
path. Events come in as lines of JSON, results go out; what the function prints goes to stderr.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from typing import Any


class Context:
    """Lambda's."""

    function_name = "us-east-1.quartzdb-edge-router"
    memory_limit_in_mb = 128
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:quartzdb-edge-router:1"

    def __init__(self, seconds: float) -> None:
        self.aws_request_id = "11111111-2222-3333-4444-555555555555"
        self._ends_at = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        """Until CloudFront ends the function."""
        return max(0, int(1000 * (self._ends_at - time.monotonic())))


def main() -> None:
    """Answer events until stdin ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.path[:0] = [sys.argv[1]]
    module = importlib.import_module("handler")
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        try:
            answer: dict[str, Any] = {"result": module.handler(asked["event"], Context(asked["seconds"]))}
            text = json.dumps(answer)
        except Exception as error:  # noqa: BLE001 - Lambda, too, reports whatever a function raises
            traceback.print_exc()
            text = json.dumps({"error": f"{type(error).__name__}: {error}"})
        answers.write(text + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
