# SPDX-License-Identifier: Apache-2.0
"""Compiled models run by the native core answer what the reference says."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.native.programs import Case, cases, rows_of

import penstock.native
from penstock.errors import ArtifactError, EngineError
from penstock.native.artifact import Array, ArtifactBuilder, CompiledModel, write_artifact
from penstock.native.model import NativeModel
from penstock.native.reference import evaluate
from penstock_client._proto import native_artifact_pb2 as pb

CASES = {case.name: case for case in cases()}


def loaded(model: CompiledModel, folder: Path) -> NativeModel:
    write_artifact(model, folder / "model.pnst")
    return penstock.native.load(folder / "model.pnst")


def answers_of(model: NativeModel, rows: Any) -> dict[str, Array]:
    answer = model.predict(rows)
    return answer if isinstance(answer, dict) else {model.signature.outputs[0].name: answer}


def assert_close(found: Array, wanted: Array, tolerance: float) -> None:
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    if tolerance:
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)
    else:
        np.testing.assert_array_equal(found, wanted)


def two_layers() -> CompiledModel:
    builder = ArtifactBuilder(source="a test")
    x = builder.input("x", "FP32", pb.FLOAT32, dims=[3])
    weight = np.arange(6).reshape(2, 3) - 2.5
    hidden = builder.step(
        pb.Dense(
            weights=pb.Dense.FP32,
            weight=builder.blob(weight, "<f4"),
            bias=builder.blob([1, -1], "<f4"),
            activation=pb.Activation(function=pb.Activation.RELU),
        ),
        [x],
        pb.FLOAT32,
        2,
    )
    last = pb.Dense(weights=pb.Dense.FP32, weight=builder.blob([[2, -3]], "<f4"))
    builder.output("y", "FP32", builder.step(last, [hidden], pb.FLOAT32, 1))
    return builder.finish()


@pytest.mark.parametrize("rows", [0, 1, 7, 5000])
@pytest.mark.parametrize("name", CASES)
def test_every_step_does_what_the_reference_does(name: str, rows: int, tmp_path: Path) -> None:
    case: Case = CASES[name]
    given = rows_of(case.model, rows)
    wanted = evaluate(case.model, given)
    found = answers_of(loaded(case.model, tmp_path), given)
    assert found.keys() == wanted.keys()
    for output, values in wanted.items():
        assert_close(found[output], values, case.tolerance)


def test_layers_follow_each_other(tmp_path: Path) -> None:
    model = two_layers()
    rows = np.random.default_rng(1).normal(0, 1, (300, 3)).astype(np.float32)
    found = loaded(model, tmp_path).predict(rows)
    assert_close(found, evaluate(model, {"x": rows})["y"], 1e-5)


def test_the_signature_tells_names_datatypes_and_dims(tmp_path: Path) -> None:
    signature = loaded(CASES["concat"].model, tmp_path).signature
    assert [(t.name, t.datatype, t.dims) for t in signature.inputs] == [
        ("a", "FP64", (2,)),
        ("b", "FP32", (3,)),
    ]
    assert [(t.name, t.dims) for t in signature.outputs] == [
        ("y", (2, 4)),
        ("again", (8,)),
        ("b_itself", (3,)),
    ]


@pytest.mark.parametrize(
    "data",
    [
        [[1, 2, 3], [4, 5, 6]],
        np.array([[1, 2, 3], [4, 5, 6]], np.float64),
        np.array([[1, 4], [2, 5], [3, 6]], np.float32).T,
        np.array([[1, 0, 2, 0, 3], [4, 0, 5, 0, 6]], np.float32)[:, ::2],
        {"x": np.array([[1, 2, 3], [4, 5, 6]], np.int8)},
        np.frombuffer(b"\0" + np.array([1, 2, 3, 4, 5, 6], "<f4").tobytes(), np.uint8)[1:]
        .view("<f4")
        .reshape(2, 3),
    ],
    ids=["list", "float64", "transposed", "strided", "mapping", "at an odd address"],
)
def test_rows_of_any_layout_are_taken(data: Any, tmp_path: Path) -> None:
    model = two_layers()
    wanted = evaluate(model, {"x": np.array([[1, 2, 3], [4, 5, 6]], np.float32)})["y"]
    assert_close(loaded(model, tmp_path).predict(data), wanted, 1e-6)


def test_text_is_given_as_str_or_bytes(tmp_path: Path) -> None:
    model = loaded(CASES["string_index"].model, tmp_path)
    assert model.predict([["a", "bc", "x"], [b"bc", "", b"a"]]).tolist() == [[0, 1, -1], [1, -1, 0]]


def test_answers_may_be_written_to_and_are_nobody_elses(tmp_path: Path) -> None:
    model = loaded(two_layers(), tmp_path)
    rows = np.ones((4, 3), np.float32)
    first = model.predict(rows)
    kept = first.copy()
    second = model.predict(rows)
    second += 1
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(rows, 1)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (
            np.ones((2, 4), np.float32),
            r"wanted rows of shape \[3\], found an array of shape \[2",
        ),
        (np.ones(3, np.float32), r"wanted rows of shape \[3\]"),
        (1.0, "wanted rows, found one element"),
        ([["a", "b", "c"]], "is no FP32"),
        ({"z": [[1, 2, 3]]}, "wanted input 'x'; found 'z'"),
        ({}, "wanted input 'x'; found none"),
    ],
)
def test_what_does_not_fit_is_told(data: Any, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=sentence):
        loaded(two_layers(), tmp_path).predict(data)


def test_inputs_of_different_numbers_of_rows_are_told(tmp_path: Path) -> None:
    model = loaded(CASES["concat"].model, tmp_path)
    with pytest.raises(EngineError, match="'a' has 2, 'b' has 3"):
        model.predict({"a": np.ones((2, 2)), "b": np.ones((3, 3))})
    with pytest.raises(EngineError, match="the model has 2 inputs: wanted a mapping"):
        model.predict(np.ones((2, 2)))


def test_a_file_that_is_no_model_is_told_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "model.pnst").write_bytes(b"PK\3\4")
    with pytest.raises(ArtifactError, match=r"model\.pnst': it is no compiled model"):
        penstock.native.load(tmp_path / "model.pnst")
    with pytest.raises(ArtifactError, match="cannot be opened: No such file"):
        penstock.native.load(str(tmp_path / "missing"))


def test_many_threads_use_one_model(tmp_path: Path) -> None:
    model = loaded(CASES["concat"].model, tmp_path)
    rows = [rows_of(CASES["concat"].model, 1 + 997 * seed, seed) for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(model.predict, rows * 10))
    for index, answer in enumerate(found):
        np.testing.assert_array_equal(answer["y"], model.predict(rows[index % len(rows)])["y"])
