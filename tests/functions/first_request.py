"""One process of a test: a function as it is after a snapshot, and what its first request imports.

Reads from standard input, as JSON, an event and whether the function is sent searches; prints the answer and what was
imported for it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from types import ModuleType

from tests.functions.lambda_context import FakeContext


def main() -> None:
    """Prepare, answer, print."""
    hooks: list[Callable[[], None]] = []
    runtime = ModuleType("snapshot_restore_py")
    runtime.register_before_snapshot = hooks.append  # type: ignore[attr-defined]
    runtime.register_after_restore = lambda renew: None  # type: ignore[attr-defined]
    sys.modules["snapshot_restore_py"] = runtime
    from quartzdb.aws_lambda.http_function import http_function
    from quartzdb.aws_lambda.settings import read_settings

    event, searches = json.load(sys.stdin)
    handler = http_function(read_settings(), searches=searches)
    for prepare in hooks:
        prepare()
    before = set(sys.modules)
    answer = handler(event, FakeContext())
    found = [answer["statusCode"], answer["body"], sorted(set(sys.modules) - before)]
    sys.stdout.write("\n" + json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
