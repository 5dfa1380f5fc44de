"""Cuts botocore's descriptions of AWS down to what a function reads of them.

A client reads the description of its service and that of every endpoint there is, and parsing them takes longer than
all else in making it. Most of them is prose for documentation, and endpoints of services that no function calls.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from layers.build.plan import AWS_SERVICES

_DATA = Path("botocore/data")
_PROSE = frozenset({"documentation", "documentationUrl"})


def shorten(python: Path) -> None:
    """Rewrite the descriptions of `AWS_SERVICES` below `python`, and the table of endpoints."""
    data = python / _DATA
    if not data.is_dir():
        return
    endpoints = set()
    for service in sorted(AWS_SERVICES):
        for packed in sorted(data.glob(f"{service}/*/*.json.gz")):
            # Not packed again: the layer is a zip file, and a cold start need not unpack it twice.
            description = json.loads(gzip.decompress(packed.read_bytes()))
            if packed.name == "service-2.json.gz":
                endpoints.add(description["metadata"]["endpointPrefix"])
                description = _without_prose(description)
            _write(packed.with_suffix(""), description)
            packed.unlink()
    table = data / "endpoints.json"
    document = json.loads(table.read_bytes())
    for partition in document["partitions"]:
        partition["services"] = {
            name: service for name, service in partition["services"].items() if name in endpoints
        }
    _write(table, document)


def _without_prose(part: Any, *, named: bool = False) -> Any:
    """`named`: the keys of this part are names that AWS chose, of which one may be "documentation"."""
    if isinstance(part, list):
        return [_without_prose(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {
        # botocore reads the prose of these, so it has to be there.
        key: value
        if key == "clientContextParams"
        else _without_prose(value, named=not named and key in {"members", "shapes", "operations"})
        for key, value in part.items()
        if named or key not in _PROSE
    }


def _write(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, separators=(",", ":"), ensure_ascii=False))
