# SPDX-License-Identifier: Apache-2.0
"""Random trees of hard numbers answer, compiled, what LightGBM and ONNX Runtime do with them."""

import tempfile
from pathlib import Path

import lightgbm
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.native.agreement import Array, answer
from tests.native.onnx_oracle import check_against_onnxruntime
from tests.native.random_trees import (
    FEATURES,
    Leaf,
    Split,
    Tree,
    lightgbm_text,
    onnx_trees,
    rows_near,
    trees,
)

from penstock import native
from penstock.errors import NotCompiledError
from penstock.native.artifact import CompiledModel, write_artifact
from penstock.native.compiler import compile_bytes
from penstock.native.options import CompileOptions

SINGLE: list[Tree] = [Leaf(0.1), Leaf(-0.0)]
SAME: list[Tree] = [Split(0, 0.5, True, Leaf(1.0), Split(0, 0.5, False, Leaf(2.0), Leaf(3.0)))] * 2
quick = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def natively(model: CompiledModel, x: Array) -> Array:
    """What the executor answers: one row at a time, and all of them."""
    with tempfile.TemporaryDirectory() as folder:
        write_artifact(model, Path(folder, "model.pnst"))
        loaded = native.load(Path(folder, "model.pnst"))
    whole = loaded.predict(x)
    alone = np.concatenate([loaded.predict(x[i : i + 1]) for i in range(9)])
    assert np.array_equal(whole[:9], alone)
    assert isinstance(whole, np.ndarray)
    return whole


@quick
@given(forest=trees, seed=st.integers(0, 99))
@example(forest=SINGLE, seed=0)
@example(forest=SAME, seed=0)
def test_lightgbms_answers_to_the_bit(forest: list[Tree], seed: int) -> None:
    text = lightgbm_text(forest)
    booster = lightgbm.Booster(model_str=text)
    x = rows_near(forest, seed).astype(np.float64)
    # NaN is missing; rows of float64 may also lie between two float32.
    x[::7] *= 1 + 1e-12
    right = np.asarray(booster.predict(x, num_threads=1)).reshape(-1, 1)
    model = compile_bytes(text.encode())
    assert np.array_equal(answer(model, x), right)
    assert np.array_equal(natively(model, x), right)


@quick
@given(forest=trees, seed=st.integers(0, 99))
def test_rows_of_float32_reach_the_same_leaves(forest: list[Tree], seed: int) -> None:
    text = lightgbm_text(forest)
    x = rows_near(forest, seed)
    booster = lightgbm.Booster(model_str=text)
    right = np.asarray(booster.predict(x.astype(np.float64), num_threads=1)).reshape(-1, 1)
    model = compile_bytes(text.encode(), CompileOptions(input_datatype="FP32"))
    assert np.array_equal(answer(model, x), right)
    assert np.array_equal(natively(model, x), right)


@quick
@given(
    forest=trees,
    seed=st.integers(0, 99),
    modes=st.lists(
        st.sampled_from(["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT"]),
        min_size=1, max_size=3,
    ),
)  # fmt: skip
@example(forest=SINGLE, seed=0, modes=["BRANCH_LT"])
@example(forest=SAME, seed=0, modes=["BRANCH_GT"])
def test_onnxruntimes_answers(forest: list[Tree], seed: int, modes: list[str]) -> None:
    x = rows_near(forest, seed)
    content = onnx_trees(forest, modes).SerializeToString()
    model = check_against_onnxruntime(content, {"x": x}, tolerance=1e-5)
    np.testing.assert_allclose(natively(model, x), answer(model, x, "y"), rtol=1e-6)


@pytest.mark.parametrize("threshold", [1e39, -1e39, 1e300, 5e-324, 1e-46])
def test_thresholds_outside_of_float32_part_rows_of_float32_as_they_do_of_float64(
    threshold: float,
) -> None:
    text = lightgbm_text([Split(1, threshold, False, Leaf(1), Leaf(2))])
    x = np.zeros((9, FEATURES), np.float32)
    x[:, 1] = [0, -0.0, 1e-45, -1e-45, 3.4e38, -3.4e38, np.inf, -np.inf, np.nan]
    exact = answer(compile_bytes(text.encode()), x.astype(np.float64))
    model = compile_bytes(text.encode(), CompileOptions(input_datatype="FP32"))
    assert np.array_equal(answer(model, x), exact)
    assert np.array_equal(natively(model, x), exact)


def test_the_deepest_tree_that_compiles_is_loaded() -> None:
    def chain(depth: int) -> CompiledModel:
        below = range(depth)
        lines = {
            "num_leaves": [depth + 1],
            "num_cat": [0],
            "split_feature": [0] * depth,
            "threshold": [depth - place for place in below],
            "decision_type": [2] * depth,
            "left_child": [*range(1, depth), -1],
            "right_child": [-2 - place for place in below],
            "leaf_value": range(depth + 1),
        }
        block = "\n".join(f"{key}={' '.join(map(str, line))}" for key, line in lines.items())
        text = lightgbm_text([Leaf(0)])
        head, end = text.index("Tree=0"), text.index("end of trees")
        return compile_bytes(f"{text[:head]}Tree=0\n{block}\n\n{text[end:]}".encode())

    x = np.zeros((9, FEATURES))
    x[:, 0] = [0, 1, 2, 3, 4094, 4095, 4096, 4097, np.inf]
    assert natively(chain(4096), x).ravel().tolist() == [0, 0, 4096, 4095, 4, 3, 2, 1, 1]
    with pytest.raises(NotCompiledError, match="a tree is deeper than 4096 tests"):
        chain(4097)
