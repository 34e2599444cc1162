# SPDX-License-Identifier: Apache-2.0
"""Tensors from the command line, and the requests and checks of a load test."""

from pathlib import Path

import numpy as np
import pytest

from penstock.commands.bench import is_same
from penstock.commands.requests import RANDOM_REQUESTS, make_requests, right_answers
from penstock.commands.tensors import read_inputs
from penstock.errors import OptionsError
from penstock_client import Bfloat16, ModelMetadata, TensorMetadata


def metadata(*inputs: tuple[str, str, tuple[int, ...]]) -> ModelMetadata:
    return ModelMetadata(
        name="iris",
        versions=("1",),
        platform="onnxruntime_onnx",
        inputs=tuple(TensorMetadata(name=n, datatype=d, shape=s) for n, d, s in inputs),
        outputs=(),
    )


IRIS = metadata(("x", "FP32", (-1, 2)))


def test_json_becomes_an_array_of_the_models_type() -> None:
    x = read_inputs(["x=[[1, 2], [3, 4]]"], IRIS)["x"]
    assert isinstance(x, np.ndarray)
    assert x.dtype == np.float32
    assert x.shape == (2, 2)


def test_a_single_row_needs_no_brackets_of_the_batch() -> None:
    x = read_inputs(["x=[1, 2]"], IRIS)["x"]
    assert isinstance(x, np.ndarray)
    assert x.tolist() == [[1, 2]]


def test_texts_and_bf16_are_made_from_json() -> None:
    wanted = metadata(("s", "BYTES", (-1, 1)), ("h", "BF16", (-1, 1)))
    found = read_inputs(['s=[["a"]]', "h=[[1.5]]"], wanted)
    assert isinstance(found["s"], np.ndarray)
    assert found["s"].tolist() == [["a"]]
    assert isinstance(found["h"], Bfloat16)
    assert found["h"].to_float32().tolist() == [[1.5]]


def test_a_file_of_numpy_is_read(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.eye(2))
    x = read_inputs([f"x=@{tmp_path}/x.npy"], IRIS)["x"]
    assert isinstance(x, np.ndarray)
    assert x.dtype == np.float32


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        ([], r"iris wants x: FP32\[-1, 2\]: give --input NAME=VALUE"),
        (["x"], "wanted NAME=VALUE, found 'x'"),
        (["z=[1]"], r"iris has no input 'z'; it has x: FP32\[-1, 2\]"),
        (["x=[1"], r"--input x: wanted JSON, such as \[\[1, 2\]\], or @FILE.npy"),
        (["x=[[1], [1, 2]]"], "lists inside one another differ in length"),
        (['x=[["a", "b"]]'], "--input x: wanted FP32: could not convert"),
        (["x=@absent.npy"], "absent.npy: is no array file"),
    ],
)
def test_a_wrong_input_is_told_with_what_was_wanted(texts: list[str], sentence: str) -> None:
    with pytest.raises(OptionsError, match=sentence):
        read_inputs(texts, IRIS)


def test_given_rows_are_cut_into_requests() -> None:
    requests = make_requests(["x=[[1, 1], [2, 2], [3, 3], [4, 4], [5, 5]]"], IRIS, rows=2)
    firsts = [request["x"] for request in requests]
    assert [x[:, 0].tolist() for x in firsts if isinstance(x, np.ndarray)] == [[1, 2], [3, 4]]


def test_a_model_that_does_not_batch_takes_its_input_whole() -> None:
    (request,) = make_requests(["x=[1, 2, 3]"], metadata(("x", "INT64", (3,))), rows=1)
    assert isinstance(request["x"], np.ndarray)
    assert request["x"].tolist() == [1, 2, 3]


def test_too_few_rows_for_one_request_are_an_error() -> None:
    with pytest.raises(OptionsError, match=r"equally many rows, at least 2: {'x': 1}"):
        make_requests(["x=[[1, 1]]"], IRIS, rows=2)


def test_random_requests_are_the_same_every_time_and_fit_the_model() -> None:
    wanted = metadata(
        ("f", "FP16", (-1, 2)),
        ("i", "INT8", (-1, -1)),
        ("s", "BYTES", (-1, 1)),
        ("b", "BOOL", (-1,)),
    )
    first, second = (make_requests([], wanted, rows=3) for _ in range(2))
    assert len(first) == RANDOM_REQUESTS
    for name, dtype in {"f": np.float16, "i": np.int8, "s": np.object_, "b": np.bool_}.items():
        one, other = first[7][name], second[7][name]
        assert isinstance(one, np.ndarray)
        assert isinstance(other, np.ndarray)
        assert len(one) == 3
        assert one.dtype == dtype
        assert one.tolist() == other.tolist()


def test_right_answers_are_cut_as_the_requests_are(tmp_path: Path) -> None:
    np.savez(tmp_path / "right.npz", y=np.arange(4))
    answers = right_answers(tmp_path / "right.npz", 2, IRIS, 2)
    assert [answer["y"].tolist() for answer in answers] == [[0, 1], [2, 3]]
    with pytest.raises(OptionsError, match="'y' has 4 rows: wanted 6"):
        list(right_answers(tmp_path / "right.npz", 3, IRIS, 2))


@pytest.mark.parametrize(
    ("answer", "right", "same"),
    [
        ([1.0, np.nan], [1.0 + 1e-6, np.nan], True),
        ([1.0], [1.01], False),
        ([1, 2], [1, 2], True),
        ([1, 2], [1, 3], False),
        ([[1.0]], [1.0], False),
    ],
)
def test_floats_agree_within_the_tolerance_and_all_else_exactly(
    answer: list[float], right: list[float], same: bool
) -> None:
    assert is_same(np.array(answer), np.array(right), 1e-4) is same
