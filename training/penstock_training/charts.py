# SPDX-License-Identifier: Apache-2.0
"""Pictures of one look, drawn without a screen, the same bytes for the same numbers."""

from pathlib import Path
from typing import Any

__all__ = [
    "ACCENT",
    "CLASS_COLOURS",
    "DPI",
    "GREY",
    "LIGHT",
    "WARNING",
    "new_figure",
    "save",
    "shortened",
]

# Okabe and Ito's colours, which people who see few colours tell apart.
ACCENT = "#0072B2"
WARNING = "#D55E00"
GREY = "#6b7280"
LIGHT = "#e5e7eb"
CLASS_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
INK = "#1f2937"

DPI = 144
NAME_MAX = 34


def new_figure(
    width: float, height: float, columns: int = 1, *, title: str = ""
) -> tuple[Any, list[Any]]:
    """A figure of so many inches, and its axes from left to right."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(1, columns, squeeze=False)[0])
    for one in axes:
        for side in ("top", "right"):
            one.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            one.spines[side].set_color(GREY)
        one.tick_params(colors=INK, labelsize=8)
        one.xaxis.label.set_size(9)
        one.yaxis.label.set_size(9)
        one.title.set_size(10)
        one.set_axisbelow(True)
    if title:
        figure.suptitle(title, fontsize=11, color=INK)
    return figure, axes


def save(figure: Any, path: Path) -> None:
    """Write a PNG that says neither when nor by what it was made."""
    figure.savefig(path, format="png", metadata={"Software": None})


def shortened(name: object, length: int = NAME_MAX) -> str:
    """A name that fits beside a bar, without what matplotlib would take for mathematics."""
    text = str(name).replace("$", "")
    return text if len(text) <= length else text[: length - 1] + "…"
