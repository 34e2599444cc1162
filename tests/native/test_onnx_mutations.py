# SPDX-License-Identifier: Apache-2.0
"""Whatever the bytes of an ONNX file are: it is compiled, or refused in a sentence."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.native.onnx_oracle import FLOAT, ML, model_of, node
from tests.native.random_trees import Leaf, Split, onnx_trees

from penstock.errors import ModelFileError, NotCompiledError
from penstock.native.compiler import compile_bytes
from penstock.native.onnx.compiled import compile_onnx
from penstock.native.options import CompileOptions

W = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)


def seeds() -> list[bytes]:
    """A net, a net that is split, trees, and what stands around them."""
    x = {"x": (FLOAT, [None, 4])}
    layer = node("Gemm", "x w b", "h", name="fc")
    constants = {"w": W, "b": W[0], "shape": np.array([-1, 3])}
    net = [
        layer,
        node("Relu", "h", "r"),
        node("Reshape", "r shape", "s"),
        node("Softmax", "s", "y"),
    ]
    features = [
        node("Imputer", "x", "i", ML, imputed_value_floats=[1.0], replaced_value_float=np.nan),
        node("Scaler", "i", "s", ML, offset=[0.5] * 4, scale=[2.0] * 4),
        node("LinearClassifier", "s", "l p", ML, coefficients=[0.5] * 8, intercepts=[0.0, 1.0],
             classlabels_ints=[3, 4], post_transform="SOFTMAX"),
        node("Cast", "l", "y", to=FLOAT),
    ]  # fmt: skip
    tree = Split(1, 0.5, True, Leaf(1.0), Split(0, -0.5, False, Leaf(2.0), Leaf(3.0)))
    models = [
        model_of(net, x, {"y": FLOAT}, constants),
        model_of([layer, node("Erf", "h", "y")], x, {"y": FLOAT}, constants),
        model_of(features, x, {"y": FLOAT, "p": FLOAT}),
        onnx_trees([tree, Leaf(0.5)], ["BRANCH_LEQ"]),
    ]
    return [model.SerializeToString() for model in models]


SEEDS = seeds()
edits = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),  # where
        st.sampled_from(["set", "cut", "twice", "flip"]),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=5,
)


def edited(content: bytes, changes: list[tuple[float, str, int]]) -> bytes:
    made = bytearray(content)
    for where, what, number in changes:
        if not made:
            break
        at = int(where * len(made))
        match what:
            case "set":
                made[at] = number
            case "flip":
                made[at] ^= 1 << number % 8
            case "cut":
                del made[at : at + 1 + number % 32]
            case "twice":
                made[at:at] = made[at : at + 1 + number]
    return bytes(made)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.sampled_from(SEEDS), changes=edits)
def test_a_file_with_any_damage_compiles_or_is_refused_in_a_sentence(
    seed: bytes, changes: list[tuple[float, str, int]]
) -> None:
    content = edited(seed, changes)
    for compile_ in (compile_bytes, lambda given: compile_onnx(given, CompileOptions())):
        try:
            compile_(content)
        except (ModelFileError, NotCompiledError) as error:
            assert str(error).endswith(".")


def test_the_files_that_are_damaged_compile() -> None:
    for seed in SEEDS:
        compile_bytes(seed)
