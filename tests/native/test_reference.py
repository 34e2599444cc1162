# SPDX-License-Identifier: Apache-2.0
"""Each small step of the reference, by what it makes of a few numbers."""

import math
from typing import Any

import numpy as np
import pytest

from penstock.errors import ArtifactError
from penstock.native.artifact import Array, ArtifactBuilder, StepWhat
from penstock.native.reference import evaluate, trace
from penstock_client._proto import native_artifact_pb2 as pb

NAN, INF = float("nan"), float("inf")
DATATYPES = {pb.FLOAT32: "FP32", pb.FLOAT64: "FP64", pb.INT64: "INT64", pb.TEXT: "BYTES"}
DTYPES: dict[int, Any] = {
    pb.FLOAT32: np.float32,
    pb.FLOAT64: np.float64,
    pb.INT64: np.int64,
    pb.TEXT: object,
}


def answer(
    builder: ArtifactBuilder,
    what: StepWhat,
    x: list[list[Any]],
    width: int,
    *,
    kind: pb.Kind = pb.FLOAT32,
    writes: pb.Kind | None = None,
) -> Array:
    """What one step makes of rows `x` of a kind."""
    given = builder.input("x", DATATYPES[kind], kind, dims=[len(x[0])])
    written = kind if writes is None else writes
    y = builder.step(what, [given], written, width)
    builder.output("y", DATATYPES[written], y, dims=[width])
    return evaluate(builder.finish(), {"x": np.array(x, DTYPES[kind])})["y"]


def activated(function: pb.Activation.Function, x: list[float], **parameters: float) -> list[float]:
    what = pb.Activation(function=function, **parameters)
    got = answer(ArtifactBuilder(source=""), what, [x], len(x), kind=pb.FLOAT64)
    return [float(one) for one in got[0]]


def test_an_affine_step_takes_the_offset_before_it_scales() -> None:
    builder = ArtifactBuilder(source="")
    what = pb.Affine(offset=builder.blob([1, 2], "<f4"), scale=builder.blob([10, 0.5], "<f4"))
    assert answer(builder, what, [[3, 3], [1, NAN]], 2).tolist()[0] == [20, 0.5]


@pytest.mark.parametrize(
    ("norm", "expected"),
    [
        (pb.Normalize.L1, [3 / 7, -4 / 7]),
        (pb.Normalize.L2, [0.6, -0.8]),
        (pb.Normalize.MAX, [0.75, -1]),
    ],
)
def test_a_row_is_divided_by_its_norm_and_one_of_zeros_stays(
    norm: pb.Normalize.Norm, expected: list[float]
) -> None:
    got = answer(
        ArtifactBuilder(source=""),
        pb.Normalize(norm=norm),
        [[3, -4], [0, 0]],
        2,
        kind=pb.FLOAT64,
    )
    assert got.tolist() == [pytest.approx(expected), [0, 0]]


def test_what_is_missing_is_replaced_by_its_columns_value() -> None:
    cases: list[tuple[float, list[float], list[float]]] = [
        (NAN, [NAN, 1], [7, 1]),
        (1, [NAN, 1], [NAN, 8]),
    ]
    for missing, x, expected in cases:
        builder = ArtifactBuilder(source="")
        what = pb.Impute(missing=missing, replacement=builder.blob([7, 8], "<f4"))
        assert np.array_equal(answer(builder, what, [x], 2)[0], expected, equal_nan=True)
    builder = ArtifactBuilder(source="")
    what = pb.Impute(missing=-1, replacement=builder.blob([7, 8], "<i8"))
    assert answer(builder, what, [[-1, 3]], 2, kind=pb.INT64).tolist() == [[7, 3]]


def test_categories_become_columns_and_a_strange_one_zeros() -> None:
    builder = ArtifactBuilder(source="")
    what = pb.OneHot(counts=[2, 3], categories=builder.blob([1, 2, 5, NAN, 5], "<f4"))
    got = answer(builder, what, [[2, 5], [1, NAN], [3, 4]], 5)
    assert got.tolist() == [[0, 1, 1, 0, 0], [1, 0, 0, 1, 0], [0, 0, 0, 0, 0]]


def test_keys_become_values_and_nan_is_a_key_like_another() -> None:
    builder = ArtifactBuilder(source="")
    what = pb.Lookup(
        keys=builder.blob([1, 2.5, NAN], "<f4"),
        values=builder.blob([10, 20, 30], "<i8"),
        otherwise=builder.blob([-1], "<i8"),
    )
    got = answer(builder, what, [[2.5, NAN, 7, 1]], 4, writes=pb.INT64)
    assert got.tolist() == [[20, 30, -1, 10]]


def test_columns_are_chosen_and_repeated() -> None:
    got = answer(ArtifactBuilder(source=""), pb.Select(columns=[2, 0, 2]), [[5, 6, 7]], 3)
    assert got.tolist() == [[7, 5, 7]]


def test_functions_of_one_element() -> None:
    f = pb.Activation
    assert activated(f.IDENTITY, [-1, 2]) == [-1, 2]
    assert activated(f.RELU, [-1, 2]) == [0, 2]
    assert math.isnan(activated(f.RELU, [NAN])[0])
    assert activated(f.LEAKY_RELU, [-1, 2], alpha=0.25) == [-0.25, 2]
    assert activated(f.SIGMOID, [0, 2, -800]) == [0.5, 1 / (1 + math.exp(-2)), 0]
    assert activated(f.SIGMOID, [1], alpha=2) == [1 / (1 + math.exp(-2))]
    assert activated(f.TANH, [0.5]) == [math.tanh(0.5)]
    assert activated(f.CLIP, [-9, 1, 9], alpha=-1, beta=2) == [-1, 1, 2]
    assert activated(f.EXP, [0, 1]) == [1, math.e]
    assert activated(f.LOG1P_EXP, [0, 800, -800]) == [math.log(2), 800, 0]
    assert activated(f.SIGN_SQUARE, [-3, 0, 2]) == [-9, 0, 4]
    assert activated(f.PROBIT, [0.5, 0, 1, 0.975]) == pytest.approx([0, -INF, INF, 1.959964])
    assert math.isnan(activated(f.PROBIT, [1.5])[0])


def test_functions_of_a_row() -> None:
    f = pb.Activation
    powers = [math.exp(-1), 1, 0]
    assert activated(f.SOFTMAX, [0, 1, -INF]) == [p / sum(powers) for p in powers]
    assert activated(f.SOFTMAX, [1e3, 1e3]) == [0.5, 0.5]
    assert activated(f.SOFTMAX_ZERO, [0, 1, 1]) == [0, 0.5, 0.5]
    assert activated(f.SOFTMAX_ZERO, [0, 0]) == [0, 0]
    assert activated(f.COPY_SIGN_NORMALIZE, [1, 3]) == [0.25, 0.75]


def test_the_greatest_column_is_the_first_of_equals() -> None:
    got = answer(
        ArtifactBuilder(source=""), pb.ArgMax(), [[1, 3, 3], [NAN, 5, 5]], 1, writes=pb.INT64
    )
    assert got.tolist() == [[1], [0]]


def test_a_threshold_is_or_is_not_passed_by_itself() -> None:
    for is_inclusive, expected in [(False, [0, 0, 1]), (True, [0, 1, 1])]:
        what = pb.Threshold(threshold=0.5, is_inclusive=is_inclusive)
        got = answer(ArtifactBuilder(source=""), what, [[NAN, 0.5, 1]], 3, writes=pb.INT64)
        assert got.tolist() == [expected]


def test_strings_become_places_and_places_labels() -> None:
    index = pb.StringIndex(strings=["a", "\u00e9"])
    texts = [["\u00e9".encode(), b"a", "b"]]
    got = answer(ArtifactBuilder(source=""), index, texts, 3, kind=pb.TEXT, writes=pb.INT64)
    assert got.tolist() == [[1, 0, -1]]
    labels = pb.Labels(strings=["no", "yes"], otherwise_string="?")
    places = [[1, 0, -1, 2]]
    got = answer(ArtifactBuilder(source=""), labels, places, 4, kind=pb.INT64, writes=pb.TEXT)
    assert got.tolist() == [[b"yes", b"no", b"?", b"?"]]
    numbers = pb.Labels(numbers=[7, 9], otherwise_number=-5)
    got = answer(ArtifactBuilder(source=""), numbers, places, 4, kind=pb.INT64, writes=pb.INT64)
    assert got.tolist() == [[9, 7, -5, -5]]


def test_a_probability_gets_its_complement() -> None:
    got = answer(ArtifactBuilder(source=""), pb.Complement(), [[0.25]], 2)
    assert got.tolist() == [[0.75, 0.25]]


def test_a_conversion_to_integers_goes_towards_zero() -> None:
    got = answer(ArtifactBuilder(source=""), pb.Convert(), [[1.9, -1.9]], 2, writes=pb.INT64)
    assert got.tolist() == [[1, -1]]


def test_values_stand_side_by_side_and_ports_have_their_own_datatypes() -> None:
    builder = ArtifactBuilder(source="")
    flag = builder.input("flag", "BOOL", pb.FLOAT32)
    image = builder.input("image", "UINT8", pb.FLOAT32, dims=[2, 2])
    both = builder.step(pb.Concat(), [image, flag], pb.FLOAT32, 5)
    builder.output("both", "INT32", both, dims=[5, 1])
    inputs = {"flag": np.array([True]), "image": np.array([[[1, 2], [3, 255]]], np.uint8)}
    got = evaluate(builder.finish(), inputs)["both"]
    assert got.dtype == np.int32
    assert got.tolist() == [[[1], [2], [3], [255], [1]]]
    assert [value.dtype.name for value in trace(builder.finish(), inputs)] == ["float32"] * 3


def test_inputs_of_another_name_shape_or_number_of_rows_are_refused() -> None:
    builder = ArtifactBuilder(source="")
    a = builder.input("a", "FP32", pb.FLOAT32, dims=[2])
    b = builder.input("b", "FP32", pb.FLOAT32)
    y = builder.step(pb.Concat(), [a, b], pb.FLOAT32, 3)
    builder.output("y", "FP32", y, dims=[3])
    model = builder.finish()
    cases: list[tuple[dict[str, Array], str]] = [
        ({"a": np.zeros((1, 2))}, r"wanted input 'b'; found \['a'\]"),
        ({"a": np.zeros((1, 3)), "b": np.zeros(1)}, r"shape \[2\], found .* \[1, 3\]"),
        ({"a": np.zeros((1, 2)), "b": np.zeros(2)}, r"as many rows of every input; found \[1, 2\]"),
    ]
    for inputs, message in cases:
        with pytest.raises(ArtifactError, match=message):
            evaluate(model, inputs)


def test_a_step_that_does_not_fit_its_value_is_refused() -> None:
    with pytest.raises(ArtifactError, match=r"wrote \[1, 2\]: wanted \[1, 3\]"):
        answer(ArtifactBuilder(source=""), pb.Select(columns=[0, 0]), [[1.0]], 3)


def test_a_part_that_did_not_compile_runs_in_onnx_runtime() -> None:
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    info = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 2]) for name in ("r0", "w")
    ]
    graph = helper.make_graph([helper.make_node("Abs", ["r0"], ["w"])], "g", info[:1], info[1:])
    opset = [helper.make_opsetid("", 17)]
    content = helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString()
    assert onnx is not None
    builder = ArtifactBuilder(source="")
    got = answer(builder, pb.Onnx(model=builder.raw_blob(content)), [[-1, 2]], 2)
    assert got.tolist() == [[1, 2]]
