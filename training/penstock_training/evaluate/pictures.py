# SPDX-License-Identifier: Apache-2.0
"""What an evaluation looks like. Each function writes one PNG, from numbers alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from penstock_training.charts import (
    ACCENT,
    CLASS_COLOURS,
    GREY,
    LIGHT,
    WARNING,
    new_figure,
    save,
    shortened,
)
from penstock_training.evaluate.calibration import calibration_bins
from penstock_training.evaluate.metrics import ECE_BINS, confidence_and_truth, score
from penstock_training.evaluate.predictions import Floats, Predictions
from penstock_training.evaluate.report import Evaluation
from penstock_training.evaluate.slices import Slice
from penstock_training.evaluate.verdict import GroupScore
from penstock_training.spec import GroupSpec

__all__ = ["draw"]

#: Classes that are told by name in a picture; more get numbers.
CLASSES_NAMED = 20
POINTS_MAX = 5000
BARS_MAX = 30


def draw(evaluation: Evaluation, folder: Path) -> None:
    """All pictures that the task has, into `folder`."""
    predictions = evaluation.predictions
    if predictions.task == "regression":
        _residuals(predictions, folder / "residuals.png")
    else:
        _confusion(predictions, folder / "confusion.png")
        _calibration(predictions, folder / "calibration.png")
        _curves(predictions, folder / "curves.png")
    if evaluation.groups:
        _groups(evaluation.groups, folder / "groups.png")
    if evaluation.slices:
        overall = float(predictions.losses().mean())
        _slices(evaluation.slices, overall, predictions.task, folder / "slices.png")


def _confusion(p: Predictions, path: Path) -> None:
    c = len(p.classes)
    table = np.bincount(p.target * c + p.labels, minlength=c * c).reshape(c, c)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    side = min(10.0, 3.2 + 0.42 * c)
    figure, (axes,) = new_figure(side + 0.6, side, title="Predicted and true classes")
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [shortened(name) for name in p.classes] if c <= CLASSES_NAMED else range(c)
    if c <= CLASSES_NAMED:
        is_long = max(len(str(name)) for name in names) > (16 if c == 2 else 8) or c > 12
        axes.set_xticks(
            range(c), names, rotation=40 if is_long else 0, ha="right" if is_long else "center"
        )
        axes.set_yticks(range(c), names)
        for row, column in np.ndindex(c, c):
            if table[row, column]:
                colour = "white" if shares[row, column] > 0.55 else "#1f2937"
                axes.text(
                    column,
                    row,
                    f"{table[row, column]:,}",
                    ha="center",
                    va="center",
                    color=colour,
                    fontsize=9 if c <= 6 else 7,
                )
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.tick_params(length=0)
    for side_name in ("left", "bottom"):
        axes.spines[side_name].set_visible(False)
    bar = figure.colorbar(image, ax=axes, fraction=0.046, pad=0.03)
    bar.set_label("share of the true class", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_visible(False)
    save(figure, path)


def _calibration(p: Predictions, path: Path) -> None:
    bins = calibration_bins(p)
    confidence, _ = confidence_and_truth(p)
    figure, (curve, counts) = new_figure(8.6, 4.0, 2, title="Calibration")
    curve.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--", label="perfect")
    rows = np.array([b.rows for b in bins])
    x = np.array([b.confidence for b in bins])
    y = np.array([b.frequency for b in bins])
    low, high = _wilson(y, rows)
    curve.vlines(x, low, high, color=ACCENT, alpha=0.35, linewidth=2)
    curve.plot(x, y, color=ACCENT, marker="o", markersize=4, linewidth=1.4, label="this model")
    curve.set(
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
        xlabel="probability given",
        ylabel="share that came true",
    )
    curve.legend(edgecolor="none", fontsize=8, loc="best")
    curve.grid(color=LIGHT, linewidth=0.7)
    curve.set_title(
        f"expected calibration error {score('ece', p):.3f}, Brier {score('brier', p):.3f}",
        fontsize=9,
    )
    counts.hist(confidence, bins=np.linspace(0, 1, ECE_BINS + 1), color=ACCENT, edgecolor="white")
    what = f"of {shortened(p.classes[p.positive])}" if p.task == "binary" else "of the likeliest"
    counts.set(xlim=(0, 1), xlabel=f"probability {what}", ylabel="rows")
    counts.set_title("how sure it was", fontsize=9)
    counts.yaxis.get_major_locator().set_params(integer=True)
    counts.grid(color=LIGHT, linewidth=0.7, axis="y")
    save(figure, path)


def _wilson(share: Floats, rows: Any) -> tuple[Floats, Floats]:
    """95 % intervals of shares of so many rows (Wilson 1927)."""
    z = 1.959964
    middle = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * np.sqrt(share * (1 - share) / rows + (z / (2 * rows)) ** 2)
    return middle - half, middle + half


def _curves(p: Predictions, path: Path) -> None:
    """ROC and precision by recall; of many classes, each against the rest."""
    figure, (roc, precision) = new_figure(8.6, 4.2, 2, title="By threshold")
    named = [p.positive] if p.task == "binary" else list(range(len(p.classes)))
    for place, k in enumerate(named):
        is_positive = p.target == k
        if not 0 < int(is_positive.sum()) < len(p):
            continue
        colour = CLASS_COLOURS[place % len(CLASS_COLOURS)]
        hits, false, said = _by_threshold(p.predicted[:, k], is_positive)
        is_told = len(named) <= len(CLASS_COLOURS)
        label = shortened(p.classes[k]) if is_told else None
        width, alpha = (1.8, 1.0) if is_told else (1.0, 0.6)
        roc.plot(false, hits, color=colour, linewidth=width, alpha=alpha, label=label)
        # As the average precision adds them up: each threshold's from the recall before it.
        rate = hits[1:] * is_positive.sum() / said[1:]
        rate = np.append(rate[0], rate)
        precision.step(hits, rate, where="pre", color=colour, linewidth=width, alpha=alpha)
        if p.task == "binary":
            base = float(is_positive.mean())
            precision.axhline(base, color=GREY, linewidth=1, linestyle="--")
    roc.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--")
    roc.set(xlabel="false positive rate", ylabel="true positive rate")
    roc.set_title(f"ROC, area {score('roc_auc', p):.3f}", fontsize=9)
    if p.task == "binary":
        area = f", average {score('average_precision', p):.3f}"
    else:
        area = ", each class against the rest"
        if len(named) <= len(CLASS_COLOURS):
            roc.legend(frameon=False, fontsize=7, loc="lower right")
    precision.set(xlabel="recall", ylabel="precision")
    precision.set_title(f"Precision by recall{area}", fontsize=9)
    for axes in (roc, precision):
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
        axes.grid(color=LIGHT, linewidth=0.7)
    save(figure, path)


def _by_threshold(scores: Floats, is_positive: Any) -> tuple[Floats, Floats, Floats]:
    """True and false positive rate, and rows said to be positive, at each threshold from above."""
    order = np.argsort(-scores, kind="stable")
    is_last = np.append(np.diff(scores[order]) != 0, True)
    hits = np.cumsum(is_positive[order])[is_last]
    said = (np.flatnonzero(is_last) + 1).astype(np.float64)
    true, false = hits / is_positive.sum(), (said - hits) / (~is_positive).sum()
    return np.append(0.0, true), np.append(0.0, false), np.append(0.0, said)


def _residuals(p: Predictions, path: Path) -> None:
    figure, (scatter, errors) = new_figure(8.6, 4.0, 2, title="Predicted and true values")
    step = max(1, -(-len(p) // POINTS_MAX))
    true, said = p.target[::step], p.predicted[::step]
    low, high = float(min(true.min(), said.min())), float(max(true.max(), said.max()))
    alpha = 0.7 if len(true) < 500 else 0.25
    scatter.plot([low, high], [low, high], color=GREY, linewidth=1, linestyle="--")
    scatter.scatter(true, said, s=14, color=ACCENT, alpha=alpha, linewidths=0)
    scatter.set(xlabel="true", ylabel="predicted")
    scatter.set_title(f"R2 {score('r2', p):.3f}, RMSE {score('rmse', p):.4g}", fontsize=9)
    scatter.grid(color=LIGHT, linewidth=0.7)
    gaps = p.predicted - p.target
    errors.hist(gaps, bins=min(40, max(8, len(p) // 8)), color=ACCENT, edgecolor="white")
    errors.axvline(0, color=GREY, linewidth=1, linestyle="--")
    errors.axvline(float(gaps.mean()), color=WARNING, linewidth=1.6)
    errors.set(xlabel="predicted - true", ylabel="rows")
    errors.yaxis.get_major_locator().set_params(integer=True)
    errors.set_title(f"mean {gaps.mean():.3g}, MAE {np.abs(gaps).mean():.4g}", fontsize=9)
    errors.grid(color=LIGHT, linewidth=0.7, axis="y")
    save(figure, path)


def _groups(groups: Sequence[tuple[GroupSpec, Sequence[GroupScore]]], path: Path) -> None:
    shown = [(spec, list(scores)[:BARS_MAX]) for spec, scores in groups]
    tallest = max(len(scores) for _, scores in shown)
    size = (min(14.0, 5.4 * len(shown)), 1.4 + 0.34 * tallest)
    figure, all_axes = new_figure(*size, len(shown), title="By group")
    for axes, (spec, scores) in zip(all_axes, shown, strict=True):
        places = np.arange(len(scores))[::-1]
        for place, one in zip(places, scores, strict=True):
            is_judged = one.rows >= spec.rows_min
            colour = ACCENT if is_judged else GREY
            if is_judged and _misses(spec, one.estimate.value):
                colour = WARNING
            if one.estimate.low is not None:
                axes.hlines(place, one.estimate.low, one.estimate.high, color=colour, linewidth=2)
            axes.plot([one.estimate.value], [place], "o", color=colour, markersize=5)
        names = [f"{shortened(one.name)}  ({one.rows:,})" for one in scores]
        axes.set_yticks(places, names)
        axes.set_ylim(-0.6, len(scores) - 0.4)
        for bound in (spec.at_least, spec.at_most):
            if bound is not None:
                axes.axvline(bound, color=WARNING, linewidth=1, linestyle="--")
        axes.set_xlabel(spec.metric)
        axes.grid(color=LIGHT, linewidth=0.7, axis="x")
    save(figure, path)


def _misses(spec: GroupSpec, value: float) -> bool:
    is_low = spec.at_least is not None and not value >= spec.at_least
    return is_low or (spec.at_most is not None and not value <= spec.at_most)


def _slices(slices: Sequence[Slice], overall: float, task: str, path: Path) -> None:
    height = 1.6 + 0.36 * len(slices)
    figure, (axes,) = new_figure(8.6, height, title="Where it is at its worst")
    places = np.arange(len(slices))[::-1]
    colours = [WARNING if one.is_significant else LIGHT for one in slices]
    axes.barh(places, [one.loss for one in slices], color=colours, height=0.62)
    axes.axvline(overall, color=GREY, linewidth=1, linestyle="--")
    axes.text(
        overall, len(slices) - 0.35, " all rows", color=GREY, fontsize=8, va="bottom", ha="left"
    )
    axes.set_yticks(places, [f"{_two_lines(one.name)}  ({one.rows:,})" for one in slices])
    axes.set_ylim(-0.6, len(slices) + 0.1)
    what = "squared error" if task == "regression" else "log loss"
    axes.set_xlabel(f"mean {what}; coloured where it is more than chance")
    axes.grid(color=LIGHT, linewidth=0.7, axis="x")
    save(figure, path)


def _two_lines(name: str) -> str:
    """A slice of two columns has a line for each."""
    return "\nand ".join(shortened(part, 56) for part in name.split(" and ", 1))
