"""The playground's questions are what the demo's model makes of them."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest

from docsite.questions import QUESTIONS, TEXTS


def test_their_vectors_are_those_of_the_model() -> None:
    """`python -m docsite.questions` writes them anew. To the last digit they depend on the processor."""
    pytest.importorskip("wordllama", reason="the demo's model is an optional dependency")
    from quartzdb.cli.demo.embedding import Embedder

    written = json.loads(QUESTIONS.read_text("utf-8").split("QUESTIONS = ")[1].rstrip(";\n"))
    assert tuple(written) == TEXTS
    vectors = [np.frombuffer(base64.b64decode(one), "<f4") for one in written.values()]
    np.testing.assert_allclose(np.stack(vectors), Embedder().embed(TEXTS), atol=1e-5)
