# SPDX-License-Identifier: Apache-2.0
"""Rows of a frame as the served graph reads them, and graphs that cannot be asked."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.doubles.chosen_model import ChosenModel, chosen_model

from penstock_training.errors import CandidateError
from penstock_training.evaluate.served import ServedModel, feeds_of

INPUTS = [
    {"name": "features", "datatype": "FP32", "columns": ["b", "a", "is_new"]},
    {"name": "city", "datatype": "BYTES", "columns": ["city"]},
    {"name": "floor", "datatype": "INT64", "columns": ["floor"]},
]
FRAME = pd.DataFrame(
    {
        "a": [1, 2, 3],
        "b": [0.1, None, 0.3],
        "is_new": [True, False, True],
        "city": ["x", None, 7],
        "floor": [2, 0, 1],
    }
)


def test_numbers_are_one_tensor_in_the_signatures_order() -> None:
    features = feeds_of(FRAME, INPUTS)["features"]
    assert features.dtype == np.float32 and features.flags.c_contiguous
    wanted = np.array([[0.1, 1, 1], [np.nan, 2, 0], [0.3, 3, 1]], dtype=np.float32)
    assert np.array_equal(features, wanted, equal_nan=True)


def test_text_that_is_missing_is_empty_and_every_other_value_is_text() -> None:
    assert feeds_of(FRAME, INPUTS)["city"].tolist() == [["x"], [""], ["7"]]


def test_whole_numbers_stay_whole() -> None:
    floor = feeds_of(FRAME, INPUTS)["floor"]
    assert floor.dtype == np.int64 and floor.shape == (3, 1)


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> ChosenModel:
    return chosen_model(tmp_path_factory.mktemp("chosen"), rows=60)


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"nonsense")
    with pytest.raises(CandidateError, match=r"model.onnx cannot be run"):
        ServedModel(tmp_path / "model.onnx", {"inputs": [], "outputs": []})


def test_rows_that_the_graph_refuses_are_an_error_of_ours(chosen: ChosenModel) -> None:
    inputs = [{"name": "features", "datatype": "FP32", "columns": ["a"]}]
    outputs = [{"name": "label"}, {"name": "probabilities"}]
    model = ServedModel(
        chosen.inputs["select"] / "model.onnx", {"inputs": inputs, "outputs": outputs}
    )
    with pytest.raises(CandidateError, match="the exported model refuses rows"):
        model.predict(FRAME)
