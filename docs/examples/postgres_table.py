"""Keep a table of Postgres in step with a namespace: `python postgres_table.py`, once its .sql was run.

The table and the cursor change in one transaction, so the table is at every moment what the namespace was at some
moment. The first time, and where it was away for too long (410), everything is listed anew.

QUARTZDB_URL (http://127.0.0.1:8787/v1), QUARTZDB_API_KEY and NAMESPACE say what is followed, and PGHOST, PGDATABASE, …
where the table is. Needs nothing but Python and psql.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

URL = os.environ.get("QUARTZDB_URL", "http://127.0.0.1:8787/v1")
KEY = os.environ.get("QUARTZDB_API_KEY", "")
NAMESPACE = os.environ.get("NAMESPACE", "books")


def main() -> None:
    """Follow for ever."""
    while True:
        step(wait=20)


def step(wait: float) -> None:
    """One page, or all anew."""
    cursor = sql(f"SELECT cursor FROM feed_cursors WHERE namespace = {quoted(NAMESPACE)}")
    if not cursor:
        # From now on; what is there already is listed after that, so nothing falls between the two.
        list_anew(ask("GET", "changes")["cursor"])
        return
    query = urllib.parse.urlencode(
        {"cursor": cursor, "wait": wait, "limit": 1_000, "include_metadata": "true"}
    )
    try:
        page = ask("GET", f"changes?{query}")
    except urllib.error.HTTPError as error:
        if error.code != 410:
            raise
        list_anew(json.load(error)["cursor"])
        return
    call("apply_changes", [*page["changes"], *brought_back(page["changes"])], page["cursor"])


def brought_back(changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Records that a patch prolonged at the last moment, so that it comes after their expiry: the table lacks them.

    They are read as they are now. An upsert that is on the same page comes first, and the later version stays.
    """
    prolonged = [one["id"] for one in changes if one["kind"] == "patch" and "expires_at" in one]
    if not prolonged:
        return []
    known = "SELECT FROM books WHERE books.id = wanted.id"
    ids = f"jsonb_array_elements_text({quoted(json.dumps(prolonged))}::jsonb) AS wanted (id)"
    missing = sql(f"SELECT json_agg(DISTINCT id) FROM {ids} WHERE NOT EXISTS ({known})")
    if not missing:
        return []
    fetched = ask("POST", "vectors/fetch", {"ids": json.loads(missing)})
    return [{"kind": "upsert", **record} for record in fetched["records"]]


def list_anew(cursor: str) -> None:
    """Everything that is there now, and where to go on afterwards."""
    records: list[Any] = []
    place = None
    while True:
        page = ask("POST", "vectors/list", {"limit": 1_000, "cursor": place})
        records += page["records"]
        place = page["cursor"]
        if place is None:
            call("replace_all", records, cursor)
            return


def call(function: str, documents: list[Any], *others: str) -> None:
    """A function of the .sql, in its own transaction."""
    rest = ", ".join(map(quoted, others))
    sql(f"SELECT {function}({quoted(NAMESPACE)}, {quoted(json.dumps(documents))}::jsonb, {rest})")


def sql(statement: str) -> str:
    """What psql prints of a statement."""
    psql = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"]
    return subprocess.run(psql, input=statement, text=True, check=True, capture_output=True).stdout.strip()


def quoted(text: str) -> str:
    """A literal between dollars: nothing in it means anything, since nobody can guess the tag."""
    tag = f"${'q' + secrets.token_hex(8)}$"
    return f"{tag}{text}{tag}"


def ask(method: str, path: str, body: object = None) -> dict[str, Any]:
    """One request to the namespace."""
    request = urllib.request.Request(
        f"{URL}/namespaces/{NAMESPACE}/{path}",
        None if body is None else json.dumps(body).encode(),
        {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        document: dict[str, Any] = json.load(answer)
    return document


if __name__ == "__main__":
    main()
