# SPDX-License-Identifier: Apache-2.0
"""The steps that a graph becomes, until the artifact is written.

They stay apart from it so that a node can still be joined to the step before it: an addition to a
matrix product, an activation to a layer.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from penstock.native.artifact import ArtifactBuilder, StepWhat
from penstock.native.onnx.arrays import Array
from penstock_client._proto import native_artifact_pb2 as pb

__all__ = ["AffineStep", "DenseStep", "Plan", "PlannedStep"]


@dataclass(slots=True, kw_only=True)
class DenseStep:
    """A layer of float32: y = activation(weight @ x + bias)."""

    weight: Array  # [outputs, inputs]
    bias: Array | None = None
    activation: pb.Activation | None = None


@dataclass(slots=True, kw_only=True)
class AffineStep:
    """y = (x - offset) * scale, of each column."""

    offset: Array
    scale: Array


@dataclass(slots=True, kw_only=True)
class PlannedStep:
    """A step; places are those of the plan's values."""

    what: StepWhat | DenseStep | AffineStep
    reads: tuple[int, ...]
    writes: int
    name: str


@dataclass(slots=True)
class Plan:
    """Steps in order. The builder already has the inputs, and blobs of steps that do not change."""

    builder: ArtifactBuilder
    values: list[tuple[pb.Kind, int]] = field(default_factory=list)  # kind and width
    steps: list[PlannedStep] = field(default_factory=list)
    readers: Counter[int] = field(default_factory=Counter)  # value -> steps that read it
    inputs: dict[int, int] = field(default_factory=dict)  # value -> the builder's
    _writer: dict[int, PlannedStep] = field(default_factory=dict)

    def input(self, name: str, datatype: str, kind: pb.Kind, dims: Sequence[int]) -> int:
        """An input of the model."""
        self.values.append((kind, int(np.prod(dims, dtype=np.int64))))
        self.inputs[len(self.values) - 1] = self.builder.input(name, datatype, kind, dims)
        return len(self.values) - 1

    def step(
        self,
        what: StepWhat | DenseStep | AffineStep,
        reads: Sequence[int],
        kind: pb.Kind,
        width: int,
        *,
        name: str,
    ) -> int:
        """Adds a step; gives the value that it writes."""
        self.values.append((kind, width))
        written = len(self.values) - 1
        step = PlannedStep(what=what, reads=tuple(reads), writes=written, name=name)
        self.steps.append(step)
        self.readers.update(reads)
        self._writer[written] = step
        return written

    def writer(self, value: int) -> PlannedStep | None:
        """The step that writes a value; None: it is an input."""
        return self._writer.get(value)

    def write(self, needed: Sequence[int]) -> dict[int, int]:
        """Puts the steps that the needed values need into the builder: value -> the builder's."""
        wanted = set(needed)
        for step in reversed(self.steps):
            if step.writes in wanted:
                wanted.update(step.reads)
        places = dict(self.inputs)
        for step in self.steps:
            if step.writes in wanted:
                kind, width = self.values[step.writes]
                reads = [places[read] for read in step.reads]
                what = self._message(step.what, kind)
                places[step.writes] = self.builder.step(what, reads, kind, width, name=step.name)
        return places

    def _message(self, what: StepWhat | DenseStep | AffineStep, kind: pb.Kind) -> StepWhat:
        blob = self.builder.blob
        if isinstance(what, DenseStep):
            return pb.Dense(
                weights=pb.Dense.FP32,
                weight=blob(what.weight, "<f4"),
                bias=None if what.bias is None else blob(what.bias, "<f4"),
                activation=what.activation,
            )
        if isinstance(what, AffineStep):
            dtype = "<f8" if kind == pb.FLOAT64 else "<f4"
            return pb.Affine(offset=blob(what.offset, dtype), scale=blob(what.scale, dtype))
        return what
