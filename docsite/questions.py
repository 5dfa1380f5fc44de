"""The playground's questions with their vectors: a page has no model, so these are embedded beforehand.

`python -m docsite.questions` writes them into the site's scripts, with the model of `quartzdb demo`; a test asks
whether they are still what it gives.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np

from quartzdb.cli.demo.embedding import Embedder

QUESTIONS = Path(__file__).parent / "static/playground/questions.js"
TEXTS = (
    "split a string on commas",
    "parse command line arguments",
    "run a function in another thread",
    "compress a file with gzip",
    "make a temporary directory",
    "send an email",
    "read a file line by line",
    "measure how long code takes",
    "find all files that match a pattern",
    "remember the results of a function",
    "download a web page",
    "count how often each item occurs",
)


def questions() -> str:
    """A module of JavaScript: each text with its vector in base64 of little-endian 32-bit floats."""
    vectors = Embedder().embed(TEXTS)
    made = {
        text: base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode()
        for text, vector in zip(TEXTS, vectors, strict=True)
    }
    origin = "// Written by `python -m docsite.questions`."
    return f"{origin}\nexport const QUESTIONS = {json.dumps(made, indent=1)};\n"


if __name__ == "__main__":
    QUESTIONS.write_text(questions(), "utf-8")
