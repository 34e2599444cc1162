# SPDX-License-Identifier: Apache-2.0
"""Whether the graph answers held-out rows as the fitted pipeline does."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd

from penstock_training.candidates.family import Array
from penstock_training.candidates.model import answers_of
from penstock_training.errors import CandidateError
from penstock_training.export.inputs import inputs_of
from penstock_training.export.signature import LABEL, PREDICTION, PROBABILITIES
from penstock_training.features import FeaturePlan

__all__ = ["Parity", "compare", "run_graph"]

#: Rows that are compared, at most.
ROWS_MAX = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """What parity.json says of some rows."""

    rows: int
    #: Greatest difference that is let pass, as a part of what is true or of its typical size.
    tolerance: float
    #: The greatest that was found, likewise.
    difference: float
    rows_beyond: int
    #: Rows whose labels differ although no two of their probabilities are that near.
    labels_beyond: int

    @property
    def is_kept(self) -> bool:
        """Whether no row is beyond."""
        return self.rows_beyond == 0 and self.labels_beyond == 0


def run_graph(model: bytes, rows: pd.DataFrame, plan: FeaturePlan) -> dict[str, Array]:
    """What ONNX Runtime answers for a frame of features_of(), by output."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        names = [one.name for one in session.get_outputs()]
        found = session.run(names, inputs_of(rows, plan))
    except Exception as error:  # ONNX Runtime has a class for each status
        why = " ".join(str(error).split())[:300].rstrip(".")
        raise CandidateError(f"ONNX Runtime does not run the exported graph: {why}.") from None
    return {name: np.asarray(one) for name, one in zip(names, found, strict=True)}


def compare(pipeline: Any, model: bytes, rows: pd.DataFrame, plan: FeaturePlan) -> Parity:
    """Compare the two for rows of features_of().

    A difference is relative to the larger of what the pipeline says and the scale: 1 for
    probabilities, and for values the median of |value|.
    """
    rows = rows.iloc[:ROWS_MAX]
    right = answers_of(pipeline, rows)
    found = run_graph(model, rows, plan)
    labels_beyond = 0
    if plan.is_classifier:
        answers, scale = found[PROBABILITIES].astype(np.float64), 1.0
        labels_beyond = _labels_beyond(found[LABEL], right, plan)
    else:
        answers = found[PREDICTION].astype(np.float64).reshape(-1)
        scale = max(float(np.median(np.abs(right))), 1e-12) if len(right) else 1.0
    if answers.shape != right.shape:
        raise CandidateError(
            f"the exported graph answers with the shape {list(answers.shape)}: wanted "
            f"{list(right.shape)}."
        )
    difference = np.abs(answers - right) / np.maximum(np.abs(right), scale)
    # A number that is not one agrees with nothing, but for its like.
    difference = np.where(np.isnan(answers) & np.isnan(right), 0.0, difference)
    difference = np.where(np.isfinite(difference), difference, np.finfo(np.float64).max)
    by_row = difference.reshape(len(right), -1).max(axis=1, initial=0.0)
    return Parity(
        rows=len(right),
        tolerance=plan.parity,
        difference=float(by_row.max(initial=0.0)),
        rows_beyond=int((by_row > plan.parity).sum()),
        labels_beyond=labels_beyond,
    )


def _labels_beyond(labels: Array, right: Array, plan: FeaturePlan) -> int:
    """The label must be a class that the pipeline holds for as likely as any, but for rounding."""
    numbers = {name: number for number, name in enumerate(plan.classes)}
    given = [
        numbers.get(one.decode() if isinstance(one, bytes) else one, -1)
        for one in labels.reshape(-1).tolist()
    ]
    places = np.array(given, np.int64)
    likelihood = right[np.arange(len(right)), places]
    is_wrong = (places < 0) | (likelihood < right.max(axis=1) - 2 * plan.parity)
    return int(is_wrong.sum())
