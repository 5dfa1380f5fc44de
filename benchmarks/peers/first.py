"""The least program that asks one thing: `python -m benchmarks.peers.first NAME PLACE SETTING VECTOR.npy`.

Prints when it began to open the database, when it had the answer, and the answer; the driver knows when it began this.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.peers.registry import PEERS


def main() -> None:
    """Open, ask once, print."""
    import json

    name, place, setting, vector = sys.argv[1:]
    peer = PEERS[name].make()
    opening = time.monotonic()
    peer.open(Path(place))
    (first, *_) = peer.asking(json.loads(setting), None)(np.load(vector))
    print(json.dumps([opening, time.monotonic(), first]), flush=True)
    peer.close()


if __name__ == "__main__":
    main()
