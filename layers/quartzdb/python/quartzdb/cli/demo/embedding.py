"""Text embeddings with no network: WordLlama, whose weights come with its package. The only module that knows it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from quartzdb.cli.failure import Failure
from quartzdb.domain.vector import Matrix, Vector

DIMENSION = 256
_BATCH = 64


class Embedder:
    """Loads the model once (about 0.3 s). Vectors have length one, so cosine is the metric for them."""

    def __init__(self) -> None:
        """Raises Failure where the package is not installed."""
        # WordLlama configures the root logger when it is imported, unless somebody did before.
        logging.getLogger().addHandler(logging.NullHandler())
        try:
            import wordllama
        except ImportError as error:
            raise Failure(
                "The demo needs the package wordllama, which is not installed.",
                hint="Install it with: pip install 'quartzdb[demo]'",
            ) from error
        # The weights are found beside the code, the tokenizer only in a cache folder of the same layout.
        package = Path(wordllama.__file__).parent
        self._model: Any = wordllama.WordLlama.load(dim=DIMENSION, cache_dir=package, disable_download=True)

    def embed(self, texts: Sequence[str]) -> Matrix:
        """One row per text, (n, 256) float32."""
        # Batches are padded to their longest text, so texts of like length go together.
        order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
        embedded = self._model.embed([texts[number] for number in order], batch_size=_BATCH)
        vectors = np.empty((len(texts), DIMENSION), dtype=np.float32)
        vectors[order] = embedded / np.maximum(np.linalg.norm(embedded, axis=1, keepdims=True), 1e-12)
        return vectors

    def embed_one(self, text: str) -> Vector:
        """The vector of one text, (256,). Raises Failure for a text without a single word."""
        vector: Vector = self.embed([text])[0]
        if not np.any(vector):
            raise Failure(
                "The question has no words.", hint='Ask something like: quartzdb demo "send an email"'
            )
        return vector
