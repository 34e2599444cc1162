# SPDX-License-Identifier: Apache-2.0
"""The dense layers of a model, and what they read and write on given rows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from penstock.errors import QuantizeError
from penstock.native.artifact import Array, CompiledModel
from penstock.native.checks import step_kind
from penstock.native.reference import trace
from penstock.native.reference_dense import weights_of
from penstock_client._proto import native_artifact_pb2 as pb

__all__ = ["Layer", "chunks", "float_layers", "sqnr_db", "traced"]

#: So many rows go through the reference at once.
CHUNK_ROWS = 1024
SQNR_DB_MAX = 200.0

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layer:
    """A Dense step by its place among the steps, with its weights as float32 [outputs, inputs]."""

    place: int
    name: str
    reads: int
    writes: int
    what: pb.Dense
    weight: Float32

    @property
    def inputs(self) -> int:
        """Columns that it reads."""
        return int(self.weight.shape[1])

    @property
    def outputs(self) -> int:
        """Columns that it writes."""
        return int(self.weight.shape[0])


def float_layers(model: CompiledModel) -> list[Layer]:
    """Every dense layer. Raises QuantizeError if there is none, or one is quantised already."""
    layers: list[Layer] = []
    for place, step in enumerate(model.manifest.steps):
        if step_kind(step) != "dense":
            continue
        name = step.name or f"layer {len(layers)}"
        if step.dense.weights != pb.Dense.FP32:
            form = pb.Dense.Weights.Name(step.dense.weights)
            raise QuantizeError(
                f"layer {name!r} has weights of {form} already: wanted a model whose weights are "
                "all FP32; compile it from its source again."
            )
        widths = [model.manifest.values[value].width for value in (step.reads[0], step.writes)]
        layers.append(
            Layer(
                place=place,
                name=name,
                reads=step.reads[0],
                writes=step.writes,
                what=step.dense,
                weight=weights_of(model, step.dense, *widths),
            )
        )
    if not layers:
        kinds = sorted({step_kind(step) for step in model.manifest.steps})
        raise QuantizeError(
            f"there is nothing to quantise: wanted dense layers, found {', '.join(kinds)}; trees "
            "are exact and small as they are."
        )
    return layers


def chunks(inputs: Mapping[str, Array]) -> Iterator[dict[str, Array]]:
    """The rows of `inputs`, some at a time."""
    rows = len(next(iter(inputs.values())))
    for first in range(0, rows, CHUNK_ROWS):
        yield {name: array[first : first + CHUNK_ROWS] for name, array in inputs.items()}


def traced(
    model: CompiledModel, inputs: Mapping[str, Array], wanted: set[int]
) -> dict[int, Float32]:
    """The values `wanted` on all rows of `inputs`, by their numbers."""
    parts: dict[int, list[Array]] = {value: [] for value in wanted}
    for chunk in chunks(inputs):
        values = trace(model, chunk)
        for value in wanted:
            parts[value].append(values[value])
    return {value: np.concatenate(arrays) for value, arrays in parts.items()}


def sqnr_db(right: Float32, found: Float32) -> float | None:
    """How far the error lies below the signal, in decibels; None: there is no error at all.

    From -SQNR_DB_MAX, which also stands for an error that is not finite, to SQNR_DB_MAX.
    """
    exact = right.astype(np.float64)
    with np.errstate(all="ignore"):
        noise = float(np.square(exact - found).sum())
        signal = float(np.square(exact).sum())
    if noise == 0:
        return None
    if not np.isfinite(noise) or signal == 0:
        return -SQNR_DB_MAX
    return float(np.clip(10 * np.log10(signal / noise), -SQNR_DB_MAX, SQNR_DB_MAX))
