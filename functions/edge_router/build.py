"""Builds the edge router's bundle: handler, the modules that it uses, configuration. Everything that Lambda@Edge gets.

`python -m functions.edge_router.build --config edge.json --out DIR`. The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from quartzdb.routing.decision.edge_config import EdgeConfig, decode_config, encode_config

BUNDLE_BYTES_MAX = 1_000_000
HANDLER = "handler.handler"
_HERE = Path(__file__).parent
_PACKAGE = _HERE.parents[1] / "layers" / "quartzdb" / "python" / "quartzdb"
_OF_THE_PACKAGE = (
    "__init__.py",
    "net/*.py",
    "routing/__init__.py",
    "routing/edge/*.py",
    "routing/decision/__init__.py",
    "routing/decision/client_counts.py",
    "routing/decision/client_marks.py",
    "routing/decision/edge_config.py",
    "routing/decision/override.py",
    "routing/decision/passive.py",
    "routing/decision/route.py",
    "routing/decision/signing.py",
    "routing/decision/state.py",
    "routing/decision/state_cache.py",
    "routing/decision/suspicion.py",
)


class BundleTooLarge(Exception):
    """More than a bundle of a few modules can be."""


def build_bundle(config: EdgeConfig, out: Path) -> Path:
    """Write it to `out`, replacing what is there; `HANDLER` is what Lambda calls. Returns `out`."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    shutil.copyfile(_HERE / "handler.py", out / "handler.py")
    for pattern in _OF_THE_PACKAGE:
        for source in sorted(_PACKAGE.glob(pattern)):
            target = out / "quartzdb" / source.relative_to(_PACKAGE)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    (out / "edge_config.json").write_bytes(encode_config(config))
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    if size > BUNDLE_BYTES_MAX:
        raise BundleTooLarge(f"{out} has {size} bytes")
    return out


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="the configuration, as JSON")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write")
    arguments = parser.parse_args()
    build_bundle(decode_config(arguments.config.read_bytes()), arguments.out)


if __name__ == "__main__":
    main()
