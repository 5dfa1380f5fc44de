"""Says what was built: for who deploys it, and for who wants to know whether two builds are the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from layers.build.archive import Packed
from layers.build.interpreter import Interpreter
from layers.build.lock import Locked
from layers.build.plan import MB


def write_manifest(
    path: Path,
    built: Mapping[str, Mapping[str, Packed]],
    lock: Mapping[str, Locked],
    interpreter: Interpreter,
) -> None:
    """`built` is processor → layer → zip file. Paths in the manifest are relative to it."""
    document = {
        "python": ".".join(map(str, interpreter.version)),
        "packages": {name: package.version for name, package in sorted(lock.items())},
        "layers": {
            architecture: {
                name: {
                    "file": packed.path.relative_to(path.parent).as_posix(),
                    "files": packed.files,
                    "unzipped_bytes": packed.unzipped_bytes,
                    "zipped_bytes": packed.zipped_bytes,
                    "sha256": packed.sha256,
                    "content_sha256": packed.content_sha256,
                }
                for name, packed in layers.items()
            }
            for architecture, layers in built.items()
        },
    }
    path.write_text(json.dumps(document, indent=2) + "\n")


def table(built: Mapping[str, Mapping[str, Packed]]) -> str:
    """The sizes, for people."""
    lines = [f"{'':8} {'layer':10} {'files':>6} {'unzipped MB':>12} {'zipped MB':>10}  SHA-256"]
    for architecture, layers in built.items():
        for name, packed in layers.items():
            lines.append(
                f"{architecture:8} {name:10} {packed.files:6} {packed.unzipped_bytes / MB:12.1f}"
                f" {packed.zipped_bytes / MB:10.1f}  {packed.sha256[:16]}"
            )
        unzipped = sum(packed.unzipped_bytes for packed in layers.values()) / MB
        zipped = sum(packed.zipped_bytes for packed in layers.values()) / MB
        lines.append(f"{architecture:8} {'together':10} {'':6} {unzipped:12.1f} {zipped:10.1f}")
    return "\n".join(lines)
