# SPDX-License-Identifier: Apache-2.0
"""The reference against scalars: what the proto says, one number after the other, in Python."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from penstock.errors import ArtifactError
from penstock.native.artifact import ArtifactBuilder, CompiledModel
from penstock.native.reference import evaluate
from penstock.native.reference_dense import (
    bfloat16_bits,
    from_bfloat16_bits,
    nibbles,
    quantize_rows,
    quantize_rows_signed,
    quantize_static,
    weights_of,
)
from penstock_client._proto import native_artifact_pb2 as pb

NAN, INF = float("nan"), float("inf")
Floats = npt.NDArray[np.float32]


def rows(*values: list[float]) -> Floats:
    return np.array(values, np.float32)


def clamp(x: float, low: int, high: int) -> int:
    return int(min(max(x, low), high))


def one_step(builder: ArtifactBuilder, dense: pb.Dense, inputs: int, outputs: int) -> CompiledModel:
    x = builder.input("x", "FP32", pb.FLOAT32, dims=[inputs])
    y = builder.step(dense, [x], pb.FLOAT32, outputs)
    builder.output("y", "FP32", y, dims=[outputs])
    return builder.finish()


def answer(model: CompiledModel, x: Floats) -> Floats:
    return evaluate(model, {"x": x})["y"]


@pytest.mark.parametrize(
    ("scale", "zero_point", "x", "q"),
    [
        (1.0, 128, [0, 0.5, 1.5, 2.5, -0.5, -1.5], [128, 128, 130, 130, 128, 126]),
        (1.0, 0, [-1, 254.5, 255, 256, 1e30, -1e30], [0, 254, 255, 255, 255, 0]),
        (0.1, 255, [0, 0.1, -0.1, -25.5, -26], [255, 255, 254, 0, 0]),
        (2.0**-126, 7, [NAN, INF, -INF, 0], [7, 255, 0, 7]),
    ],
)
def test_a_static_input_rounds_ties_to_even_and_saturates(
    scale: float, zero_point: int, x: list[float], q: list[int]
) -> None:
    assert quantize_static(rows(x), scale, zero_point)[0].tolist() == q


def test_a_static_input_multiplies_by_the_inverse_and_does_not_divide() -> None:
    generator = np.random.default_rng(3)
    x, differ = generator.normal(size=(1, 20_000)).astype(np.float32), 0
    for scale in np.array([0.013, 0.0072, 0.11], np.float32):
        inverse = np.float32(1) / scale
        q = quantize_static(x, float(scale), 128)[0]
        expected = [clamp(round(float(one * inverse)), -128, 127) + 128 for one in x[0]]
        assert q.tolist() == expected
        differ += int((q != np.clip(np.rint(x[0] / scale), -128, 127) + 128).sum())
    assert differ < 20  # or the next test would mean nothing


@pytest.mark.parametrize("seed", range(5))
def test_a_dynamic_input_has_the_range_of_each_row_and_zero(seed: int) -> None:
    generator = np.random.default_rng(seed)
    x = (generator.normal(size=(9, 17)) + generator.integers(-2, 3, (9, 1))).astype(np.float32)
    q, scales, zeros = quantize_rows(x)
    for row, scale, zero, quantized in zip(x, scales, zeros, q, strict=True):
        low, high = min(0.0, *row.tolist()), max(0.0, *row.tolist())
        wanted = np.float32(np.float32(high) - np.float32(low)) / np.float32(255)
        assert scale == wanted
        inverse = np.float32(1) / wanted
        assert zero == clamp(round(float(np.float32(-low) * inverse)), 0, 255)
        assert quantized.tolist() == [
            clamp(round(float(one * inverse)), -zero, 255 - zero) + zero for one in row
        ]


def test_a_row_of_zeros_a_tiny_row_and_one_of_nan_have_scale_one() -> None:
    q, scales, zeros = quantize_rows(rows([0, 0], [1e-40, -1e-40], [NAN, NAN], [NAN, 255]))
    assert scales.tolist() == [1, 1, 1, 1]
    assert zeros.tolist() == [0, 0, 0, 0]
    assert q.tolist() == [[0, 0], [0, 0], [0, 0], [0, 255]]
    signed, own = quantize_rows_signed(rows([0, 0], [NAN, 127]))
    assert (signed.tolist(), own.tolist()) == ([[0, 0], [0, 127]], [1, 1])


def test_what_is_only_positive_has_zero_point_zero_and_only_negative_255() -> None:
    q, _, zeros = quantize_rows(rows([1, 2, 3], [-1, -2, -3]))
    assert zeros.tolist() == [0, 255]
    assert q.tolist() == [[85, 170, 255], [170, 85, 0]]


@pytest.mark.parametrize("is_static", [True, False])
def test_int8_layers_are_the_sums_that_the_file_describes(is_static: bool) -> None:
    generator = np.random.default_rng(1)
    weight = generator.integers(-127, 128, (3, 5))
    scale, bias = np.array([0.5, 0.01, 2], np.float32), np.array([1, -1, 0], np.float32)
    builder = ArtifactBuilder(source="")
    dense = pb.Dense(
        weights=pb.Dense.S8,
        weight=builder.blob(weight, "i1"),
        scale=builder.blob(scale, "<f4"),
        bias=builder.blob(bias, "<f4"),
        activation=pb.Activation(function=pb.Activation.RELU),
        input=pb.StaticInput(scale=0.03, zero_point=100) if is_static else None,
    )
    x = generator.normal(size=(4, 5)).astype(np.float32)
    if is_static:
        q = quantize_static(x, 0.03, 100)
        scales, zeros = np.full(4, 0.03, np.float32), np.full(4, 100)
    else:
        q, scales, zeros = quantize_rows(x)
    got = answer(one_step(builder, dense, 5, 3), x)
    for m in range(4):
        for n in range(3):
            total = sum(int(q[m, k] - zeros[m]) * int(weight[n, k]) for k in range(5))
            exact = total * float(scales[m] * scale[n]) + float(bias[n])
            assert got[m, n] == np.float32(max(exact, 0))


def test_four_bits_have_a_scale_per_group_and_whole_numbers_of_each_row() -> None:
    generator = np.random.default_rng(2)
    inputs, outputs, group = 70, 2, 32
    packed = generator.integers(0, 256, (outputs, inputs // 2))
    scale = generator.normal(size=(outputs, 3)).astype(np.float32)
    builder = ArtifactBuilder(source="")
    dense = pb.Dense(
        weights=pb.Dense.U4,
        weight=builder.blob(packed, "u1"),
        scale=builder.blob(scale, "<f4"),
        group=group,
    )
    x = generator.normal(size=(3, inputs)).astype(np.float32)
    model = one_step(builder, dense, inputs, outputs)
    got = answer(model, x)
    for m in range(3):
        own = np.abs(x[m]).max() / np.float32(127)
        inverse = np.float32(1) / own
        q = [clamp(round(float(one * inverse)), -127, 127) for one in x[m]]
        for n in range(outputs):
            exact = 0.0
            for g in range(3):
                part = range(g * group, min(g * group + group, inputs))
                halves = [int(packed[n, k // 2]) >> 4 * (k % 2) & 15 for k in part]
                total = sum(q[k] * (half - 8) for k, half in zip(part, halves, strict=True))
                exact += total * float(scale[n, g])
            assert got[m, n] == pytest.approx(exact * float(own), rel=1e-6)
    spread = weights_of(model, dense, inputs, outputs)
    assert spread[1, 33] == scale[1, 1] * np.float32((int(packed[1, 16]) >> 4) - 8)
    assert nibbles(np.array([[0xF0]], np.uint8)).tolist() == [[-8, 7]]


def test_bfloat16_rounds_ties_to_even_and_keeps_what_is_not_a_number() -> None:
    one = 0x3F80
    ties = np.array([0x3F808000, 0x3F818000, 0x3F808001, 0x7F7FFFFF], np.uint32).view(np.float32)
    assert bfloat16_bits(ties).tolist() == [one, one + 2, one + 1, 0x7F80]
    odd = from_bfloat16_bits(bfloat16_bits(rows([NAN, INF, -INF, -0.0])))[0]
    assert math.isnan(odd[0])
    assert odd[1:].tolist() == [INF, -INF, 0]
    assert np.signbit(odd[3])


def test_bfloat16_layers_round_their_inputs_too() -> None:
    builder = ArtifactBuilder(source="")
    dense = pb.Dense(weights=pb.Dense.BF16, weight=builder.blob([[0x3F80, 0x3F80]], "<u2"))
    got = answer(one_step(builder, dense, 2, 1), rows([1 + 2**-9, 3], [256, 2**-16]))
    assert got.tolist() == [[4], [np.float32(256 + 2**-16)]]


def test_an_infinite_x_makes_what_float32_or_a_saturated_scale_makes_of_it() -> None:
    for weights, form, expected in [
        (pb.Dense.FP32, "<f4", INF),
        (pb.Dense.BF16, "<u2", INF),
        (pb.Dense.S8, "i1", NAN),
    ]:
        builder = ArtifactBuilder(source="")
        weight = builder.blob([[0x3F80, 0x3F80]] if form == "<u2" else [[1, 1]], form)
        dense = pb.Dense(weights=weights, weight=weight, scale=builder.blob([1], "<f4"))
        (got,) = answer(one_step(builder, dense, 2, 1), rows([INF, 1]))
        assert np.array_equal(got, [expected], equal_nan=True)


def test_weights_of_a_kind_from_the_future_are_refused() -> None:
    builder = ArtifactBuilder(source="")
    model = one_step(builder, pb.Dense(), 2, 1)
    with pytest.raises(ArtifactError, match="update Penstock"):
        answer(model, rows([1, 2]))
