# SPDX-License-Identifier: Apache-2.0
"""Small nets, trained by scikit-learn on its bundled data, as compiled models."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

from penstock.native.artifact import ArtifactBuilder, CompiledModel
from penstock_client._proto import native_artifact_pb2 as pb

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainedNet:
    """A model, rows for it, and what is right for them."""

    model: CompiledModel
    x: Array
    y: Array


def compiled(
    weights: Sequence[Array],
    biases: Sequence[Array],
    last: pb.Activation.Function,
    *,
    column_scales: Array | None = None,
    column_offsets: Array | None = None,
) -> CompiledModel:
    """Layers with ReLU between them, behind an Affine; weights are [inputs, outputs]."""
    builder = ArtifactBuilder(source="scikit-learn MLP")
    width = len(weights[0])
    value = builder.input("x", "FP32", pb.FLOAT32, dims=[width])
    if column_scales is not None:
        offsets = np.zeros(width) if column_offsets is None else column_offsets
        affine = pb.Affine(
            offset=builder.blob(offsets, "<f4"), scale=builder.blob(column_scales, "<f4")
        )
        value = builder.step(affine, [value], pb.FLOAT32, width, name="scaler")
    for place, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        is_last = place == len(weights) - 1
        dense = pb.Dense(
            weights=pb.Dense.FP32,
            weight=builder.blob(weight.T, "<f4"),
            bias=builder.blob(bias, "<f4"),
            activation=pb.Activation(function=last if is_last else pb.Activation.RELU),
        )
        value = builder.step(dense, [value], pb.FLOAT32, weight.shape[1], name=f"fc{place + 1}")
    builder.output("y", "FP32", value, dims=[weights[-1].shape[1]])
    return builder.finish()


@cache
def cancer_net() -> TrainedNet:
    """A classifier of two classes, 30-32-16-1, whose answer is a probability. It has seen every
    second row in training; the others are given.
    """
    x, y = load_breast_cancer(return_X_y=True)
    scaler = StandardScaler().fit(x[::2])
    net = MLPClassifier((32, 16), max_iter=300, random_state=0, learning_rate_init=0.01, tol=1e-3)
    net.fit(scaler.transform(x[::2]), y[::2])
    model = compiled(
        net.coefs_,
        net.intercepts_,
        pb.Activation.SIGMOID,
        column_offsets=scaler.mean_,
        column_scales=1 / scaler.scale_,
    )
    return TrainedNet(model=model, x=x[1::2].astype(np.float32), y=y[1::2])


@cache
def diabetes_net() -> TrainedNet:
    """A regression, 10-16-1."""
    x, y = load_diabetes(return_X_y=True)
    net = MLPRegressor(
        hidden_layer_sizes=(16,), max_iter=2000, random_state=0, solver="lbfgs", tol=1
    )
    net.fit(x, y)
    model = compiled(net.coefs_, net.intercepts_, pb.Activation.IDENTITY)
    return TrainedNet(model=model, x=x.astype(np.float32), y=y)


@cache
def hurt_net() -> TrainedNet:
    """The classifier again, but its first layer reads one column five thousand times as large,
    with weights as much smaller: the same answers, and no room for the others in 256 steps.
    """
    net = cancer_net()
    steps = net.model.manifest.steps
    affine = steps[0].affine
    scales = net.model.array(affine.scale, "<f4").copy()
    dense = [step.dense for step in steps[1:]]
    weights = [
        net.model.array(one.weight, "<f4").reshape(-1, width).T.copy()
        for one, width in zip(dense, (30, 32, 16), strict=True)
    ]
    scales[7] *= 5000
    weights[0][7] /= 5000
    model = compiled(
        weights,
        [net.model.array(one.bias, "<f4") for one in dense],
        pb.Activation.SIGMOID,
        column_offsets=net.model.array(affine.offset, "<f4"),
        column_scales=scales,
    )
    return TrainedNet(model=model, x=net.x, y=net.y)
