# SPDX-License-Identifier: Apache-2.0
"""What is evaluated: the chosen model, the held-out rows, and what the spec says of both."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from penstock_training.errors import DataError, SpecError
from penstock_training.evaluate.predictions import Predictions, class_numbers, positive_class
from penstock_training.evaluate.served import ServedModel
from penstock_training.files import read_json
from penstock_training.spec import PipelineSpec

__all__ = ["Subject", "read_subject"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A model and the rows of a part of the data: a pandas frame of n rows, with the target."""

    spec: PipelineSpec
    rows: Any
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    #: Of any column: its values go nowhere.
    sensitive: frozenset[str]
    classes: tuple[Any, ...]
    model: ServedModel
    model_path: Path
    signature: Mapping[str, Any]

    @property
    def features(self) -> tuple[str, ...]:
        """The columns that the model reads."""
        return self.numeric + self.categorical

    @property
    def positive(self) -> int:
        """The number of the class that is looked for; 0 where there is none."""
        problem = self.spec.problem
        is_binary = problem.task == "binary"
        return positive_class(self.classes, problem.positive) if is_binary else 0

    def in_order_of(self, column: str | None) -> "Subject":
        """The same with rows in the order of a column's values; None: as they are."""
        if column is None:
            return self
        rows = self.rows.sort_values(column, kind="stable").reset_index(drop=True)
        return replace(self, rows=rows)

    def column(self, name: str) -> Any:
        """A column of the rows, whether it is a feature or not.

        Raises:
            SpecError: there is none of that name.
        """
        if name not in self.rows.columns:
            found = ", ".join(str(column) for column in self.rows.columns)
            raise SpecError(f"column {name} is not in the data: wanted one of {found}.")
        return self.rows[name]

    def predictions(self, rows: Any = None) -> Predictions:
        """The model's predictions of `rows`, or of all; they keep the rows' order."""
        frame = self.rows if rows is None else rows
        return self.predictions_of(frame, self.model.predict(frame))

    def predictions_of(self, frame: Any, predicted: Any) -> Predictions:
        """Predictions that somebody else made of `frame`."""
        problem = self.spec.problem
        target = frame[problem.target]
        if problem.task == "regression":
            return Predictions(
                task=problem.task, target=target.to_numpy(np.float64), predicted=predicted
            )
        return Predictions(
            task=problem.task,
            target=class_numbers(target.tolist(), self.classes),
            predicted=predicted,
            classes=self.classes,
            positive=self.positive,
            values=problem.values,
        )


def read_subject(spec: PipelineSpec, inputs: Mapping[str, Path], *, part: str) -> Subject:
    """What the steps split, features and select wrote; `part`: "train", "validation" or "test".

    Raises:
        DataError: the part has no rows.
        CandidateError: the model cannot be run.
    """
    import pandas as pd

    rows = pd.read_parquet(inputs["split"] / f"{part}.parquet").reset_index(drop=True)
    if rows.empty:
        raise DataError(f"the {part} part has no rows: [split] {part} wants a larger share.")
    plan = read_json(inputs["features"] / "features.json")
    signature = read_json(inputs["select"] / "signature.json")
    path = inputs["select"] / "model.onnx"
    return Subject(
        spec=spec,
        rows=rows,
        numeric=tuple(plan["numeric"]),
        categorical=tuple(one["name"] for one in plan["categorical"]),
        sensitive=frozenset(plan["sensitive"]) | frozenset(spec.features.sensitive),
        classes=tuple(plan.get("classes") or ()),
        model=ServedModel(path, signature, threads=spec.threads),
        model_path=path,
        signature=signature,
    )
