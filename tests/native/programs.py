# SPDX-License-Identifier: Apache-2.0
"""Compiled models with one step of each kind, and rows to hold their runs against the reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.native.artifact import Array, ArtifactBuilder, CompiledModel, StepWhat
from penstock_client._proto import native_artifact_pb2 as pb

DATATYPES: dict[pb.Kind, str] = {
    pb.FLOAT32: "FP32",
    pb.FLOAT64: "FP64",
    pb.INT64: "INT64",
    pb.TEXT: "BYTES",
}
DTYPES: dict[pb.Kind, npt.DTypeLike] = {
    pb.FLOAT32: np.dtype("<f4"),
    pb.FLOAT64: np.dtype("<f8"),
    pb.INT64: np.dtype("<i8"),
}
FLOATS = (pb.FLOAT32, pb.FLOAT64)
NUMBERS = (*FLOATS, pb.INT64)
ODD = (0.0, -0.0, np.nan, np.inf, -np.inf, 1e-40, -1e30, 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A model of one step, by name. Its answers may differ from the reference's by `tolerance`."""

    name: str
    model: CompiledModel
    tolerance: float = 0.0


def one_step(
    make: Callable[[ArtifactBuilder], StepWhat],
    kinds: tuple[pb.Kind, pb.Kind],
    widths: tuple[int, int],
) -> CompiledModel:
    """From x to y through one step."""
    builder = ArtifactBuilder(source="a test")
    (read, written), (inputs, outputs) = kinds, widths
    x = builder.input("x", DATATYPES[read], read, dims=[inputs])
    y = builder.step(make(builder), [x], written, outputs, name="step")
    builder.output("y", DATATYPES[written], y, dims=[outputs])
    return builder.finish()


def rows_of(model: CompiledModel, count: int, seed: int = 0) -> dict[str, Array]:
    """Random rows for each input, odd numbers among them."""
    random = np.random.default_rng(seed)
    rows = {}
    for port in model.manifest.inputs:
        shape = (count, *port.dims)
        if port.datatype == "BYTES":
            rows[port.name] = random.choice(np.array([b"a", b"bc", b"", b"z"], object), shape)
        elif port.datatype in ("FP32", "FP64"):
            values = random.normal(0, 3, shape)
            odd = random.random(shape) < 0.2
            values[odd] = random.choice(ODD, shape)[odd]
            rows[port.name] = values.astype(np.float32 if port.datatype == "FP32" else np.float64)
        else:
            rows[port.name] = random.integers(-3, 9, shape)
    return rows


def cases() -> list[Case]:
    """Of every kind of step but Dense, Forest and Onnx, for every kind of values that it takes."""
    found = [*_conversions(), *_columns()]
    for kind in FLOATS:
        found += _of_floats(kind)
    for kind in NUMBERS:
        found += _of_numbers(kind)
    return [*found, *_texts()]


def _name(kind: pb.Kind, what: str) -> str:
    return f"{what}_{DATATYPES[kind]}"


def _conversions() -> list[Case]:
    return [
        Case(
            name=f"convert_{DATATYPES[read]}_{DATATYPES[written]}",
            model=one_step(lambda _: pb.Convert(), (read, written), (5, 5)),
        )
        for read in NUMBERS
        for written in NUMBERS
    ]


def _of_floats(kind: pb.Kind) -> list[Case]:
    dtype = DTYPES[kind]
    epsilon = float(np.finfo(dtype).eps)
    found = [
        Case(
            name=_name(kind, "affine"),
            model=one_step(
                lambda b: pb.Affine(
                    offset=b.blob([1, 0.5, -2], dtype), scale=b.blob([3, 0, -1], dtype)
                ),
                (kind, kind),
                (3, 3),
            ),
        ),
        Case(
            name=_name(kind, "complement"),
            model=one_step(lambda _: pb.Complement(), (kind, kind), (1, 2)),
        ),
    ]
    for norm in (pb.Normalize.L1, pb.Normalize.L2, pb.Normalize.MAX):
        model = one_step(lambda _, n=norm: pb.Normalize(norm=n), (kind, kind), (4, 4))  # type: ignore[misc]
        name = _name(kind, f"normalize_{pb.Normalize.Norm.Name(norm)}")
        found.append(Case(name=name, model=model, tolerance=8 * epsilon))
    for function in pb.Activation.Function.values():
        model = one_step(
            lambda _, f=function: pb.Activation(  # type: ignore[misc]
                function=f, alpha=0.25, beta=1.5
            ),
            (kind, kind),
            (5, 5),
        )
        name = _name(kind, f"activation_{pb.Activation.Function.Name(function)}")
        found.append(Case(name=name, model=model, tolerance=16 * epsilon))
    return found


def _of_numbers(kind: pb.Kind) -> list[Case]:
    dtype = DTYPES[kind]
    keys: Sequence[float] = [-2, 0, 1, 5] if kind == pb.INT64 else [-2, 0, 0.5, np.nan]
    found = [
        Case(name=_name(kind, "arg_max"), model=one_step(_arg_max, (kind, pb.INT64), (4, 1))),
        Case(
            name=_name(kind, "select"),
            model=one_step(lambda _: pb.Select(columns=[2, 0, 2]), (kind, kind), (3, 3)),
        ),
    ]
    for missing in (np.nan, 0.0, 5.0):
        model = one_step(
            lambda b, m=missing: pb.Impute(missing=m, replacement=b.blob([7, 8], dtype)),  # type: ignore[misc]
            (kind, kind),
            (2, 2),
        )
        found.append(Case(name=_name(kind, f"impute_{missing}"), model=model))
    for is_inclusive in (False, True):
        model = one_step(
            lambda _, i=is_inclusive: pb.Threshold(threshold=0.5, is_inclusive=i),  # type: ignore[misc]
            (kind, pb.INT64),
            (3, 3),
        )
        found.append(Case(name=_name(kind, f"threshold_{is_inclusive}"), model=model))
    for written in NUMBERS:
        lookup = one_step(
            lambda b, w=written: pb.Lookup(  # type: ignore[misc]
                keys=b.blob(keys, dtype),
                values=b.blob([1, 2, 3, 4], DTYPES[w]),
                otherwise=b.blob([9], DTYPES[w]),
            ),
            (kind, written),
            (3, 3),
        )
        one_hot = one_step(
            lambda b: pb.OneHot(counts=[2, 0, 4], categories=b.blob([0, 1, *keys], dtype)),
            (kind, written),
            (3, 6),
        )
        found.append(Case(name=_name(kind, f"lookup_{DATATYPES[written]}"), model=lookup))
        found.append(Case(name=_name(kind, f"one_hot_{DATATYPES[written]}"), model=one_hot))
    return found


def _arg_max(_: Any) -> StepWhat:
    return pb.ArgMax()


def _columns() -> list[Case]:
    """Of two inputs, one after the other and twice."""
    builder = ArtifactBuilder(source="a test")
    a = builder.input("a", "FP64", pb.FLOAT32, dims=[2])
    b = builder.input("b", "FP32", pb.FLOAT32, dims=[3])
    y = builder.step(pb.Concat(), [b, a, b], pb.FLOAT32, 8)
    builder.output("y", "FP64", y, dims=[2, 4])
    builder.output("again", "FP32", y, dims=[8])
    builder.output("b_itself", "FP32", b, dims=[3])
    return [Case(name="concat", model=builder.finish())]


def _texts() -> list[Case]:
    index = one_step(lambda _: pb.StringIndex(strings=["a", "bc"]), (pb.TEXT, pb.INT64), (3, 3))
    words = one_step(
        lambda _: pb.Labels(strings=["no", "yes", ""], otherwise_string="?"),
        (pb.INT64, pb.TEXT),
        (2, 2),
    )
    numbers = one_step(
        lambda _: pb.Labels(numbers=[7, -7], otherwise_number=2**40), (pb.INT64, pb.INT64), (2, 2)
    )
    builder = ArtifactBuilder(source="a test")
    text = builder.input("text", "BYTES", pb.TEXT, dims=[2])
    other = builder.input("other", "INT64", pb.INT64, dims=[1])
    builder.output("same", "BYTES", text, dims=[2])
    builder.output(
        "label", "BYTES", builder.step(pb.Labels(strings=["one"]), [other], pb.TEXT, 1), dims=[1]
    )
    return [
        Case(name="string_index", model=index),
        Case(name="labels_text", model=words),
        Case(name="labels_numbers", model=numbers),
        Case(name="text_through", model=builder.finish()),
    ]
