# SPDX-License-Identifier: Apache-2.0
"""What is told of each column, as explanation.json holds it."""

from collections.abc import Sequence, Set
from dataclasses import asdict
from typing import Any

import numpy as np

from penstock_training.explain.permutation import REPEATS, Importance
from penstock_training.explain.shapley import ShapValues

__all__ = ["permutation_content", "shap_content"]

#: Parts of equal size that a column of numbers is cut into.
PARTS = 8
#: Texts of a column that are told of, the commonest.
TEXTS_MAX = 20


def permutation_content(
    importances: Sequence[Importance], metric: str, rows: int
) -> dict[str, Any]:
    """Greatest first; in the metric's unit, positive where the metric gets worse."""
    return {
        "metric": metric,
        "rows": rows,
        "repeats": REPEATS,
        "columns": [asdict(one) for one in importances],
    }


def shap_content(
    shap: ShapValues, answers: Sequence[Any], sensitive: Set[str], texts: Any
) -> dict[str, Any]:
    """Columns by their mean absolute values, greatest first; lists are by the answers' order.

    `by_value`: mean values where the column's own lie in a range, or are a text; not of sensitive
    columns. `texts`: of columns that hold text, the known ones.
    """
    absolute = np.abs(shap.values).mean(axis=0)
    order = np.argsort(-absolute.sum(axis=1), kind="stable")
    columns = []
    for place in order:
        name = shap.columns[place]
        told: dict[str, Any] = {
            "column": name,
            "mean_absolute": absolute[place].tolist(),
            "mean": shap.values[:, place].mean(axis=0).tolist(),
        }
        if name not in sensitive:
            told["by_value"] = _by_value(
                shap.data[:, place], shap.values[:, place], texts.get(name)
            )
        columns.append(told)
    return {
        "answers": list(answers),
        "base": shap.base.tolist(),
        "rows": len(shap.data),
        "background_rows": shap.background_rows,
        "columns": columns,
    }


def _by_value(data: Any, values: Any, texts: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    is_missing = ~np.isfinite(data)
    if texts is not None:
        codes, counts = np.unique(data, return_counts=True)
        commonest = codes[np.argsort(-counts, kind="stable")[:TEXTS_MAX]]
        return [
            {"value": str(texts[int(code)])} | _means(values, data == code)
            for code in np.sort(commonest)
        ]
    known = data[~is_missing]
    edges = np.empty(0)
    if len(known):
        edges = np.unique(np.quantile(known, np.arange(1, PARTS) / PARTS))
    parts = np.searchsorted(edges, data, side="right")
    for part in range(len(edges) + 1):
        is_in = (parts == part) & ~is_missing
        if is_in.any():
            bounds = {"low": float(data[is_in].min()), "high": float(data[is_in].max())}
            found.append(bounds | _means(values, is_in))
    if is_missing.any():
        found.append({"value": None} | _means(values, is_missing))
    return found


def _means(values: Any, is_in: Any) -> dict[str, Any]:
    return {"rows": int(is_in.sum()), "mean": values[is_in].mean(axis=0).tolist()}
