"""Tell a webhook of every change in a namespace: `python webhook.py https://example.com/hook`.

Each page of changes is one POST of JSON. It is sent until it is taken (2xx), and only then the cursor is kept, in a
file: whoever is interrupted sends the last page again, and none is left out. The receiver passes over what it has by
its version.

QUARTZDB_URL (http://127.0.0.1:8787/v1), QUARTZDB_API_KEY, NAMESPACE and CURSOR_FILE (cursor.txt) say what is followed.
Needs nothing but Python.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

URL = os.environ.get("QUARTZDB_URL", "http://127.0.0.1:8787/v1")
KEY = os.environ.get("QUARTZDB_API_KEY", "")
NAMESPACE = os.environ.get("NAMESPACE", "default")
CURSOR_FILE = Path(os.environ.get("CURSOR_FILE", "cursor.txt"))
PAUSE_SECONDS_MAX = 60.0


def main(hook: str) -> None:
    """Follow for ever."""
    for page in pages(CURSOR_FILE.read_text() if CURSOR_FILE.exists() else None):
        if page["changes"]:
            deliver(hook, page["changes"])
        keep(page["cursor"])


def pages(cursor: str | None) -> Iterator[dict[str, Any]]:
    """Page after page, each after the one before was dealt with; empty ones, too, which have a cursor."""
    while True:
        where = {"cursor": cursor} if cursor else {"from": "now"}
        query = urllib.parse.urlencode({**where, "wait": 20, "limit": 1_000, "include_metadata": "true"})
        try:
            page = ask(f"{URL}/namespaces/{NAMESPACE}/changes?{query}", {"Authorization": f"Bearer {KEY}"})
        except urllib.error.HTTPError as error:
            if error.code != 410:
                raise
            # Too far behind: tell the receiver that it has to read everything anew, and go on from there.
            page = {"changes": [{"kind": "gap"}], "cursor": json.load(error)["cursor"]}
        yield page
        cursor = page["cursor"]


def deliver(hook: str, changes: list[dict[str, Any]]) -> None:
    """Send until it is taken, with ever longer pauses."""
    pause = 0.5
    body = json.dumps({"namespace": NAMESPACE, "changes": changes}).encode()
    while True:
        try:
            ask(hook, {"Content-Type": "application/json"}, body)
            return
        except OSError as error:  # also an HTTPError, which is one
            print(f"not delivered, again in {pause:g} s: {error}", file=sys.stderr)
            time.sleep(pause)
            pause = min(2 * pause, PAUSE_SECONDS_MAX)


def keep(cursor: str) -> None:
    """Replace the file whole: half a cursor would be none."""
    beside = CURSOR_FILE.with_suffix(".new")
    beside.write_text(cursor)
    beside.replace(CURSOR_FILE)


def ask(url: str, headers: Mapping[str, str], body: bytes | None = None) -> dict[str, Any]:
    """One request; its answer where that is JSON."""
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60) as answer:
        content = answer.read()
    return json.loads(content) if content.startswith(b"{") else {}


if __name__ == "__main__":
    main(sys.argv[1])
