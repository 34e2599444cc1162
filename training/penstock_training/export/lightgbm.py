# SPDX-License-Identifier: Apache-2.0
"""LightGBM's models in ONNX, by onnxmltools, with thresholds that float32 holds."""

import copy
import re
from typing import Any

import lightgbm
import numpy as np
from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
from skl2onnx import update_registered_converter
from skl2onnx.common.shape_calculator import (
    calculate_linear_classifier_output_shapes,
    calculate_linear_regressor_output_shapes,
)

__all__ = ["register", "with_rounded_thresholds"]


def register() -> None:
    """Tell skl2onnx of it."""
    update_registered_converter(
        lightgbm.LGBMClassifier,
        "LightGbmLGBMClassifier",
        calculate_linear_classifier_output_shapes,
        _convert,
        options={"nocl": [True, False], "zipmap": [True, False, "columns"]},
    )
    update_registered_converter(
        lightgbm.LGBMRegressor,
        "LightGbmLGBMRegressor",
        calculate_linear_regressor_output_shapes,
        _convert,
        options={"split": None},
    )


class _Rounded:
    """An operator of skl2onnx whose model has rounded thresholds."""

    def __init__(self, operator: Any) -> None:
        self._operator = operator
        self.raw_operator = with_rounded_thresholds(operator.raw_operator)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._operator, name)


def _convert(scope: Any, operator: Any, container: Any) -> None:
    convert_lightgbm(scope, _Rounded(operator), container)


def with_rounded_thresholds(model: Any) -> Any:
    """A copy that answers rows of float32 as `model` does, of thresholds that float32 holds.

    The nearest float32 of a threshold may be greater, and would send rows to the left that belong
    to the right; the next one below sends each where it belongs.
    """
    text = model.booster_.model_to_string(num_iteration=model.booster_.best_iteration)
    rounded = re.sub(r"(?m)^threshold=(.*)$", _rounded_line, text)
    # The sizes of trees that the text begins with are of the old text.
    rounded = re.sub(r"(?m)^tree_sizes=.*\n", "", rounded)
    copied = copy.copy(model)
    copied._Booster = lightgbm.Booster(model_str=rounded)
    return copied


def _rounded_line(found: re.Match[str]) -> str:
    exact = np.array(found[1].split(), np.float64)
    with np.errstate(over="ignore"):
        nearest = exact.astype(np.float32)
        below = np.nextafter(nearest, np.float32(-np.inf))
    numbers = np.where(nearest > exact, below, nearest).astype(np.float64)
    return "threshold=" + " ".join(repr(float(one)) for one in numbers)
