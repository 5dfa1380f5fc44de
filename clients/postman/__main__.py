"""`python -m clients.postman` writes the collection from `clients/openapi.json`; `--check` compares."""

from __future__ import annotations

import json
import sys

from clients.generate.document import DOCUMENT
from clients.postman.collection import COLLECTION, collection, written


def main() -> int:
    """Write, or with --check compare. Gives the exit status."""
    text = written(collection(json.loads(DOCUMENT.read_text("utf-8"))))
    if "--check" in sys.argv[1:]:
        fresh = COLLECTION.is_file() and COLLECTION.read_text("utf-8") == text
        if not fresh:
            print(f"{COLLECTION} is not what `make clients-types` writes.")  # noqa: T201 - a command
        return not fresh
    COLLECTION.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
