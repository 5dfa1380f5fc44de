"""The reference of the JavaScript client, from its sources: signatures in TypeScript, and what comments say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from docsite.made.clients.shown import Language, Member, Part, page, parts_in
from docsite.sources import ROOT

SOURCES = ROOT / "clients/javascript/src"
_FILES = (
    "client.ts",
    "namespace.ts",
    "keyValues.ts",
    "keys.ts",
    "pages.ts",
    "changes.ts",
    "batches.ts",
    "errors.ts",
    "freshness.ts",
    "moments.ts",
    "transport.ts",
    "vectors.ts",
)
_TOP = """\
# The JavaScript client

Every class, function and type that `@quartzdb/client` exports, made of its source, with signatures in TypeScript.
[Clients](../clients.md) says what they are for and what all clients do alike.

```js
import { QuartzDB } from "@quartzdb/client";

const db = new QuartzDB(); // QUARTZDB_URL, QUARTZDB_API_KEY
console.log((await db.health()).status);
```
"""
_LANGUAGE = Language("ts", "Throws")
_ITEM = re.compile(
    r"(?P<doc>/\*\*(?:(?!\*/).)*\*/\n)?"
    r"^export (?:async )?(?P<kind>class|interface|type|function\*?|const) (?P<name>\w+)",
    re.MULTILINE | re.DOTALL,
)
_MEMBER = re.compile(r"^  (?:async |get )?(?:\*)?(?P<name>constructor|[a-z]\w*)(?:<[^>]*>)?\(")
_FIELD = re.compile(r"^ +(?:override )?readonly (?P<field>[a-z]\w*: [^=]+?)(?: = .*)?[;,]$")


def javascript_page() -> str:
    """Markdown."""
    parts = parts_in(SOURCES, _FILES, _parts, exported())
    return page(_TOP, parts, list(_parts(SOURCES / "types.ts")), _LANGUAGE)


def exported() -> set[str]:
    """What the package's first module exports, but for all of types.ts."""
    text = (SOURCES / "index.ts").read_text("utf-8")
    lists = re.findall(r"export (?:type )?\{([^}]*)\}", text)
    return {one.split()[-1] for part in lists for one in part.split(",") if one.strip()} - {"VERSION"}


def _parts(file: Path) -> Iterator[Part]:
    text = file.read_text("utf-8")
    for found in _ITEM.finditer(text):
        source = _whole(text, found.end(), found["kind"])
        head = text[found.start() : found.end()].removeprefix(found["doc"] or "").removeprefix("export ")
        words = _words(found["doc"] or "")
        match found["kind"]:
            case "class":
                extends = re.match(r"[^{]*", source)
                assert extends is not None
                code = f"{head}{extends[0].rstrip()}"
                if fields := list(_fields(source)):
                    code = "\n".join([f"{code} {{", *fields, "}"])
                yield Part(found["name"], words, code, list(_members(source)))
            case "function" | "function*":
                yield Part(found["name"], words, f"{head}{_signature(source)}", ())
            case "const":
                yield Part(found["name"], words, f"{head}{source}".partition(" =")[0], ())
            case _:
                yield Part(found["name"], words, f"{head}{source}", ())


def _whole(text: str, begin: int, kind: str) -> str:
    """From after a name to where its declaration ends."""
    if kind in ("type", "const"):
        end = re.compile(r";\n(?! )").search(text, begin)
        assert end is not None
        return text[begin : end.start()]
    end = re.compile(r"\n\}\n?|\{\}\n").search(text, begin)
    assert end is not None
    return text[begin : end.end()].rstrip("\n")


def _fields(source: str) -> Iterator[str]:
    """Public fields of a class, with what is said above each."""
    lines = source.split("\n")
    for place, line in enumerate(lines):
        if field := _FIELD.match(line):
            if lines[place - 1].startswith("  /** "):
                yield lines[place - 1]
            yield f"  readonly {field['field']};"


def _members(source: str) -> Iterator[Member]:
    """Public methods of a class, which the formatter has indented by two."""
    comment = ""
    lines = source.split("\n")
    for place, line in enumerate(lines):
        if line.startswith("  /**"):
            end = next(number for number, one in enumerate(lines[place:]) if "*/" in one)
            comment = "\n".join(lines[place : place + end + 1])
        elif method := _MEMBER.match(line):
            if comment or method["name"] != "constructor":
                signature = re.sub(r"^  ", "", _signature("\n".join(lines[place:])), flags=re.MULTILINE)
                yield Member(method["name"], signature, _words(comment))
            comment = ""
        elif re.match(r"  [^ */]", line) and not line.startswith("  }"):
            comment = ""


def _signature(source: str) -> str:
    """Up to the body: the first line that ends with an opening brace outside parentheses."""
    depth = 0
    for place, letter in enumerate(source):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(letter, 0)
        if letter == "{" and depth == 0 and source[place + 1] == "\n":
            return source[:place].rstrip()
    raise LookupError(f"Where does this end: {source[:80]}")


def _words(comment: str) -> str:
    inside = re.sub(r"^\s*(/\*\*|\*/|\*)\s?|\s*\*/$", "", comment.strip(), flags=re.MULTILINE)
    return " ".join(inside.split())
