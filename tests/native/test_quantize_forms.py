# SPDX-License-Identifier: Apache-2.0
"""A layer's weights and its input's range in smaller numbers."""

import numpy as np
import pytest
from tests.native.trained_nets import cancer_net

from penstock.errors import QuantizeError
from penstock.native.artifact import ArtifactBuilder
from penstock.native.quantize.forms import LayerForm, form_for, in_forms
from penstock.native.quantize.layers import Layer, float_layers, sqnr_db
from penstock.native.quantize.ranges import RANGE_CHOICES, RangeChoice, static_input
from penstock.native.quantize.weights import GROUP, four_bits, int8
from penstock.native.reference import evaluate
from penstock.native.reference_dense import nibbles, quantize_static
from penstock_client._proto import native_artifact_pb2 as pb

GENERATOR = np.random.default_rng(0)
WEIGHT = (GENERATOR.normal(size=(7, 70)) * GENERATOR.uniform(0.1, 10, (7, 1))).astype(np.float32)


def test_int8_weights_are_within_half_a_step_and_symmetric() -> None:
    whole, scale = int8(WEIGHT)
    assert np.abs(whole.astype(int)).max(axis=1).tolist() == [127] * 7
    assert (np.abs(whole * scale[:, None] - WEIGHT) <= scale[:, None] * 0.5001).all()


def test_an_output_whose_weights_are_all_zero_or_tiny_stays_zero() -> None:
    whole, scale = int8(np.array([[0, 0], [1e-44, 0]], np.float32))
    assert (whole.tolist(), scale.tolist()) == ([[0, 0], [0, 0]], [1, 1])
    packed, scales = four_bits(np.zeros((1, GROUP), np.float32))
    assert (nibbles(packed) * scales).tolist() == [[0] * GROUP]


def test_four_bits_lose_less_than_a_scale_that_just_covers_the_group() -> None:
    packed, scale = four_bits(WEIGHT)
    assert (packed.shape, scale.shape) == ((7, 35), (7, 3))
    found = nibbles(packed) * np.repeat(scale, GROUP, axis=1)[:, :70]
    padded = np.zeros((7, 96), np.float32)
    padded[:, :70] = WEIGHT
    plain = np.repeat(np.abs(padded.reshape(7, 3, 32)).max(axis=2) / 7, GROUP, axis=1)[:, :70]
    simple = np.rint(WEIGHT / plain) * plain
    assert np.square(found - WEIGHT).sum() < np.square(simple - WEIGHT).sum() * 0.95


@pytest.mark.parametrize("choice", RANGE_CHOICES)
def test_zero_is_exact_in_every_range(choice: RangeChoice) -> None:
    for x in (GENERATOR.normal(size=(50, 4)), GENERATOR.uniform(3, 4, (50, 4)), np.zeros((5, 2))):
        found = static_input(x.astype(np.float32), choice)
        zero = quantize_static(np.zeros((1, 1), np.float32), found.scale, found.zero_point)
        assert zero[0, 0] == found.zero_point


def test_after_a_relu_all_steps_are_above_zero() -> None:
    found = static_input(np.array([[0, 1, 510]], np.float32), "minmax")
    assert (found.scale, found.zero_point) == (2, 0)


def test_a_range_with_less_error_leaves_a_lone_outlier_out() -> None:
    x = GENERATOR.normal(size=(4000, 1)).astype(np.float32)
    x[0] = 60
    errors = {}
    for choice in RANGE_CHOICES:
        found = static_input(x, choice)
        q = quantize_static(x, found.scale, found.zero_point)
        errors[choice] = float(np.abs((q - int(found.zero_point)) * found.scale - x)[1:].mean())
    assert errors["percentile"] < errors["minmax"] / 5
    least = static_input(x, "mse")
    assert least.scale <= static_input(x, "minmax").scale


@pytest.mark.parametrize(
    ("form", "weights", "decibels"),
    [
        (LayerForm(name="bf16"), pb.Dense.BF16, 45),
        (LayerForm(name="int8-dynamic"), pb.Dense.S8, 35),
        (LayerForm(name="int4"), pb.Dense.U4, 15),
    ],
)
def test_a_model_in_a_form_answers_nearly_as_before(
    form: LayerForm, weights: pb.Dense.Weights, decibels: float
) -> None:
    net = cancer_net()
    layers = float_layers(net.model)
    made = in_forms(net.model, layers, {layer.place: form for layer in layers})
    assert [step.dense.weights for step in made.manifest.steps[1:]] == [weights] * 3
    assert len(made.content) < len(net.model.content) * 0.7
    before, after = (evaluate(model, {"x": net.x})["y"] for model in (net.model, made))
    error = sqnr_db(before, after)
    assert error is not None and error > decibels


def test_layers_that_are_not_named_and_other_steps_stay_as_they_are() -> None:
    net = cancer_net()
    layers = float_layers(net.model)
    made = in_forms(net.model, layers, {layers[1].place: LayerForm(name="bf16")})
    kinds = [step.dense.weights for step in made.manifest.steps[1:]]
    assert kinds == [pb.Dense.FP32, pb.Dense.BF16, pb.Dense.FP32]
    for before, after in zip(net.model.manifest.steps, made.manifest.steps, strict=True):
        assert (before.name, before.reads, before.writes) == (after.name, after.reads, after.writes)
    first = [model.manifest.steps[0].affine for model in (net.model, made)]
    assert net.model.raw(first[0].scale) == made.raw(first[1].scale)
    same = in_forms(net.model, layers, {})
    assert same.content == net.model.content


def test_a_layer_too_wide_or_odd_gets_the_nearest_form_it_can_have() -> None:
    def layer(inputs: int) -> Layer:
        weight = np.zeros((1, inputs), np.float32)
        return Layer(place=0, name="", reads=0, writes=1, what=pb.Dense(), weight=weight)

    int4 = LayerForm(name="int4")
    assert form_for(layer(32), int4).name == "int4"
    assert form_for(layer(33), int4).name == "int8-dynamic"
    assert form_for(layer(65538), int4).name == "bf16"
    assert form_for(layer(65538), LayerForm(name="int8-dynamic")).name == "bf16"


def test_an_error_is_measured_against_what_is_written() -> None:
    one = np.ones((1, 4), np.float32)
    assert sqnr_db(one, one) is None
    assert sqnr_db(one, one * np.float32(1.125)) == pytest.approx(20 * np.log10(8))
    assert sqnr_db(one, one * np.nan) == sqnr_db(one * 0, one) == -200


def test_a_model_without_layers_or_quantised_already_is_refused() -> None:
    net = cancer_net()
    layers = float_layers(net.model)
    made = in_forms(net.model, layers, {layers[0].place: LayerForm(name="int8-dynamic")})
    with pytest.raises(QuantizeError, match="layer 'fc1' has weights of S8 already"):
        float_layers(made)
    builder = ArtifactBuilder(source="")
    x = builder.input("x", "FP32", pb.FLOAT32, dims=[2])
    builder.output("y", "INT64", builder.step(pb.ArgMax(), [x], pb.INT64, 1))
    with pytest.raises(QuantizeError, match=r"nothing to quantise: .* found arg_max"):
        float_layers(builder.finish())
