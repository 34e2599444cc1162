# SPDX-License-Identifier: Apache-2.0
"""How near a compiled model comes to the library that it is from, by the dull interpreter."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_diabetes

from penstock.native.artifact import CompiledModel
from penstock.native.reference import evaluate

__all__ = ["answer", "difference", "rows_of_diabetes"]

Array = npt.NDArray[Any]


def answer(model: CompiledModel, x: Array, output: str = "prediction") -> Array:
    """What the model of one input makes of the rows."""
    (port,) = model.manifest.inputs
    return evaluate(model, {port.name: x})[output]


def difference(found: Array, right: Array) -> float:
    """The greatest, relative to the right answer where that is not tiny."""
    assert found.shape == right.shape
    is_same = (found == right) | (np.isnan(found) & np.isnan(right))
    with np.errstate(invalid="ignore"):
        gap = np.abs(found.astype(np.float64) - right) / np.maximum(np.abs(right), 1e-3)
    return float(np.where(is_same, 0, gap).max())


def rows_of_diabetes() -> tuple[Array, Array]:
    """Rows with everything that is hard: missing features, zeros, a category; and the targets."""
    chance = np.random.default_rng(7)
    x, y = load_diabetes(return_X_y=True)
    x[:, 1] = chance.integers(0, 70, len(x))
    x[chance.random(x.shape) < 0.05] = np.nan
    x[chance.random(x.shape) < 0.05] = 0
    return x, y / 100
