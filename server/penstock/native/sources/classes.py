# SPDX-License-Identifier: Apache-2.0
"""What classifiers answer: each class's probability, and the label of one class."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.errors import NotCompiledError
from penstock.native.artifact import ArtifactBuilder
from penstock_client._proto import native_artifact_pb2 as pb

__all__ = ["ClassLabels", "add_classes", "class_labels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassLabels:
    """The classes in the order of their probabilities: either strings or numbers."""

    datatype: str  # V2's, of the label
    strings: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.strings) + len(self.numbers)


def class_labels(classes: Sequence[Any]) -> ClassLabels:
    """Of a library's `classes_`. Raises NotCompiledError if they are neither texts nor wholes."""
    array = np.asarray(classes)
    if array.dtype.kind in "US" or (
        array.dtype.kind == "O" and all(isinstance(one, str) for one in array)
    ):
        return ClassLabels(datatype="BYTES", strings=tuple(str(one) for one in array))
    if array.dtype.kind == "b":
        return ClassLabels(datatype="BOOL", numbers=tuple(int(one) for one in array))
    if array.dtype.kind in "iuf" and np.array_equal(array, np.trunc(array)):
        datatype = "FP64" if array.dtype.kind == "f" else "INT64"
        return ClassLabels(datatype=datatype, numbers=tuple(int(one) for one in array))
    raise NotCompiledError(f"its classes are {array.dtype}: wanted texts or whole numbers.")


def add_classes(
    builder: ArtifactBuilder, probabilities: int, width: int, labels: ClassLabels, datatype: str
) -> None:
    """Adds the outputs `label` and `probabilities`.

    One column of probabilities is that of the second class; the first is then the answer where
    both are equal, as in the libraries.
    """
    kind = pb.FLOAT64 if datatype == "FP64" else pb.FLOAT32
    if width == 1 and len(labels) == 2:
        width = 2
        probabilities = builder.step(pb.Complement(), [probabilities], kind, 2, name="classes")
    if width != len(labels):
        raise NotCompiledError(f"it has {len(labels)} classes, but {width} columns of them.")
    best = builder.step(pb.ArgMax(), [probabilities], pb.INT64, 1, name="label")
    builder.output("label", labels.datatype, add_labels(builder, best, labels), [1])
    builder.output("probabilities", datatype, probabilities, [width])


def add_labels(builder: ArtifactBuilder, place: int, labels: ClassLabels) -> int:
    """The label that stands at a place."""
    step = pb.Labels(strings=labels.strings, numbers=labels.numbers)
    if labels.strings:
        return builder.step(step, [place], pb.TEXT, 1, name="label")
    if labels.numbers == tuple(range(len(labels))):
        return place
    return builder.step(step, [place], pb.INT64, 1, name="label")
