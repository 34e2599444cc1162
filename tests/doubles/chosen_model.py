# SPDX-License-Identifier: Apache-2.0
"""What the steps split, features and select write, made small and by hand.

Applicants for loans: numbers of which some are missing, a city, and two sensitive columns. In the
city of Chance the target is a coin's throw, so a model is at its worst there, and nowhere else.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from penstock_training.spec import PipelineSpec, spec_of
from penstock_training.steps import QuietProgress, Step, StepRun

NUMERIC = ("income", "debt", "age", "visits")
CATEGORICAL = ("city", "origin")
SENSITIVE = ("age", "origin")
OPSET = {"": 21, "ai.onnx.ml": 3}
#: Values of sensitive columns that no file may hold.
SECRET_ORIGINS = ("Zanzibar", "Quito", "Uppsala")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenModel:
    """The folders of finished steps, by name, and the spec that they are of."""

    spec: PipelineSpec
    inputs: Mapping[str, Path]

    def run(self, step: Step, folder: Path) -> Path:
        """Run a later step, which writes to `folder`."""
        folder.mkdir()
        step.run(
            StepRun(spec=self.spec, folder=folder, inputs=self.inputs, progress=QuietProgress())
        )
        return folder


def applicants(rows: int, seed: int = 0, *, task: str = "binary") -> pd.DataFrame:
    """Rows with the column `outcome`: good or bad; good, poor or bad; or an amount."""
    draws = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "income": draws.normal(50, 12, rows),
            "debt": draws.gamma(2.0, 5.0, rows),
            "age": draws.integers(20, 80, rows).astype(np.float64) + 0.4242,
            "visits": draws.integers(0, 9, rows),
            "city": draws.choice(["Amber", "Birch", "Chance"], rows, p=[0.5, 0.3, 0.2]),
            "origin": draws.choice(SECRET_ORIGINS, rows, p=[0.6, 0.3, 0.1]),
        }
    )
    merit = (frame["income"] - 50) / 12 - (frame["debt"] - 10) / 7 + 0.1 * frame["visits"]
    is_chance = (frame["city"] == "Chance").to_numpy()
    noise = np.where(is_chance, draws.normal(0, 4, rows), draws.normal(0, 0.3, rows))
    merit = np.where(is_chance, noise, merit + noise)
    frame.loc[draws.random(rows) < 0.05, "income"] = np.nan
    frame["city"] = frame["city"].mask(draws.random(rows) < 0.04, None)
    if task == "regression":
        frame["outcome"] = merit
    elif task == "binary":
        frame["outcome"] = np.where(merit > 0, "good", "bad")
    else:
        frame["outcome"] = np.select([merit > 0.8, merit > -0.8], ["good", "poor"], "bad")
    return frame


def chosen_model(
    folder: Path,
    *,
    task: str = "binary",
    rows: int = 400,
    tables: Mapping[str, Any] | None = None,
    features: tuple[str, ...] = NUMERIC,
) -> ChosenModel:
    """Train a linear model on `features` and the categorical columns; `tables` go into the spec."""
    metric = "rmse" if task == "regression" else "accuracy"
    given = {key: dict(value) for key, value in (tables or {}).items()}
    problem = {"task": task, "target": "outcome", "metric": metric} | given.pop("problem", {})
    evaluate = {"bootstrap": 100} | given.pop("evaluate", {})
    spec = spec_of(
        {
            "name": "loans",
            "problem": problem,
            "data": {"path": "loans.csv"},
            "features": {"sensitive": SENSITIVE},
            "evaluate": evaluate,
            **given,
        }
    ).in_folder(folder)
    inputs = {name: folder / name for name in ("split", "features", "select")}
    for one in inputs.values():
        one.mkdir(parents=True, exist_ok=True)
    parts = {part: applicants(rows, seed, task=task) for seed, part in enumerate(PARTS)}
    for part, frame in parts.items():
        frame.to_parquet(inputs["split"] / f"{part}.parquet", index=False)
    _select(inputs, parts["train"], task, features)
    return ChosenModel(spec=spec, inputs=inputs)


PARTS = ("train", "validation", "test")


def _select(
    inputs: Mapping[str, Path], train: pd.DataFrame, task: str, features: tuple[str, ...]
) -> None:
    k = len(features)
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), list(range(k))),
            ("texts", OneHotEncoder(handle_unknown="ignore"), [k, k + 1]),
        ]
    )
    is_regression = task == "regression"
    model = LinearRegression() if is_regression else LogisticRegression(max_iter=500)
    pipeline = make_pipeline(columns, model)
    known = train[list(features + CATEGORICAL)].copy()
    known["city"] = known["city"].fillna("")
    pipeline.fit(known, train["outcome"])
    types = [("features", FloatTensorType([None, k]))]
    types += [(name, StringTensorType([None, 1])) for name in CATEGORICAL]
    outputs = ["prediction"] if is_regression else ["label", "probabilities"]
    graph = to_onnx(
        pipeline,
        initial_types=types,
        target_opset=OPSET,
        options=None if is_regression else {"zipmap": False},
    )
    _renamed(graph, outputs)
    (inputs["select"] / "model.onnx").write_bytes(graph.SerializeToString())
    joblib.dump(pipeline, inputs["select"] / "model.joblib")
    classes = [] if is_regression else [str(one) for one in pipeline.classes_]
    told: list[dict[str, Any]] = [
        {
            "name": "features",
            "datatype": "FP32",
            "shape": [-1, k],
            "columns": list(features),
            "sensitive": [name for name in features if name in SENSITIVE],
        }
    ]
    told += [{"name": name, "datatype": "BYTES", "shape": [-1, 1]} for name in CATEGORICAL]
    answers: list[dict[str, Any]] = [
        {"name": name, "datatype": "BYTES" if name == "label" else "FP32", "shape": [-1, 1]}
        for name in outputs
    ]
    if not is_regression:
        answers[1] |= {"shape": [-1, len(classes)], "classes": classes}
    _write(inputs["select"] / "signature.json", {"inputs": told, "outputs": answers})
    _write(
        inputs["features"] / "features.json",
        {
            "numeric": list(features),
            "categorical": [{"name": name, "datatype": "BYTES"} for name in CATEGORICAL],
            "sensitive": list(SENSITIVE),
            "classes": classes,
        },
    )


def _renamed(graph: Any, outputs: list[str]) -> None:
    """Give the graph's outputs the names of a signature."""
    for output, name in zip(graph.graph.output, outputs, strict=True):
        for node in graph.graph.node:
            node.output[:] = [name if one == output.name else one for one in node.output]
            node.input[:] = [name if one == output.name else one for one in node.input]
        output.name = name


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content))
