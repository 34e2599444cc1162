# SPDX-License-Identifier: Apache-2.0
"""What the steps before `package` write, made by hand around small real models of scikit-learn."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from penstock_monitoring.profile import Reference, build_profile, write_profile
from penstock_training.files import write_json
from penstock_training.spec import PipelineSpec, spec_of
from penstock_training.stages.package import STEP

#: The smallest PNG: one grey pixel.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c6368000000820081dd436af40000000049454e44ae426082"
)
#: A profile of one row of no column.
SMALLEST = Reference(
    model="any",
    columns=(),
    answers=["prediction"],
    answered=np.zeros((1, 1)),
    losses=np.zeros(1),
    truth=np.zeros(1),
)
OPSET = {"": 21, "ai.onnx.ml": 3}


def iris_parts(folder: Path) -> dict[str, Path]:
    """Three classes by name, four numbers, one tensor."""
    data = load_iris(as_frame=True)
    table = data.data.copy()
    names = data.target_names[data.target]
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    model.fit(table.to_numpy(np.float32), names)
    k, columns = table.shape[1], list(table.columns)
    table["species"] = names
    content = exported(model, [("features", "float", k)])
    classes = [str(one) for one in model.classes_]
    signature = {
        "inputs": [
            {
                "name": "features",
                "datatype": "FP32",
                "shape": [-1, k],
                "columns": columns,
                "sensitive": [],
            }
        ],
        "outputs": [
            {"name": "label", "datatype": "BYTES", "shape": [-1]},
            {
                "name": "probabilities",
                "datatype": "FP32",
                "shape": [-1, len(classes)],
                "classes": classes,
            },
        ],
    }
    return write_parts(folder, table, content, signature)


def diabetes_parts(folder: Path) -> dict[str, Path]:
    """A regression of ten numbers."""
    data = load_diabetes(as_frame=True)
    model = make_pipeline(StandardScaler(), Ridge())
    model.fit(data.data.to_numpy(np.float32), data.target)
    columns = list(data.data.columns)
    content = exported(model, [("features", "float", len(columns))])
    signature = {
        "inputs": [
            {
                "name": "features",
                "datatype": "FP32",
                "shape": [-1, len(columns)],
                "columns": columns,
                "sensitive": ["sex"],
            }
        ],
        "outputs": [{"name": "prediction", "datatype": "FP32", "shape": [-1, 1]}],
    }
    return write_parts(folder, data.frame, content, signature)


def towns_parts(folder: Path) -> dict[str, Path]:
    """Two classes by number, two numeric columns and two of text, of which one is sensitive."""
    draws = np.random.default_rng(7)
    table = pd.DataFrame(
        {
            "age": draws.normal(40, 10, 200),
            "income": draws.normal(3000, 500, 200),
            "town": draws.choice(["Ulm", "Bonn", "Köln"], 200),
            "creed": draws.choice(["secret-one", "secret-two"], 200),
        }
    )
    table["bought"] = ((table["age"] > 40) ^ (table["town"] == "Ulm")).astype(int)
    model = make_pipeline(
        ColumnTransformer(
            [
                ("numbers", StandardScaler(), [0, 1]),
                ("texts", OneHotEncoder(handle_unknown="ignore"), [2, 3]),
            ]
        ),
        LogisticRegression(),
    )
    model.fit(table[["age", "income", "town", "creed"]].to_numpy(object), table["bought"])
    inputs = [("features", "float", 2), ("town", "text", 1), ("creed", "text", 1)]
    content = exported(model, inputs)
    signature = {
        "inputs": [
            {
                "name": "features",
                "datatype": "FP32",
                "shape": [-1, 2],
                "columns": ["age", "income"],
                "sensitive": [],
            },
            {"name": "town", "datatype": "BYTES", "shape": [-1, 1]},
            {"name": "creed", "datatype": "BYTES", "shape": [-1, 1], "sensitive": ["creed"]},
        ],
        "outputs": [
            {"name": "label", "datatype": "INT64", "shape": [-1]},
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, 2], "classes": [0, 1]},
        ],
    }
    return write_parts(folder, table, content, signature)


def exported(model: Any, inputs: list[tuple[str, str, int]]) -> bytes:
    """The ONNX graph of a fitted model; inputs by name, kind and columns."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    kinds: dict[str, Callable[[list[int | None]], Any]] = {
        "float": FloatTensorType,
        "text": StringTensorType,
    }
    types = [(name, kinds[kind]([None, count])) for name, kind, count in inputs]
    is_classifier = hasattr(model, "predict_proba")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = convert_sklearn(
            model,
            initial_types=types,
            target_opset=OPSET,
            options={"zipmap": False} if is_classifier else None,
            final_types=None,
        )
    outputs = ("label", "probabilities") if is_classifier else ("prediction",)
    renamed = dict(zip((one.name for one in graph.graph.output), outputs, strict=True))
    for node in graph.graph.node:
        node.output[:] = [renamed.get(name, name) for name in node.output]
        node.input[:] = [renamed.get(name, name) for name in node.input]
    for one in graph.graph.output:
        one.name = renamed[one.name]
    content: bytes = graph.SerializeToString()
    return content


def write_parts(
    folder: Path, table: pd.DataFrame, model: bytes, signature: dict[str, Any]
) -> dict[str, Path]:
    """Writes the folders of all steps; the result is by step."""
    inputs = {step: folder / step for step in STEP.needs}
    for step in inputs.values():
        step.mkdir(parents=True)
    columns = [{"name": one, "type": str(table[one].dtype)} for one in table.columns]
    source = {"kind": "table", "digest": "ab" * 32, "rows": len(table), "columns": columns}
    write_json(inputs["ingest"] / "source.json", source)
    finding = {
        "check": "duplicates",
        "severity": "warning",
        "columns": [],
        "sentence": "1 row stands twice.",
    }
    validation = {
        "rows": len(table),
        "accepted": len(table) - 1,
        "quarantined": 1,
        "schema_digest": "cd" * 32,
        "findings": [finding],
    }
    write_json(inputs["validate"] / "validation.json", validation)
    table.to_parquet(inputs["split"] / "train.parquet")
    write_json(inputs["split"] / "split.json", {"train": len(table)})
    (inputs["select"] / "model.onnx").write_bytes(model)
    write_json(inputs["select"] / "signature.json", signature)
    selection = {
        "ranking": [{"family": "linear", "score": 0.97}, {"family": "forest", "score": 0.9}],
        "family": "linear",
        "parameters": {"c": 1.0},
        "score": 0.97,
        "why": "linear has the best score.",
    }
    write_json(inputs["select"] / "selection.json", selection)
    sentence = "metric accuracy is 0.97 (0.95 to 0.99), wanted at least 0.9."
    evaluation = {
        "metrics": {"accuracy": {"value": 0.97, "low": 0.95, "high": 0.99}},
        "verdict": {"accepted": True, "checks": [{"sentence": sentence}], "reasons": []},
        "champion": None,
        "groups": [],
        "slices": [
            {
                "name": "petal width (cm) < 0.3",
                "rows": 20,
                "loss": 0.5,
                "loss_of_others": 0.1,
                "is_significant": True,
            }
        ],
    }
    write_json(inputs["evaluate"] / "evaluation.json", evaluation)
    timings = {
        "latency": {"row_us_median": 3.5},
        "reason": "",
        "verdict": {"accepted": True, "checks": [], "reasons": []},
    }
    write_json(inputs["evaluate"] / "timings.json", timings)
    (inputs["evaluate"] / "calibration.png").write_bytes(PIXEL)
    importance = [{"column": columns[0]["name"], "mean": 0.4, "sd": 0.1}]
    told = {"metric": "accuracy", "rows": 9, "repeats": 5, "columns": importance}
    write_json(inputs["explain"] / "explanation.json", {"permutation": told, "shap": None})
    (inputs["explain"] / "importance.png").write_bytes(PIXEL)
    write_profile(build_profile(SMALLEST), inputs["profile"] / "profile.json")
    return inputs


def spec_for(name: str, folder: Path, **tables: Any) -> PipelineSpec:
    """A spec of a pipeline in `folder` that trains a model `name`."""
    told: dict[str, Any] = {
        "name": name,
        "problem": {"task": "multiclass", "target": "species", "metric": "accuracy"},
        "data": {"sklearn": "iris"},
        **tables,
    }
    return spec_of(told).in_folder(folder)
