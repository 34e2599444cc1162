# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from penstock.errors import PredictError
from penstock.local_model import Texts
from penstock.package.signature import ModelSignature, TensorSignature
from penstock.predict.answers import answer_columns, output_columns, unanswered
from penstock.predict.columns import InputColumns
from penstock.predict.rows import Tensors


def outputs(*tensors: TensorSignature) -> ModelSignature:
    return ModelSignature(inputs=(), outputs=tensors)


def tensor(name: str, *shape: int, datatype: str = "FP32", **more: object) -> TensorSignature:
    told = {"name": name, "datatype": datatype, "shape": (-1, *shape), **more}
    return TensorSignature.model_validate(told)


def test_columns_are_named_after_outputs_and_classes() -> None:
    found = output_columns(
        outputs(
            tensor("label", datatype="BYTES"),
            tensor("probabilities", 2, classes=("no", "yes")),
            tensor("margin", 2, classes=(0, 1)),
            tensor("prediction", 1),
            tensor("scores", 3),
            tensor("map", 2, 2),
        ),
        (),
    )
    assert [one.columns for one in found] == [
        ("label",),
        ("probability_no", "probability_yes"),
        ("margin_0", "margin_1"),
        ("prediction",),
        ("scores[0]", "scores[1]", "scores[2]"),
        ("map",),
    ]
    fields = [field for one in found for field in one.fields()]
    assert fields[0] == pa.field("label", pa.string())
    assert fields[-1] == pa.field("map", pa.list_(pa.float32(), 4))


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(PredictError, match="two columns 'prediction'"):
        output_columns(outputs(tensor("prediction", 1)), ("prediction",))


def test_bad_rows_have_null_in_every_column() -> None:
    texts = Texts(
        shape=(3,),
        offsets=np.array([0, 1, 2, 4], np.int64),
        content=np.frombuffer(b"abcd", np.uint8),
    )
    numbers = np.arange(6, dtype=np.float32).reshape(3, 2)
    maps = np.arange(12, dtype=np.int64).reshape(3, 2, 2)
    columns = output_columns(
        outputs(
            tensor("label", datatype="BYTES"),
            tensor("p", 2),
            tensor("map", 2, 2, datatype="INT64"),
        ),
        (),
    )
    bad = np.array([False, True, False])
    label, first, second, lists = answer_columns([texts, numbers, maps], columns, 3, bad)
    assert label.to_pylist() == ["a", None, "cd"]
    assert first.to_pylist() == [0, None, 4]
    assert second.to_pylist() == [1, None, 5]
    assert lists.to_pylist() == [[0, 1, 2, 3], None, [8, 9, 10, 11]]


def test_an_answer_of_another_shape_or_of_no_text_is_refused() -> None:
    (columns,) = output_columns(outputs(tensor("y", 2)), ())
    with pytest.raises(PredictError, match=r"output 'y' came back with shape \[2, 3\] for 2 rows"):
        answer_columns([np.zeros((2, 3), np.float32)], [columns], 2, None)
    (label,) = output_columns(outputs(tensor("label", datatype="BYTES")), ())
    broken = Texts(
        shape=(1,),
        offsets=np.array([0, 1], np.int64),
        content=np.frombuffer(b"\xff", np.uint8),
    )
    with pytest.raises(PredictError, match="no UTF-8"):
        answer_columns([broken], [label], 1, None)


def test_a_missing_value_is_bad_only_where_the_answer_is_no_number() -> None:
    inputs = [InputColumns(tensor=tensor("x", 2), columns=("a", "b"))]
    rows = np.array([[1, 2], [np.nan, 2], [1, np.nan], [3, 4]], np.float32)
    answers = np.array([0.5, 0.25, np.nan, np.nan], np.float32)  # the last one is the model's own
    found = unanswered([answers], lambda: Tensors(rows=4, arrays=[rows], bad={}), inputs)
    assert {row: bad.reason for row, bad in found.items()} == {
        2: "'b' is missing, and the model's answer is no number"
    }
