# SPDX-License-Identifier: Apache-2.0
"""A trained PyTorch module with scikit-learn's face.

Once it is pickled it needs neither torch nor the module's own code: it keeps its graph, and ONNX
Runtime answers.
"""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from penstock_training.candidates.family import Array

__all__ = ["Net", "NetClassifier", "NetRegressor"]

#: Rows that are asked for at a time.
BLOCK = 8192


class Net(BaseEstimator):  # type: ignore[misc]
    """A graph of ONNX of one input (n, width) and one output (n, outputs)."""

    def __init__(self, graph: bytes, width: int, answer: Any = None) -> None:
        self.graph = graph
        self.width = width
        #: The module itself: rows to answers. None: the graph answers.
        self.answer = answer

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "answer": None}

    def __sklearn_is_fitted__(self) -> bool:
        return True

    @property
    def n_features_in_(self) -> int:
        """How many features it takes."""
        return self.width

    def fit(self, X: Any, y: Any = None) -> "Net":
        """It is made of a trained module."""
        return self

    def outputs(self, X: Any) -> Array:
        """(n, outputs) float32."""
        rows = np.ascontiguousarray(X, np.float32)
        answer = self.answer if self.answer is not None else _session(self.graph)
        parts = [answer(rows[first : first + BLOCK]) for first in range(0, len(rows), BLOCK)]
        return np.concatenate(parts) if parts else np.empty((0, 1), np.float32)


class NetClassifier(ClassifierMixin, Net):  # type: ignore[misc]
    """Its outputs are probabilities."""

    def predict_proba(self, X: Any) -> Array:
        """(n, classes) float64."""
        return self.outputs(X).astype(np.float64)

    def predict(self, X: Any) -> Array:
        """The number of the likeliest class (n,)."""
        return np.asarray(np.argmax(self.outputs(X), axis=1), np.int64)


class NetRegressor(RegressorMixin, Net):  # type: ignore[misc]
    """Its output is the value."""

    def predict(self, X: Any) -> Array:
        """(n,) float64."""
        return self.outputs(X)[:, 0].astype(np.float64)


def _session(graph: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    made = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    name = made.get_inputs()[0].name
    return lambda rows: made.run(None, {name: rows})[0]
