# SPDX-License-Identifier: Apache-2.0
"""Each operator answers what ONNX Runtime does, on numbers that include the odd ones."""

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto
from tests.native.onnx_oracle import (
    FLOAT,
    ML,
    Array,
    check_against_onnxruntime,
    model_of,
    node,
    steps_of,
)

CHANCE = np.random.default_rng(3)
X = CHANCE.normal(size=(9, 4)).astype(np.float32)
ODD = np.array(
    [[0, -0.0, 1e-40, -1e-40], [1e30, -1e30, 0.5, -0.5], [np.nan, np.inf, -np.inf, 3]], np.float32
)
W = CHANCE.normal(size=(4, 3)).astype(np.float32)
C4 = CHANCE.normal(size=4).astype(np.float32)
C3 = CHANCE.normal(size=3).astype(np.float32)
STRINGS = TensorProto.STRING
WORDS = np.array([["a", "x"], ["b", "y"], ["", "z"], ["other", "x"]], object)


def checked(
    nodes: list[Any], x: Array, constants: dict[str, Any] | None = None, y: int = FLOAT, **form: Any
) -> list[str | None]:
    kind = {"f4": FLOAT, "f8": TensorProto.DOUBLE, "i8": TensorProto.INT64, "O": STRINGS}
    columns = list(x.shape[1:])
    own = kind[x.dtype.str.lstrip("<|")]
    model = model_of(nodes, {"x": (own, [None, *columns])}, {"y": y}, constants, **form)
    return steps_of(check_against_onnxruntime(model.SerializeToString(), {"x": x}))


@pytest.mark.parametrize(
    ("made", "constants", "steps"),
    [
        ([node("Gemm", "x w c", "y")], {"w": W, "c": C3}, ["dense"]),
        ([node("Gemm", "x w c", "y", transB=1, alpha=0.5, beta=2.0)], {"w": W.T, "c": C3}, 1),
        ([node("Gemm", "x w", "y")], {"w": W}, ["dense"]),
        ([node("Gemm", "x w c", "y")], {"w": W, "c": C3[:1]}, ["dense"]),
        ([node("MatMul", "x w", "y")], {"w": W}, ["dense"]),
        ([node("MatMul", "x w", "y")], {"w": W[:, 0]}, ["dense"]),
        ([node("MatMul", "x w", "t"), node("Add", "c t", "y")], {"w": W, "c": C3}, ["dense"]),
        (
            [
                node("MatMul", "x w", "t"),
                node("Add", "t c", "u"),
                node("BatchNormalization", "u s b m v", "n"),
                node("Relu", "n", "y"),
            ],
            {"w": W, "c": C3, "s": C3 + 2, "b": C3, "m": -C3, "v": C3 * C3},
            ["dense"],
        ),
    ],
)
def test_products_become_layers(made: list[Any], constants: dict[str, Any], steps: object) -> None:
    found = checked(made, X, constants)
    assert found == steps or len(found) == steps


@pytest.mark.parametrize(
    "made",
    [
        node("Relu", "x", "y"),
        node("LeakyRelu", "x", "y", alpha=0.25),
        node("LeakyRelu", "x", "y"),
        node("Sigmoid", "x", "y"),
        node("Tanh", "x", "y"),
        node("Exp", "x", "y"),
        node("Softplus", "x", "y"),
        node("Neg", "x", "y"),
        node("Identity", "x", "y"),
        node("Dropout", "x", "y"),
        node("Clip", "x low high", "y"),
        node("Clip", "x low", "y"),
        node("Clip", "x  high", "y"),
        node("Max", "x low", "y"),
        node("Min", "high x", "y"),
        node("Add", "x c", "y"),
        node("Add", "c x", "y"),
        node("Sub", "x c", "y"),
        node("Sub", "c x", "y"),
        node("Mul", "x c", "y"),
        node("Div", "x c", "y"),
        node("Add", "x one", "y"),
        node("Mul", "row x", "y"),
    ],
    ids=lambda made: f"{made.op_type} {' '.join(made.input)}",
)
def test_functions_of_each_element(made: Any) -> None:
    constants = {
        "c": C4, "one": np.float32(3), "row": C4[None, :], "low": np.float32(-0.5),
        "high": np.float32(0.75),
    }  # fmt: skip
    for x in (X, ODD[:1], ODD[2:]) if made.op_type != "Softplus" else (X,):
        checked([made], x, constants)


def test_activations_join_the_layer_before_them_where_nothing_else_reads_it() -> None:
    layer = node("Gemm", "x w", "t")
    assert checked([layer, node("Tanh", "t", "y")], X, {"w": W}) == ["dense"]
    both = [layer, node("Tanh", "t", "u"), node("Concat", "t u", "y", axis=1)]
    assert checked(both, X, {"w": W}) == ["dense", "activation", "concat"]
    hidden = [
        layer,
        node("Identity", "t", "i"),
        node("Relu", "i", "u"),
        node("Concat", "t u", "y", axis=1),
    ]
    assert checked(hidden, X, {"w": W}) == ["dense", "activation", "concat"]


def test_a_difference_and_a_factor_are_one_step() -> None:
    made = [node("Sub", "x c", "t"), node("Mul", "t d", "y")]
    assert checked(made, X, {"c": C4, "d": C4 * 2}) == ["affine"]


def test_batch_normalization_without_a_layer_is_two_affine_steps() -> None:
    constants = {"s": C4 + 2, "b": C4, "m": -C4, "v": C4 * C4}
    found = checked([node("BatchNormalization", "x s b m v", "y")], X, constants)
    assert found == ["affine", "affine"]


@pytest.mark.parametrize("opset", [11, 12, 13, 18])
def test_softmax_is_over_the_row(opset: int) -> None:
    assert checked([node("Softmax", "x", "y", axis=1)], X, opset=opset) == ["activation"]
    assert checked([node("Softmax", "x", "y")], X, opset=opset) == ["activation"]


def test_clip_had_attributes_once() -> None:
    checked([node("Clip", "x", "y", min=-0.5, max=0.5)], X, opset=10)


@pytest.mark.parametrize("op", ["Greater", "GreaterOrEqual", "Less", "LessOrEqual"])
def test_comparisons_with_a_constant(op: str) -> None:
    for x in (X, ODD):
        checked([node(op, "x c", "y")], x, {"c": np.float32(0.5)}, TensorProto.BOOL)


@pytest.mark.parametrize(
    ("made", "constants"),
    [
        ([node("ArgMax", "x", "y", axis=1)], {}),
        ([node("ArgMax", "x", "y", axis=-1, keepdims=0)], {}),
        ([node("Cast", "x", "y", to=TensorProto.INT64)], {}),
        ([node("Cast", "x", "t", to=TensorProto.INT32), node("Cast", "t", "y", to=7)], {}),
    ],
)
def test_numbers_become_integers(made: list[Any], constants: dict[str, Any]) -> None:
    checked(made, np.round(X * 4), constants, TensorProto.INT64)


@pytest.mark.parametrize(
    ("made", "constants"),
    [
        ([node("Reshape", "x s", "y")], {"s": [-1, 4]}),
        ([node("Reshape", "x s", "y")], {"s": [0, -1]}),
        ([node("Reshape", "x s", "t"), node("Flatten", "t", "y")], {"s": [0, 2, 2]}),
        ([node("Unsqueeze", "x s", "y")], {"s": [2]}),
        ([node("Unsqueeze", "x s", "t"), node("Squeeze", "t s", "y")], {"s": [1]}),
        ([node("Transpose", "x", "y", perm=[0, 1])], {}),
        ([node("Concat", "x x", "y", axis=-1)], {}),
        ([node("Gather", "x s", "y", axis=1)], {"s": [3, -4, 3]}),
        ([node("Gather", "x s", "y", axis=1)], {"s": 2}),
        ([node("Slice", "x a b s", "y")], {"a": [1], "b": [99], "s": [1]}),
        ([node("Slice", "x a b s d", "y")], {"a": [3], "b": [-99], "s": [1], "d": [-2]}),
        (
            [
                node("Shape", "x", "a"),
                node("Gather", "a zero", "b", axis=0),
                node("Concat", "b minus", "c", axis=0),
                node("Reshape", "x c", "y"),
            ],
            {"zero": [0], "minus": [-1]},
        ),
        (
            [
                node("Constant", "", "a", value_floats=[1.0, 2.0, 3.0, 4.0]),
                node("Sqrt", "a", "b"),
                node("Mul", "x b", "y"),
            ],
            {},
        ),
    ],
)
def test_shapes_and_columns(made: list[Any], constants: dict[str, Any]) -> None:
    for one in made:
        if one.op_type == "Constant":
            del one.input[:]
    checked(made, X, constants)


@pytest.mark.parametrize(
    "made",
    [
        node("Scaler", "x", "y", ML, offset=C4.tolist(), scale=[2.0, 3.0, 4.0, -1.0]),
        node("Normalizer", "x", "y", ML, norm="L1"),
        node("Normalizer", "x", "y", ML, norm="L2"),
        node("Imputer", "x", "y", ML, imputed_value_floats=[7.0], replaced_value_float=np.nan),
        node("Binarizer", "x", "y", ML, threshold=0.25),
        node("FeatureVectorizer", "x x", "y", ML, inputdimensions=[4, 4]),
        node("LinearRegressor", "x", "y", ML, coefficients=[1.0, 2.0, 3.0, 4.0]),
        node(
            "LinearRegressor", "x", "y", ML, coefficients=C4.tolist() * 2, intercepts=[1.0, 2.0],
            targets=2, post_transform="SOFTMAX",
        ),
    ],
    ids=lambda made: f"{made.op_type} {len(made.attribute)}",
)  # fmt: skip
def test_features_of_onnx_ml(made: Any) -> None:
    x = X.copy()
    if made.op_type == "Imputer":
        x[::2, 1] = np.nan
    checked([made], x)


def test_columns_are_picked() -> None:
    made = node("ArrayFeatureExtractor", "x s", "y", ML)
    assert checked([made], X, {"s": [2, 0]}) == ["select"]


def test_categories_become_columns() -> None:
    numbers = np.array([[1, 5], [2, 1], [-3, 9]], np.int64)
    checked([node("OneHotEncoder", "x", "y", ML, cats_int64s=[5, 1, 2])], numbers)
    checked([node("OneHotEncoder", "x", "y", ML, cats_int64s=[5, 1])], numbers.astype(np.float32))
    checked([node("OneHotEncoder", "x", "y", ML, cats_strings=["x", "a", ""])], WORDS)


def test_columns_of_texts_are_taken_apart_and_put_together() -> None:
    made = [
        node("ArrayFeatureExtractor", "x one", "b", ML),
        node("ArrayFeatureExtractor", "x zero", "a", ML),
        node("Concat", "b a b", "t", axis=1),
        node("OneHotEncoder", "t", "y", ML, cats_strings=["x", "a"]),
    ]
    checked(made, WORDS, {"one": [1], "zero": [0]})


NUMBERS = {"keys_floats": [1.0, -2.5, np.nan], "values_floats": [10.0, 20.0, 30.0]}


@pytest.mark.parametrize(
    ("x", "attributes", "y"),
    [
        (WORDS, {"keys_strings": ["x", "a", "x"], "values_int64s": [7, 8, 9]}, TensorProto.INT64),
        (WORDS, {"keys_strings": ["x", "a"], "values_floats": [0.5, 8.0]}, FLOAT),
        (WORDS, {"keys_strings": ["x", "a"], "values_strings": ["p", "q"]}, STRINGS),
        (ODD[:, :3], {**NUMBERS, "default_float": -1.0}, FLOAT),
        (np.round(X), {"keys_floats": [1.0, -0.0, 1.0], "values_floats": [5.0, 6.0, 7.0]}, FLOAT),
        (np.arange(6).reshape(3, 2), {"keys_int64s": [5, 2], "values_int64s": [9, 8]}, 7),
        (
            np.arange(6).reshape(3, 2),
            {"keys_int64s": [5, 2], "values_strings": ["five", "two"], "default_string": "none"},
            STRINGS,
        ),
    ],
    ids=["text int", "text float", "text text", "nan", "float", "int", "int text"],
)
def test_labels_are_encoded(x: Array, attributes: dict[str, Any], y: int) -> None:
    for version in (2, 4):
        checked([node("LabelEncoder", "x", "y", ML, **attributes)], x, y=y, ml=version)


@pytest.mark.parametrize("labels", [{"classlabels_ints": [10, 20]}, {"classlabels_strings": "ab"}])
@pytest.mark.parametrize("transform", ["NONE", "LOGISTIC", "SOFTMAX"])
@pytest.mark.parametrize("rows", [1, 2])
def test_linear_classifiers_of_two_classes(
    labels: dict[str, Any], transform: str, rows: int
) -> None:
    given = {name: list(value) for name, value in labels.items()}
    made = node(
        "LinearClassifier", "x", "l s", ML, coefficients=[*C4, *-C4][: 4 * rows],
        intercepts=[0.25, -0.5][:rows], post_transform=transform, **given,
    )  # fmt: skip
    kind = STRINGS if "classlabels_strings" in labels else TensorProto.INT64
    model = model_of([made], {"x": (FLOAT, [None, 4])}, {"l": kind, "s": FLOAT})
    check_against_onnxruntime(model.SerializeToString(), {"x": X})


def test_a_constant_row_gives_the_label_at_a_place() -> None:
    made = [
        node("ArgMax", "x", "p", axis=1, keepdims=1),
        node("ArrayFeatureExtractor", "names p", "t", ML),
        node("Reshape", "t s", "y"),
    ]
    names = np.array(["a", "b", "c", "d"], object)
    assert checked(made, X, {"names": names, "s": [-1]}, STRINGS) == ["arg_max", "labels"]
    numbers = np.array([3, 1, 4, 1], np.int64)
    assert checked(made, X, {"names": numbers, "s": [-1, 1]}, 7) == ["arg_max", "labels"]


def test_double_models_compute_in_double() -> None:
    x = X.astype(np.float64)
    made = [node("Sub", "x c", "t"), node("Tanh", "t", "y")]
    checked(made, x, {"c": C4.astype(np.float64)}, TensorProto.DOUBLE)


def test_fast_layers_of_double_models_compute_in_float() -> None:
    model = model_of(
        [node("MatMul", "x w", "y")],
        {"x": (TensorProto.DOUBLE, [None, 4])},
        {"y": TensorProto.DOUBLE},
        {"w": W.astype(np.float64)},
    )
    x = X.astype(np.float64)
    check_against_onnxruntime(model.SerializeToString(), {"x": x}, is_exact=False)


def test_columns_that_were_encoded_stand_side_by_side() -> None:
    """skl2onnx joins what it encoded, [rows, 1, categories], along the last axis."""
    nodes = [
        node("Gather", "x zero", "a", axis=1),
        node("Gather", "x one", "b", axis=1),
        node("OneHotEncoder", "a", "p", ML, cats_int64s=[0, 1]),
        node("OneHotEncoder", "b", "q", ML, cats_int64s=[3, 4, 5]),
        node("Concat", "p q", "y", axis=-1),
    ]
    x = np.array([[0, 3], [1, 4], [7, 5]], np.int64)
    assert checked(nodes, x, {"zero": [0], "one": [1]}).count("concat") == 1
