# SPDX-License-Identifier: Apache-2.0
"""Compiled models with which fuzz_artifact.cc begins, as it reads them."""

import numpy as np
from tests.native.programs import cases
from tests.native.test_dense_layers import layer
from tests.native.test_reference_forest import CATEGORIES, GOES_LEFT, NAN_AND_ZERO, NOTHING, Nodes

from penstock.native.artifact import ALIGNMENT, MAGIC, ArtifactBuilder, CompiledModel
from penstock_client._proto import native_artifact_pb2 as pb

#: Of tests.native.programs: a model of each kind of step.
SMALL = (
    "convert_FP32_INT64",
    "affine_FP32",
    "normalize_L2_FP64",
    "impute_nan_FP32",
    "one_hot_FP32_FP32",
    "lookup_FP32_INT64",
    "concat",
    "select_INT64",
    "activation_SOFTMAX_FP32",
    "activation_PROBIT_FP64",
    "arg_max_FP32",
    "threshold_True_FP64",
    "string_index",
    "labels_text",
    "labels_numbers",
    "complement_FP32",
    "text_through",
)


def parts(model: CompiledModel, seed: int) -> bytes:
    """Of a file, what the fuzzer does not make right by itself."""
    manifest = pb.Artifact()
    manifest.CopyFrom(model.manifest)
    manifest.producer = ""  # it changes with every release
    blobs = model.content[ALIGNMENT : len(model.content) - model.manifest.ByteSize()]
    head = bytes([1, seed]) + len(blobs).to_bytes(2, "big")
    return head + blobs + manifest.SerializeToString(deterministic=True)


def network(first: str, second: str) -> CompiledModel:
    random = np.random.default_rng(5)
    rows = random.normal(0, 1, (8, 32)).astype(np.float32)
    builder = ArtifactBuilder(source="")
    value = builder.input("x", "FP32", pb.FLOAT32, dims=[32])
    for kind, width, reads in ((first, 4, 32), (second, 3, 4)):
        weight = random.normal(0, 1, (width, reads)).astype(np.float32)
        dense = layer(builder, kind, weight, rows[:, :reads])
        dense.bias.CopyFrom(builder.blob(random.normal(0, 1, width), "<f4"))
        dense.activation.function = pb.Activation.RELU
        value = builder.step(dense, [value], pb.FLOAT32, width, name=kind)
    builder.output("y", "FP32", value, dims=[3])
    return builder.finish()


def forest(
    kind: pb.Kind, sum_: pb.Forest.Sum, *, targets: int = 1, leaves_are_rows: bool = False
) -> CompiledModel:
    nodes = Nodes(words=[1, 0b1010, 2, 1, 1 << 31])
    nodes.stump(0, 0.5, GOES_LEFT)
    nodes.stump(1, 0, CATEGORIES)
    nodes.stump(2, -1, NAN_AND_ZERO)
    nodes.stump(1, 2, CATEGORIES | NOTHING)
    root = nodes.add(0, -0.25, 0, 0, NOTHING)
    nodes.roots.append(root)
    nodes.left[root] = nodes.leaf(3)
    nodes.right[root] = below = nodes.add(2, 1.5, 0, 0, 0)
    nodes.left[below], nodes.right[below] = nodes.leaf(-1, targets - 1), nodes.leaf(0.1)
    if leaves_are_rows:
        nodes.values += [0.5] * targets
    return nodes.model(3, targets, kind=kind, sum_=sum_, leaves_are_rows=leaves_are_rows)


def artifact_seeds() -> dict[str, bytes]:
    small = {case.name: case.model for case in cases()}
    models = {name: small[name] for name in SMALL} | {
        "dense_fp32_bf16": network("fp32", "bf16"),
        "dense_s8_static_s8_dynamic": network("s8 static", "s8 dynamic"),
        "dense_s8_dynamic_s8_static": network("s8 dynamic", "s8 static"),
        "dense_u4_fp32": network("u4", "fp32"),
        "forest_in_double": forest(pb.FLOAT32, pb.Forest.IN_DOUBLE),
        "forest_in_float": forest(pb.FLOAT64, pb.Forest.IN_FLOAT),
        "forest_of_targets": forest(pb.FLOAT32, pb.Forest.IN_ANY_ORDER, targets=3),
        "forest_of_rows": forest(pb.FLOAT64, pb.Forest.IN_DOUBLE, targets=2, leaves_are_rows=True),
    }
    seeds = {name: parts(model, seed) for seed, (name, model) in enumerate(models.items())}
    builder = ArtifactBuilder(source="")
    x = builder.input("x", "FP32", pb.FLOAT32, dims=[1])
    y = builder.step(pb.Onnx(model=builder.raw_blob(b"ONNX")), [x], pb.FLOAT32, 1)
    builder.output("y", "FP32", y, dims=[1])
    return {
        **seeds,
        "part_for_onnxruntime": parts(builder.finish(), 1),
        "head_alone": b"\0" + MAGIC + b"\1\0\0\0" + bytes(52),
        "nothing": b"\0",
    }
