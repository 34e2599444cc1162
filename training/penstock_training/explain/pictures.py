# SPDX-License-Identifier: Apache-2.0
"""What an explanation looks like. Of a sensitive column no row is drawn, only means."""

from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np

from penstock_training.charts import (
    ACCENT,
    CLASS_COLOURS,
    GREY,
    LIGHT,
    new_figure,
    save,
    shortened,
)
from penstock_training.evaluate.predictions import Floats
from penstock_training.explain.permutation import Importance
from penstock_training.explain.shapley import ShapValues

__all__ = ["draw_importance", "draw_shap"]

COLUMNS_MAX = 20
CLASSES_NAMED = 7
#: Points of a column that lie so near each other that they are drawn apart.
BINS = 60


def draw_importance(importances: Sequence[Importance], metric: str, path: Path) -> None:
    """How much worse the metric is without each column, with its spread over orders."""
    shown = list(importances)[:COLUMNS_MAX]
    figure, (axes,) = new_figure(7.4, 1.5 + 0.3 * len(shown), title="What the model leans on")
    places = np.arange(len(shown))[::-1]
    axes.barh(places, [one.mean for one in shown], color=ACCENT, height=0.62)
    axes.hlines(
        places,
        [one.mean - one.sd for one in shown],
        [one.mean + one.sd for one in shown],
        color=GREY,
        linewidth=1.6,
    )
    axes.set_yticks(places, [shortened(one.column) for one in shown])
    axes.set_ylim(-0.7, len(shown) - 0.3)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_xlabel(f"how much worse {metric} is with the column's values shuffled")
    axes.grid(color=LIGHT, linewidth=0.7, axis="x")
    save(figure, path)


def draw_shap(
    shap: ShapValues,
    answers: Sequence[str],
    shown_answer: int,
    *,
    sensitive: Set[str],
    texts: Set[str],
    path: Path,
) -> None:
    """Means of every answer to the left; each row's values of one answer to the right.

    `answers` are their names, (c,). Columns of `texts` have no high and low values: they are grey.
    """
    absolute = np.abs(shap.values).mean(axis=0)
    order = np.argsort(-absolute.sum(axis=1), kind="stable")[:COLUMNS_MAX]
    size = (11.0, 1.7 + 0.32 * len(order))
    figure, (bars, rows) = new_figure(*size, 2, title="How columns move answers (SHAP)")
    places = np.arange(len(order))[::-1]
    _bars(bars, absolute[order], places, answers)
    rows.axvline(0, color=GREY, linewidth=0.8)
    for place, column in zip(places, order, strict=True):
        name = shap.columns[column]
        if name in sensitive:
            rows.text(
                0, place, " sensitive: rows are not drawn ", color=GREY, fontsize=8, va="center"
            )
            continue
        colours = None if name in texts else _ranks(shap.data[:, column])
        _swarm(rows, shap.values[:, column, shown_answer], colours, int(place))
    names = [shortened(shap.columns[column], 26) for column in order]
    bars.set_yticks(places, names)
    rows.set_yticks(places, [""] * len(places))
    rows.tick_params(length=0, axis="y")
    rows.set_xlabel(
        f"SHAP of {shortened(answers[shown_answer])}, from low values (blue) to high (red)"
    )
    for axes in (bars, rows):
        axes.set_ylim(-0.7, len(order) - 0.3)
        axes.grid(color=LIGHT, linewidth=0.7, axis="x")
    save(figure, path)


def _bars(axes: Any, absolute: Floats, places: Any, answers: Sequence[str]) -> None:
    """Mean absolute values; of more than two classes stacked, if they can be told apart."""
    if not 2 < len(answers) <= CLASSES_NAMED:
        # The two of a binary task are each other's opposites.
        widths = absolute[:, -1] if len(answers) <= 2 else absolute.sum(axis=1)
        axes.barh(places, widths, color=ACCENT, height=0.62)
    else:
        left = np.zeros(len(places))
        for k, answer in enumerate(answers):
            colour = CLASS_COLOURS[k]
            axes.barh(
                places,
                absolute[:, k],
                left=left,
                color=colour,
                height=0.62,
                label=shortened(answer),
            )
            left += absolute[:, k]
        axes.legend(frameon=False, fontsize=7, loc="lower right")
    axes.set_xlabel("mean |SHAP|")


def _swarm(axes: Any, values: Floats, ranks: Floats | None, place: int) -> None:
    """A point for each row; those that would cover each other stand above each other."""
    low, high = float(values.min()), float(values.max())
    bins = np.zeros(len(values), dtype=np.int64)
    if high > low:
        bins = np.minimum(((values - low) / (high - low) * BINS).astype(np.int64), BINS - 1)
    order = np.argsort(bins, kind="stable")
    _, starts, counts = np.unique(bins[order], return_index=True, return_counts=True)
    offsets = np.empty(len(values))
    for start, count in zip(starts, counts, strict=True):
        offsets[order[start : start + count]] = np.arange(count) - (count - 1) / 2
    widest = max(1.0, float(np.abs(offsets).max()))
    look = {"c": GREY} if ranks is None else {"c": ranks, "cmap": "coolwarm", "vmin": 0, "vmax": 1}
    axes.scatter(
        values,
        place + offsets / widest * min(0.36, 0.03 * widest),
        s=9,
        linewidths=0,
        **look,
    )


def _ranks(data: Floats) -> Floats:
    """Values as their places from 0 to 1, so that one far away does not grey out the rest."""
    known = np.unique(data[np.isfinite(data)])
    if len(known) < 2:
        return np.full(len(data), 0.5)
    ranks = np.searchsorted(known, data) / (len(known) - 1)
    return np.asarray(np.where(np.isfinite(data), ranks, 0.5))
