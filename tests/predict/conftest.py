# SPDX-License-Identifier: Apache-2.0
"""Rows and models that are made once; to be read only."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnx
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from tests.doubles.package_parts import spec_for, write_parts

from penstock_training.stages.package import PACKAGE_FOLDER, STEP
from penstock_training.steps import QuietProgress, StepRun

ROWS = 100_000
WIDTH = 30
COLUMNS = tuple(f"f{place}" for place in range(WIDTH))
TRAINED = 2_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Forest:
    """A trained package, and the model of LightGBM that it was made of."""

    package: Path
    booster: lightgbm.Booster


def target_of(numbers: NDArray[np.float32]) -> NDArray[Any]:
    right = np.nan_to_num(numbers[:, 0]) + np.nan_to_num(numbers[:, 1] * numbers[:, 2]) > 0
    return np.where(right, "yes", "no")


@pytest.fixture(scope="session")
def numbers() -> NDArray[np.float32]:
    """A hundredth of the first three columns is missing."""
    draws = np.random.default_rng(5)
    found = draws.standard_normal((ROWS, WIDTH), np.float32)
    found[:, :3][draws.random((ROWS, 3)) < 0.01] = np.nan
    return found


@pytest.fixture(scope="session")
def rows_file(tmp_path_factory: pytest.TempPathFactory, numbers: NDArray[np.float32]) -> Path:
    """All rows, with a number for each, in row groups of 30 000."""
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    table = pa.table({name: numbers[:, place] for place, name in enumerate(COLUMNS)})
    table = table.append_column("id", pa.array(np.arange(ROWS)))
    pq.write_table(table, path, row_group_size=30_000)
    return path


@pytest.fixture(scope="session")
def forest(tmp_path_factory: pytest.TempPathFactory, numbers: NDArray[np.float32]) -> Forest:
    """Forty trees of LightGBM, packaged as training does it."""
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    folder = tmp_path_factory.mktemp("forest")
    x = numbers[:TRAINED]
    names = target_of(x)
    model = lightgbm.LGBMClassifier(n_estimators=40, num_leaves=15, verbose=-1, n_jobs=1)
    model.fit(x, names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = convert_lightgbm(
            model.booster_,
            initial_types=[("features", FloatTensorType([None, WIDTH]))],
            zipmap=False,
            target_opset=15,
        )
    graph = named_classes(graph)
    table = pd.DataFrame(x, columns=list(COLUMNS)).assign(bought=names)
    signature = {
        "inputs": [
            {
                "name": "features",
                "datatype": "FP32",
                "shape": [-1, WIDTH],
                "columns": list(COLUMNS),
                "sensitive": ["f29"],
            }
        ],
        "outputs": [
            {
                "name": "probabilities",
                "datatype": "FP32",
                "shape": [-1, 2],
                "classes": ["no", "yes"],
            }
        ],
    }
    inputs = write_parts(folder, table, graph.SerializeToString(), signature)
    spec = spec_for("forest", folder)
    STEP.run(StepRun(spec=spec, folder=folder, inputs=inputs, progress=QuietProgress()))
    return Forest(package=folder / PACKAGE_FOLDER, booster=model.booster_)


def named_classes(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The probabilities alone: the converter tells labels by number."""
    kept = [one for one in graph.graph.output if one.name == "probabilities"]
    del graph.graph.output[:]
    graph.graph.output.extend(kept)
    return graph


@pytest.fixture(scope="session")
def net_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ONNX graph of two layers, whose input x is WIDTH wide: scores of shape [-1, 3]."""
    draws = np.random.default_rng(6)
    weights = {
        "w1": draws.standard_normal((WIDTH, 8), np.float32),
        "w2": draws.standard_normal((8, 3), np.float32),
    }
    nodes = [
        helper.make_node("MatMul", ["x", "w1"], ["h"]),
        helper.make_node("Tanh", ["h"], ["t"]),
        helper.make_node("MatMul", ["t", "w2"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, WIDTH])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, 3])],
        [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    path = tmp_path_factory.mktemp("net") / "net.onnx"
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path
