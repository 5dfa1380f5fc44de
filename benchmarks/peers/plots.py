"""Plots of the figures as SVG files. Colours (Okabe and Ito's) tell makers apart; marks and dashes, their kinds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.cells import number
from benchmarks.peers.choice import FILTERED_TARGET, cases, chosen, middle
from benchmarks.peers.page_resources import disk_per_vector, first_answer
from benchmarks.peers.questions import SHARES

COLOURS = {
    "QuartzDB": "#D55E00",
    "zvec": "#0072B2",
    "Qdrant": "#009E73",
    "Chroma": "#CC79A7",
    "LanceDB": "#E69F00",
    "milvus-lite": "#56B4E9",
    "sqlite-vec": "#000000",
    "hnswlib": "#777777",
    "numpy": "#8C6D1F",
}
MARKS = "osD^vP"
DASHES = ("-", "--", ":", "-.")
RECALLS = (0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
PERFECT = 0.9997
"""Where recall 1 is drawn: the axis counts misses, and there is no logarithm of none."""

Peers = Mapping[str, Mapping[str, Any]]


def draw(document: Mapping[str, Any], folder: Path, suffix: str = "svg") -> Sequence[str]:
    """Write recall, filters and resources; their file names."""
    import matplotlib as mpl

    mpl.use("Agg")
    # Text stays text, and the same figures give the same file.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "peers", "font.size": 10})
    peers: Peers = document["peers"]
    drawn = {"recall": _recall(peers), "filters": _filters(peers), "resources": _resources(peers)}
    names = []
    for name, figure in drawn.items():
        names.append(f"{name}.{suffix}")
        metadata = {"Date": None} if suffix == "svg" else None
        figure.savefig(folder / names[-1], bbox_inches="tight", metadata=metadata, dpi=80)
    return names


def front(sweep: Sequence[Mapping[str, Any]]) -> list[tuple[float, float]]:
    """Recall and speed of the settings that no other beats in both, by recall."""
    found: list[tuple[float, float]] = []
    for one in sorted(sweep, key=lambda each: (-each["recall"], -each["qps"])):
        if not found or one["qps"] > found[-1][1]:
            found.append((one["recall"], one["qps"]))
    return found[::-1]


def styles(peers: Peers) -> dict[str, dict[str, Any]]:
    """How each is drawn."""
    met: dict[str, int] = {}
    drawn = {}
    for name, record in peers.items():
        family = record.get("family", name.split()[0])
        at = met[family] = met.get(family, -1) + 1
        drawn[name] = {
            "color": COLOURS.get(family, "#777777"),
            "marker": MARKS[at % len(MARKS)],
            "linestyle": DASHES[at % len(DASHES)],
            "linewidth": 2.2 if family == "QuartzDB" else 1.2,
            "markersize": 5,
        }
    return drawn


def _recall(peers: Peers) -> Any:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 5.5))
    drawn = styles(peers)
    for name, record in peers.items():
        if sweep := record.get("sweeps", {}).get(""):
            points = [(recall, qps) for recall, qps in front(sweep) if recall >= RECALLS[0]]
            axes.plot(
                [_misses(recall) for recall, _ in points],
                [qps for _, qps in points],
                **drawn[name],
                label=name,
            )
    axes.set_xticks(
        [_misses(recall) for recall in (*RECALLS, 1.0)], [*(f"{recall:g}" for recall in RECALLS), "1"]
    )
    axes.set(yscale="log", xlabel="recall@10", ylabel="queries per second, one client, one core")
    axes.set_title("Speed at each recall: up and to the right is better", loc="left")
    axes.grid(alpha=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    return figure


def _misses(recall: float) -> float:
    return -math.log10(1 - min(recall, PERFECT))


def _filters(peers: Peers) -> Any:
    import matplotlib.pyplot as plt

    figure, both = plt.subplots(1, 2, figsize=(11, 5), sharey=True)
    drawn = styles(peers)
    for axes, kind in zip(both, ("random", "correlated"), strict=True):
        wanted = [case for case in cases() if case.startswith(kind)]
        for name, record in peers.items():
            points = [
                (at, raced["qps"])
                for at, case in enumerate(wanted)
                if (found := chosen(record, case))
                and found["recall"] >= FILTERED_TARGET
                and (raced := middle(record, case, "single"))
            ]
            if points:
                axes.plot(*zip(*points, strict=True), **drawn[name], label=name)
        axes.set_xticks(range(len(SHARES)), [f"{100 * share:g} %" for share in SHARES])
        axes.set(yscale="log", xlabel="records that match")
        axes.set_title(f"{kind.capitalize()} matches", loc="left")
        axes.grid(alpha=0.3)
    both[0].set_ylabel(f"queries per second at recall ≥ {FILTERED_TARGET}")
    labels: dict[str, Any] = {}
    for axes in both:
        labels |= {label: line for line, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    ordered = [name for name in peers if name in labels]
    both[1].legend(
        [labels[name] for name in ordered],
        ordered,
        loc="center left",
        bbox_to_anchor=(1.02, 0.5),
        frameon=False,
    )
    figure.tight_layout()
    return figure


def _resources(peers: Peers) -> Any:
    import matplotlib.pyplot as plt

    names = list(peers)[::-1]
    figure, panels = plt.subplots(1, 3, figsize=(13, 0.36 * len(names) + 1.4), sharey=True)
    colours = [styles(peers)[name]["color"] for name in names]
    disk = [disk_per_vector(peers[name]) for name in names]
    _bars(panels[0], names, [disk], colours, "disk, bytes per vector (a server: as in process)")
    held = [peers[name].get("memory") for name in names]
    memory = [[one[key] / 1e6 if one else None for one in held] for key in ("anonymous", "file_backed")]
    _bars(panels[1], names, memory, colours, "serving memory, MB: own, and files (pale)")
    first = [[first_answer(peers[name], how) for name in names] for how in ("warm", "dropped")]
    more = [[None if b is None or a is None else max(b - a, 0) for a, b in zip(*first, strict=True)]]
    _bars(panels[2], names, [first[0], *more], colours, "first answer, ms: warm, and dropped (pale)")
    figure.tight_layout()
    return figure


def _bars(
    axes: Any,
    names: Sequence[str],
    stacked: Sequence[Sequence[float | None]],
    colours: Sequence[str],
    title: str,
) -> None:
    """Bars whose parts lie end to end, the later ones paler; the numbers stand behind them."""
    ends = [0.0] * len(names)
    texts = [""] * len(names)
    for part, values in enumerate(stacked):
        lengths = [value or 0.0 for value in values]
        axes.barh(range(len(names)), lengths, left=ends, color=colours, alpha=0.4 if part else 1.0)
        ends = [end + length for end, length in zip(ends, lengths, strict=True)]
        texts = [
            text
            if value is None
            else f"{text}{' / ' if part else ''}{number(value if 'own' in title else end)}"
            for text, value, end in zip(texts, values, ends, strict=True)
        ]
    for at, (end, text) in enumerate(zip(ends, texts, strict=True)):
        axes.text(end, at, f" {text or '–'}", va="center", fontsize=8)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlim(0, 1.3 * max(ends) if max(ends) else 1)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
