"""`python -m docsite.samples`: write the code samples of the API's page."""

from __future__ import annotations

from docsite.samples.document import FILE, text

FILE.write_text(text(), "utf-8")
