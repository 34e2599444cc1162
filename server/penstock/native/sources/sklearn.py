# SPDX-License-Identifier: Apache-2.0
"""scikit-learn's estimators and pipelines, by way of ONNX: skl2onnx exports them.

Their linear models, nets and trees then compute in float32, as ONNX has them.
"""

import copy
from typing import Any

import numpy as np

from penstock.errors import NotCompiledError
from penstock.native.sources.sklearn_amends import (
    amend,
    estimators,
    refuse_what_is_left_out,
)

__all__ = ["exported"]

#: What onnxruntime and the compiler both know.
OPSETS = {"": 18, "ai.onnx.ml": 3}


def exported(model: Any, example: Any = None) -> bytes:
    """The ONNX file of an estimator. Raises NotCompiledError if skl2onnx cannot write one."""
    try:
        import skl2onnx
        from skl2onnx.common.data_types import FloatTensorType
        from sklearn.base import is_classifier
    except ImportError as error:
        raise NotCompiledError(
            f"an object of scikit-learn is compiled by way of skl2onnx, which cannot be imported "
            f"({error}): pip install 'penstock[compile]'."
        ) from None
    columns = getattr(model, "n_features_in_", None)
    if example is None and columns is None:
        raise NotCompiledError(
            "the model is not trained, or does not say how many features it has: "
            "fit it, or give rows of it as `example`."
        )
    form: dict[str, Any] = {"target_opset": OPSETS}
    if example is None:
        form["initial_types"] = [("input", FloatTensorType([None, columns]))]
    else:
        form["X"] = example[:1]
    refuse_what_is_left_out(model)
    copied = with_rounded_thresholds(model)
    try:
        try:  # a table of probabilities instead of dictionaries
            options = {"zipmap": False} if is_classifier(model) else None
            made = skl2onnx.to_onnx(copied, options=options, **form)
        except NameError:  # it never makes dictionaries, and does not know the option
            made = skl2onnx.to_onnx(copied, **form)
    except Exception as error:  # skl2onnx has a class for each way of failing, and sklearn others
        why = " ".join(str(error).split())[:300].rstrip(".")
        raise NotCompiledError(
            f"skl2onnx cannot export {type(model).__name__} ({type(error).__name__}: {why})."
        ) from None
    amend(made.graph, model)
    return bytes(made.SerializeToString())


def with_rounded_thresholds(model: Any) -> Any:
    """A copy whose histogram trees split where rows of float32 cannot tell the difference.

    Their thresholds are float64. The nearest float32 may be greater, and would send rows to the
    left that belong to the right; the next one below sends each where it belongs.
    """
    copied = copy.deepcopy(model)
    for estimator in estimators(copied):
        for round_ in getattr(estimator, "_predictors", None) or []:
            for tree in round_:
                nodes = np.array(tree.nodes)
                exact = nodes["num_threshold"]
                nearest = exact.astype(np.float32)
                lower = np.nextafter(nearest, np.float32(-np.inf))
                nodes["num_threshold"] = np.where(nearest > exact, lower, nearest)
                tree.nodes = nodes
    return copied
