# SPDX-License-Identifier: Apache-2.0
"""A comparison as a picture: a strip for each number, on a scale of its own.

Drawn without a screen, the same bytes for the same numbers. Matplotlib is imported here alone.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from penstock.commands.registry.comparison import better_words, shown_difference
from penstock.commands.registry.opened import shown_estimate
from penstock.errors import RegistryError
from penstock.registry.comparison import Better, ComparedMetric, Comparison, less_is_better
from penstock.registry.runs import Estimate

__all__ = ["draw_comparison"]

# Okabe and Ito's colours, which people who see few colours tell apart.
FIRST, SECOND, GOOD, BAD = "#E69F00", "#0072B2", "#00795a", "#b34700"
INK, QUIET, RULE = "#1f2937", "#6b7280", "#e5e7eb"

WIDTH, STRIP, HEAD, GROUP, FOOT = 9.6, 0.62, 0.9, 0.5, 0.2  # inches
#: Where columns begin, as shares of the width.
NAMES, STRIPS, STRIPS_END, NUMBERS, VERDICTS = 0.02, 0.21, 0.54, 0.56, 0.78
#: The heights of the two versions in a strip, which goes from 0 to 1.
ROWS = (0.70, 0.30)
#: Free space at both ends of a strip's scale, as a share of what is shown.
MARGIN = 0.06
DPI = 144
NAME_MAX = 26


def draw_comparison(compared: Comparison, path: Path) -> None:
    """Writes the picture, as PNG or SVG by the file's name.

    Raises:
        RegistryError: matplotlib is missing, or the file cannot be written.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise RegistryError(
            f"The picture needs matplotlib ({error}): `pip install 'penstock[training]'`."
        ) from None
    groups = [
        (title, rows, from_zero)
        for title, rows, from_zero in (
            ("Metrics", compared.metrics, False),
            ("Cost", compared.costs, True),
        )
        if rows
    ]
    strips = sum(len(rows) for _, rows, _ in groups)
    height = HEAD + FOOT + STRIP * strips + GROUP * len(groups)
    with rc_context({"svg.hashsalt": "penstock", "font.size": 9, "text.parse_math": False}):
        figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
        FigureCanvasAgg(figure)
        _head(figure, compared, height)
        top = height - HEAD
        for title, rows, from_zero in groups:
            _group_head(figure, title, top, height, from_zero=from_zero)
            top -= GROUP
            for one in rows:
                _strip(figure, one, compared, top, height, from_zero=from_zero)
                top -= STRIP
        form = path.suffix.lower().removeprefix(".")
        metadata = {"Software": None} if form == "png" else {"Date": None, "Creator": None}
        try:
            figure.savefig(path, format=form, metadata=metadata)
        except OSError as error:
            raise RegistryError(
                f"The picture {path} cannot be written: {error.strerror or error}."
            ) from None


def _head(figure: Any, compared: Comparison, height: float) -> None:
    first, second = compared.a.version, compared.b.version
    title = f"{compared.name}: version {second} beside version {first}"
    figure.text(NAMES, 1 - 0.34 / height, title, size=13, weight="bold", color=INK, va="center")
    figure.text(NAMES, 1 - 0.66 / height, _sentence(compared), color=QUIET, va="center")
    for place, (colour, label) in enumerate(
        ((FIRST, f"version {first}"), (SECOND, f"version {second}"))
    ):
        x = NUMBERS + 0.22 * place
        figure.text(x, 1 - 0.34 / height, "●", color=colour, size=11, va="center")
        figure.text(x + 0.02, 1 - 0.34 / height, label, color=INK, va="center")


def _sentence(compared: Comparison) -> str:
    data = {True: "the same data", False: "different data", None: "data not known of both"}
    counts = [
        sum(one.better is better for one in compared.metrics)
        for better in (Better.SECOND, Better.FIRST)
    ]
    overlaps = sum(one.is_apart is False for one in compared.metrics)
    better = (
        f"version {compared.b.version} is better in {counts[0]} and worse in {counts[1]} of "
        f"{len(compared.metrics)} metrics; intervals overlap in {overlaps}"
    )
    return f"{data[compared.is_same_data]}; {better}"


def _group_head(figure: Any, title: str, top: float, height: float, *, from_zero: bool) -> None:
    from matplotlib.lines import Line2D

    y = (top - GROUP + 0.22) / height
    figure.text(NAMES, y, title, size=9, weight="bold", color=QUIET, va="center")
    for x, words in (
        (STRIPS, f"each on its own scale{', from 0' if from_zero else ''}"),
        (VERDICTS, "better"),
    ):
        figure.text(x, y, words, size=8, color=QUIET, va="center")
    line = (top - GROUP + 0.04) / height
    figure.add_artist(Line2D((NAMES, 1 - NAMES), (line, line), color=RULE, linewidth=1))


def _strip(
    figure: Any,
    metric: ComparedMetric,
    compared: Comparison,
    top: float,
    height: float,
    *,
    from_zero: bool,
) -> None:
    bottom, tall = (top - STRIP) / height, STRIP / height
    middle = bottom + tall / 2
    name = metric.name.removeprefix("latency.")
    name = name if len(name) <= NAME_MAX else f"{name[: NAME_MAX - 1]}…"
    less = less_is_better(metric.name)
    figure.text(NAMES, middle + 0.08 / height, name, color=INK, va="center")
    if less is not None:
        words = "less is better" if less else "more is better"
        figure.text(NAMES, middle - 0.10 / height, words, size=7, color=QUIET, va="center")
    axes = figure.add_axes((STRIPS, bottom, STRIPS_END - STRIPS, tall))
    axes.set_axis_off()
    shown = [one for one in (metric.a, metric.b) if one is not None]
    axes.set_ylim(0, 1)
    axes.set_xlim(*_scale(shown, from_zero=from_zero))
    for row, estimate, colour in zip(ROWS, (metric.a, metric.b), (FIRST, SECOND), strict=True):
        axes.axhline(row, color=RULE, linewidth=0.8, zorder=0)
        if estimate is not None:
            _mark(axes, estimate, row, colour)
        figure.text(
            NUMBERS,
            bottom + tall * row,
            shown_estimate(estimate) or "none",
            size=8,
            color=QUIET if estimate is None else INK,
            va="center",
        )
    figure.text(
        VERDICTS,
        middle + 0.08 / height,
        better_words(metric, compared),
        color=_colour(metric),
        weight="normal" if _colour(metric) == QUIET else "bold",
        va="center",
    )
    difference = shown_difference(metric.difference)
    figure.text(
        VERDICTS,
        middle - 0.10 / height,
        f"difference {difference}{_share(metric)}" if difference else "",
        size=8,
        color=QUIET,
        va="center",
    )


def _mark(axes: Any, estimate: Estimate, row: float, colour: str) -> None:
    """A dot and its interval."""
    if estimate.low is not None and estimate.high is not None:
        axes.plot(
            (estimate.low, estimate.high),
            (row, row),
            color=colour,
            linewidth=3.2,
            alpha=0.35,
            solid_capstyle="round",
        )
    axes.plot(estimate.value, row, "o", color=colour, markersize=6.5)


def _scale(shown: Sequence[Estimate], *, from_zero: bool) -> tuple[float, float]:
    """From the smallest to the largest number, with room at both ends."""
    ends = [end for one in shown for end in (one.value, one.low, one.high) if end is not None]
    low, high = min(ends), max(ends)
    if from_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    room = (high - low) * MARGIN or abs(high) * 0.5 or 1.0
    return low - room, high + room


def _colour(metric: ComparedMetric) -> str:
    if metric.is_apart is False or metric.better in (Better.SAME, Better.UNKNOWN):
        return QUIET
    return GOOD if metric.better is Better.SECOND else BAD


def _share(metric: ComparedMetric) -> str:
    """The difference as a share of the first number, where that says something."""
    if metric.a is None or not metric.difference or metric.a.value <= 0:
        return ""
    return f" ({metric.difference / metric.a.value:+.1%})"
