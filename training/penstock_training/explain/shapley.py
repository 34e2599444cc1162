# SPDX-License-Identifier: Apache-2.0
"""SHAP: how much each column moves an answer away from the average one.

Lundberg and Lee 2017, by the sampling of permutations that the library shap has: it asks the
served graph only, so that every family is explained alike. An answer's parts add up to it.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock_training.evaluate.predictions import Floats

__all__ = ["Codes", "ShapValues", "budget", "shap_values"]

#: Rows that the model is asked for, over everything.
ASKED_MAX = 2_000_000
BACKGROUND_MAX = 50
BACKGROUND_MIN = 10
ROWS_MIN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapValues:
    """Of n rows, k columns and c answers: the classes' probabilities; 1 of regression."""

    columns: tuple[str, ...]
    #: (n, k, c), in the answers' unit.
    values: Floats
    #: (c,): the average answer to the background's rows.
    base: Floats
    #: The explained rows' values as numbers (n, k): texts as their places among the known ones.
    data: Floats
    background_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """A frame's columns as numbers and back. A text's number is its place among known ones."""

    columns: tuple[str, ...]
    #: Of the columns that hold text.
    texts: Mapping[str, npt.NDArray[Any]]
    #: Columns of whole numbers.
    whole: frozenset[str]

    def encode(self, frame: Any) -> Floats:
        """(n, k); NaN where a number is missing."""
        found = np.empty((len(frame), len(self.columns)))
        for place, column in enumerate(self.columns):
            if column in self.texts:
                found[:, place] = np.searchsorted(self.texts[column], _texts(frame[column]))
            else:
                found[:, place] = frame[column].to_numpy(np.float64, na_value=np.nan)
        return found

    def decode(self, numbers: Floats) -> Any:
        """A frame of the columns."""
        import pandas as pd

        made: dict[str, Any] = {}
        for place, column in enumerate(self.columns):
            if column in self.texts:
                made[column] = self.texts[column][numbers[:, place].astype(np.int64)]
            elif column in self.whole:
                made[column] = numbers[:, place].astype(np.int64)
            else:
                made[column] = numbers[:, place]
        return pd.DataFrame(made)


def codes_of(frames: Sequence[Any], inputs: Sequence[Mapping[str, Any]]) -> Codes:
    """The codes for all rows of `frames`, by the inputs of a signature."""
    columns: list[str] = []
    texts, whole = {}, set()
    for tensor in inputs:
        columns += tensor["columns"]
        for column in tensor["columns"]:
            if tensor["datatype"] == "BYTES":
                texts[column] = np.unique(np.concatenate([_texts(f[column]) for f in frames]))
            elif tensor["datatype"] == "INT64":
                whole.add(column)
    return Codes(columns=tuple(columns), texts=texts, whole=frozenset(whole))


def _texts(column: Any) -> npt.NDArray[Any]:
    """What the served graph reads: text that is missing is empty."""
    return np.array([str(one) for one in column.astype(object).where(column.notna(), "")])


def budget(rows: int, background: int, columns: int) -> tuple[int, int]:
    """How many rows are explained, against how many of the background, so as to stay within
    ASKED_MAX: first the background shrinks to BACKGROUND_MIN, then the rows to ROWS_MIN.
    """
    background = min(background, BACKGROUND_MAX)
    per_pair = 2 * columns + 1
    if rows * background * per_pair > ASKED_MAX:
        background = max(BACKGROUND_MIN, ASKED_MAX // (rows * per_pair))
    if rows * background * per_pair > ASKED_MAX:
        rows = min(rows, max(ROWS_MIN, ASKED_MAX // (background * per_pair)))
    return rows, background


def _library() -> Any:
    """shap. Importing it makes its palettes, in a way that matplotlib says it will deprecate."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        import shap
    return shap


def shap_values(
    rows: Any,
    background: Any,
    inputs: Sequence[Mapping[str, Any]],
    predict: Callable[[Any], Floats],
    *,
    seed: int,
) -> ShapValues:
    """Explain the rows of a pandas frame against those of another.

    `predict` gives a frame's answers, (n,) or (n, c).
    """
    shap = _library()
    codes = codes_of([rows, background], inputs)
    data, base_data = codes.encode(rows), codes.encode(background)

    def answers(numbers: Floats) -> Floats:
        return predict(codes.decode(numbers)).reshape(len(numbers), -1)

    masker = shap.maskers.Independent(base_data, max_samples=len(base_data))
    explainer = shap.PermutationExplainer(answers, masker, seed=seed)
    explained = explainer(data, max_evals=2 * len(codes.columns) + 1, silent=True)
    values = np.asarray(explained.values, dtype=np.float64).reshape(*data.shape, -1)
    return ShapValues(
        columns=codes.columns,
        values=values,
        base=answers(base_data).mean(axis=0),
        data=data,
        background_rows=len(base_data),
    )
