# SPDX-License-Identifier: Apache-2.0
"""Layers of every kind of weights, from a file through the native core: what the reference says."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.native.trained_nets import cancer_net

import penstock.native
from penstock.errors import ArtifactError
from penstock.native.artifact import Array, ArtifactBuilder, CompiledModel, write_artifact
from penstock.native.quantize.forms import FormName, LayerForm, in_forms
from penstock.native.quantize.latency import native_measure
from penstock.native.quantize.layers import float_layers, traced
from penstock.native.quantize.ranges import static_input
from penstock.native.quantize.weights import GROUP, four_bits, int8
from penstock.native.reference import evaluate
from penstock.native.reference_dense import bfloat16_bits
from penstock_client._proto import native_artifact_pb2 as pb

KINDS = ("fp32", "bf16", "s8 static", "s8 dynamic", "u4")
ACTIVATIONS = {
    "identity": pb.Activation(),
    "relu": pb.Activation(function=pb.Activation.RELU),
    "leaky relu": pb.Activation(function=pb.Activation.LEAKY_RELU, alpha=0.25),
    "sigmoid": pb.Activation(function=pb.Activation.SIGMOID),
    "tanh": pb.Activation(function=pb.Activation.TANH),
    "clip": pb.Activation(function=pb.Activation.CLIP, alpha=-0.5, beta=2),
}
#: Sums of float32 in the kernels' order, and their sigmoid, differ from the reference's by so much.
TOLERANCE = 2e-5


def layer(builder: ArtifactBuilder, kind: str, weight: Array, x: Array) -> pb.Dense:
    """A layer of such weights; where its input is static, of the range of x."""
    if kind == "fp32":
        return pb.Dense(weights=pb.Dense.FP32, weight=builder.blob(weight, "<f4"))
    if kind == "bf16":
        return pb.Dense(weights=pb.Dense.BF16, weight=builder.blob(bfloat16_bits(weight), "<u2"))
    if kind == "u4":
        packed, scale = four_bits(weight)
        return pb.Dense(
            weights=pb.Dense.U4,
            weight=builder.blob(packed, "u1"),
            scale=builder.blob(scale, "<f4"),
            group=GROUP,
        )
    whole, scale = int8(weight)
    dense = pb.Dense(
        weights=pb.Dense.S8, weight=builder.blob(whole, "i1"), scale=builder.blob(scale, "<f4")
    )
    if kind == "s8 static":
        dense.input.CopyFrom(static_input(x, "minmax"))
    return dense


def model_of(kinds: list[str], widths: list[int], activation: pb.Activation) -> CompiledModel:
    random = np.random.default_rng(sum(widths))
    builder = ArtifactBuilder(source="a test")
    value = builder.input("x", "FP32", pb.FLOAT32, dims=[widths[0]])
    x = random.normal(size=(256, widths[0])).astype(np.float32)
    for kind, inputs, outputs in zip(kinds, widths, widths[1:], strict=False):
        weight = random.normal(0, inputs**-0.5, (outputs, inputs)).astype(np.float32)
        bias = random.normal(0, 0.3, outputs).astype(np.float32)
        dense = layer(builder, kind, weight, x)
        dense.bias.CopyFrom(builder.blob(bias, "<f4"))
        dense.activation.CopyFrom(activation)
        value = builder.step(dense, [value], pb.FLOAT32, outputs, name="fc")
        x = np.maximum(x @ weight.T + bias, 0)
    builder.output("y", "FP32", value, dims=[widths[-1]])
    return builder.finish()


def answers(model: CompiledModel, x: Array, folder: Path) -> Array:
    write_artifact(model, folder / "model.pnst")
    found = penstock.native.load(folder / "model.pnst").predict(x)
    assert isinstance(found, np.ndarray)
    return found


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_answers_what_the_reference_does(
    kind: str, activation: str, tmp_path: Path
) -> None:
    model = model_of([kind], [70, 90], ACTIVATIONS[activation])
    x = np.random.default_rng(5).normal(size=(131, 70)).astype(np.float32)
    wanted = evaluate(model, {"x": x})["y"]
    np.testing.assert_allclose(answers(model, x, tmp_path), wanted, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("kind", KINDS)
def test_a_chain_of_layers_answers_what_the_reference_does(kind: str, tmp_path: Path) -> None:
    model = model_of([kind] * 3, [30, 128, 64, 1], ACTIVATIONS["relu"])
    x = np.random.default_rng(6).normal(size=(300, 30)).astype(np.float32)
    wanted = evaluate(model, {"x": x})["y"]
    assert np.ptp(wanted) > 0.5
    # Where a sum of float32 falls beside a half, a byte of an inner layer is another by one.
    tolerance = TOLERANCE if kind == "fp32" else 0.02
    np.testing.assert_allclose(answers(model, x, tmp_path), wanted, rtol=0, atol=tolerance)


def test_layers_of_different_kinds_follow_each_other(tmp_path: Path) -> None:
    model = model_of(list(KINDS), [33 + 31, 128, 66, 20, 64, 5], ACTIVATIONS["leaky relu"])
    x = np.random.default_rng(7).normal(size=(77, 64)).astype(np.float32)
    wanted = evaluate(model, {"x": x})["y"]
    np.testing.assert_allclose(answers(model, x, tmp_path), wanted, rtol=0, atol=0.02)


def test_a_row_with_what_is_no_number_leaves_the_others_alone(tmp_path: Path) -> None:
    model = model_of(["s8 dynamic"], [16, 16], ACTIVATIONS["identity"])
    x = np.random.default_rng(8).normal(size=(5, 16)).astype(np.float32)
    plain = answers(model, x, tmp_path)
    x[1, 3], x[3, 0] = np.nan, np.inf
    found = answers(model, x, tmp_path)
    np.testing.assert_array_equal(found[[0, 2, 4]], plain[[0, 2, 4]])
    assert np.isfinite(found[1]).all()
    assert np.isnan(found[3]).all()


def test_every_instruction_set_gives_the_same_bits(tmp_path: Path) -> None:
    model = model_of(["s8 static", "u4", "fp32", "bf16"], [30, 128, 64, 40, 3], ACTIVATIONS["tanh"])
    write_artifact(model, tmp_path / "model.pnst")
    program = (
        "import sys, numpy, penstock.native\n"
        "x = numpy.random.default_rng(9).normal(size=(67, 30)).astype(numpy.float32)\n"
        "y = penstock.native.load(sys.argv[1]).predict(x)\n"
        "sys.stdout.write(y.tobytes().hex())\n"
    )
    found = set()
    for isa in ("scalar", ""):
        run = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "model.pnst")],
            env={**os.environ, "PENSTOCK_ISA": isa},
            capture_output=True,
            text=True,
            check=True,
        )
        found.add(run.stdout)
    assert len(found) == 1


def test_a_layer_that_the_kernels_refuse_is_told_with_its_step(tmp_path: Path) -> None:
    leaky = pb.Activation(function=pb.Activation.LEAKY_RELU, alpha=float("inf"))
    write_artifact(model_of(["fp32"], [4, 4], leaky), tmp_path / "model.pnst")
    with pytest.raises(ArtifactError, match=r"step 'fc': .*activation whose parameter"):
        penstock.native.load(tmp_path / "model.pnst")


@pytest.mark.parametrize("name", ["bf16", "int8-static", "int8-dynamic", "int4"])
def test_every_form_of_a_trained_net_runs_and_is_measured(name: FormName, tmp_path: Path) -> None:
    net = cancer_net()
    layers = float_layers(net.model)
    forms = {}
    for layer in layers:
        x = traced(net.model, {"x": net.x}, {layer.reads})[layer.reads]
        given = static_input(x, "minmax")
        forms[layer.place] = LayerForm(name=name, input=given if name == "int8-static" else None)
    model = in_forms(net.model, layers, forms)
    assert sorted(native_measure(1)(model, {"x": net.x})) == [1, 64]
    wanted = evaluate(model, {"x": net.x})["y"]
    np.testing.assert_allclose(answers(model, net.x, tmp_path), wanted, rtol=0, atol=0.02)
