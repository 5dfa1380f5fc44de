"""The reference of the Rust client, from its sources: signatures, and what comments say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from docsite.made.clients.shown import Language, Member, Part, page, parts_in
from docsite.sources import ROOT

SOURCES = ROOT / "clients/rust/src"
_FILES = (
    "client.rs",
    "namespace.rs",
    "key_values.rs",
    "keys.rs",
    "pages.rs",
    "changes.rs",
    "batches.rs",
    "retries.rs",
    "moments.rs",
    "vectors.rs",
    "error.rs",
)
_TOP = """\
# The Rust client

Every type and function that the crate `quartzdb-client` exports, made of its source. [Clients](../clients.md) says what
they are for and what all clients do alike. Calls give `Result`, whose `Error` has a `kind`.

```rust
use quartzdb_client::Client;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let db = Client::from_env()?; // QUARTZDB_URL, QUARTZDB_API_KEY
    println!("{}", db.health()?.status);
    Ok(())
}
```
"""
_LANGUAGE = Language("rust", "Fails with the kind")
_ITEM = re.compile(r"^pub (?P<kind>struct|enum|fn|type|trait) (?P<name>\w+)")
_IMPL = re.compile(r"^impl(?:<[^>]*>)? (?:[\w:]+(?:<[^>]*>)? for )?(?P<name>\w+)")


def rust_page() -> str:
    """Markdown."""
    parts = parts_in(SOURCES, _FILES, _parts, exported())
    return page(_TOP, parts, list(_parts(SOURCES / "types.rs")), _LANGUAGE)


def exported() -> set[str]:
    """What the crate says that it has, but for the module of types."""
    text = (SOURCES / "lib.rs").read_text("utf-8")
    lists = re.findall(r"pub use \w+::(?:\{([^}]*)\}|(\w+));", text)
    return {one.strip() for several, single in lists for one in (several or single).split(",")}


def _parts(file: Path) -> Iterator[Part]:
    lines = file.read_text("utf-8").split("\n")
    methods = _methods(lines)
    for place, line in enumerate(lines):
        if found := _ITEM.match(line):
            words = _above(lines, place)
            if found["kind"] == "fn":
                yield Part(found["name"], words, _signature(lines, place), ())
            else:
                yield Part(found["name"], words, _declared(lines, place), methods.get(found["name"], ()))


def _methods(lines: Sequence[str]) -> dict[str, list[Member]]:
    """Public ones, by the type that they are of."""
    found: dict[str, list[Member]] = {}
    owner = ""
    for place, line in enumerate(lines):
        if of := _IMPL.match(line):
            owner = of["name"]
        elif line == "}":
            owner = ""
        elif owner and (method := re.match(r"    pub fn (\w+)", line)):
            signature = re.sub(r"^    ", "", _signature(lines, place), flags=re.MULTILINE)
            found.setdefault(owner, []).append(Member(method[1], signature, _above(lines, place)))
    return found


def _signature(lines: Sequence[str], place: int) -> str:
    """Up to the body."""
    taken: list[str] = []
    for line in lines[place:]:
        taken.append(line)
        if line.endswith("{"):
            break
        if line.endswith("}"):
            return f"{line.rpartition(' {')[0]}"
    return "\n".join(taken).removesuffix("{").rstrip()


def _declared(lines: Sequence[str], place: int) -> str:
    """A struct with what is public in it, or an enum: comments stay, attributes go."""
    taken: list[str] = [lines[place]]
    if not lines[place].endswith(";"):
        for line in lines[place + 1 :]:
            taken.append(line)
            if line == "}":
                break
    shown = [
        line for line in taken if not line.lstrip().startswith("#[") and not _is_private(line, lines[place])
    ]
    return (
        "\n".join(shown)
        if len(shown) > 2 or lines[place].endswith(";")
        else f"{lines[place].removesuffix(' {')} {{ … }}"
    )


def _is_private(line: str, head: str) -> bool:
    return "struct" in head and bool(re.match(r"    (?!pub |///)\S", line))


def _above(lines: Sequence[str], place: int) -> str:
    """The comment that stands above, beyond attributes."""
    words: list[str] = []
    for line in reversed(lines[:place]):
        text = line.strip()
        if text.startswith("///"):
            words.insert(0, text.removeprefix("///").strip())
        elif not text.startswith("#["):
            break
    return re.sub(r"\[(`[^`]+`)\](?!\()", r"\1", " ".join(words))
