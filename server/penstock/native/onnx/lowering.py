# SPDX-License-Identifier: Apache-2.0
"""Where the values of a graph's nodes are while steps are made of the nodes.

A name of the graph stands for a `Tensor`, which is a value of the compiled model and the shape that
ONNX sees, or for a constant. The first dimension of a tensor is that of the rows and of no size;
what is behind it is known.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from penstock.native.artifact import StepWhat
from penstock.native.onnx.arrays import DATATYPES, Array, array_of, element_name, kind_of
from penstock.native.onnx.graph import Graph, Node
from penstock.native.onnx.steps import AffineStep, DenseStep, Plan
from penstock.native.options import CompileOptions
from penstock_client._proto import native_artifact_pb2 as pb
from penstock_client._proto import onnx_graph_pb2 as ox

__all__ = ["FLOATS", "ROWS", "WIDTH_MAX", "Lowering", "Tensor", "TextColumns", "check_finite"]

#: In a constant that came from a tensor's shape: the number of rows.
ROWS = -(1 << 40)
WIDTH_MAX = 1 << 20
FLOATS = (ox.FLOAT, ox.DOUBLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextColumns:
    """Texts have no steps of their own: columns (value, column) of inputs, or of labels."""

    columns: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """A value of the compiled model as the graph sees it."""

    element: int  # of ONNX
    dims: tuple[int, ...]  # behind the rows
    value: int = -1  # of the plan; of texts none
    texts: TextColumns | None = None
    #: The rows are the last dimension, behind dims of 1: [1, rows].
    rows_are_last: bool = False

    @property
    def width(self) -> int:
        """Elements of a row."""
        return int(np.prod(self.dims, dtype=np.int64))

    @property
    def kind(self) -> pb.Kind:
        """The kind of the value."""
        kind = kind_of(self.element)
        assert kind is not None
        return kind


def check_finite(node: Node, *arrays: Array, with_infinity: bool = False) -> None:
    """Raises what names the node, if a number is none that a step can have."""
    if with_infinity:
        if any(np.isnan(one).any() for one in arrays):
            raise node.error("one of its constants is NaN: wanted numbers.")
    elif not all(np.isfinite(one).all() for one in arrays):
        raise node.error("its constants hold NaN or infinity: wanted numbers.")


class Lowering:
    """The names of a graph, what they stand for, and the steps so far."""

    def __init__(
        self,
        graph: Graph,
        plan: Plan,
        versions: dict[str, int],
        options: CompileOptions,
        *,
        producer: str,
    ) -> None:
        """`versions`: of each domain's operators; `producer`: who wrote the file."""
        self.graph = graph
        self.plan = plan
        self.versions = versions
        self.options = options
        self.producer = producer
        #: Whether the graph was written for a batch of one, so that a 1 may stand for the rows.
        self.has_batch_of_one = False
        #: Elements of the constants that were computed so far.
        self.folded = 0
        self._tensors: dict[str, Tensor] = {}
        self._arrays: dict[str, Array] = {}
        self._names: defaultdict[int, list[str]] = defaultdict(list)
        self._text_places: dict[tuple[int, tuple[str, ...]], int] = {}

    # What names stand for.

    def set(self, name: str, found: Tensor | Array) -> None:
        """What an output of a node is."""
        if not name:
            return
        if isinstance(found, Tensor):
            self._tensors[name] = found
            self._names[found.value].append(name)
        else:
            self._arrays[name] = found

    def forget(self, name: str) -> None:
        """A name stands for nothing again."""
        self._arrays.pop(name, None)
        if (tensor := self._tensors.pop(name, None)) is not None:
            self._names[tensor.value].remove(name)

    def has(self, name: str) -> bool:
        """Whether a name stands for anything yet."""
        return name in self._tensors or self.is_constant(name)

    def is_constant(self, name: str) -> bool:
        """Whether a name stands for a constant."""
        return name in self._arrays or name in self.graph.constants

    def tensor(self, node: Node, place: int) -> Tensor:
        """An input that is no constant, with its rows first."""
        found = self.any_tensor(node, place)
        if found.rows_are_last:
            raise node.error("it mixes rows, which has no native form.")
        return found

    def any_tensor(self, node: Node, place: int) -> Tensor:
        """An input that is no constant."""
        if not node.has_input(place):
            raise node.error(f"wanted an input {place}.")
        name = node.inputs[place]
        if name not in self._tensors:
            raise node.error(f"its input {name!r} is a constant: wanted one that rows bring.")
        return self._tensors[name]

    def output(self, name: str) -> Tensor | None:
        """What an output of the graph is; None: a constant."""
        return self._tensors.get(name)

    def numbers(self, node: Node, place: int) -> Tensor:
        """An input of float32 or float64."""
        found = self.tensor(node, place)
        if found.element not in FLOATS:
            raise node.error(
                f"its input {node.inputs[place]!r} is of {element_name(found.element)}: "
                "wanted float or double."
            )
        return found

    def floats(self, node: Node, place: int) -> Tensor:
        """An input as float32; in the domain ai.onnx.ml, numbers of all types are that first."""
        found = self.tensor(node, place)
        if found.element == ox.STRING:
            raise node.error(f"its input {node.inputs[place]!r} is of string: wanted numbers.")
        return self.converted(node, found, ox.FLOAT)

    def constant(self, node: Node, place: int, otherwise: Array | None = None) -> Array:
        """An input that is a constant; `otherwise` where it is not given."""
        if not node.has_input(place):
            if otherwise is None:
                raise node.error(f"wanted an input {place}.")
            return otherwise
        name = node.inputs[place]
        if not self.is_constant(name):
            raise node.error(f"its input {name!r} is computed: wanted a constant.")
        return self.array(name)

    def array(self, name: str) -> Array:
        """A constant by its name."""
        if name not in self._arrays:
            self._arrays[name] = array_of(self.graph.constants[name])
        return self._arrays[name]

    def version(self, node: Node) -> int:
        """The version of a node's operators."""
        return self.versions[node.domain]

    # Steps.

    def step(
        self,
        node: Node,
        what: StepWhat | DenseStep | AffineStep,
        reads: Sequence[Tensor],
        element: int,
        dims: Sequence[int],
    ) -> Tensor:
        """Adds a step; gives the tensor that it writes."""
        made = Tensor(element=element, dims=tuple(int(size) for size in dims))
        if not 0 < made.width <= WIDTH_MAX:
            raise node.error(f"its output has {made.width} columns: wanted 1 to {WIDTH_MAX}.")
        if isinstance(what, AffineStep):
            check_finite(node, what.offset, what.scale)
        elif isinstance(what, pb.Threshold):
            check_finite(node, np.array(what.threshold), with_infinity=True)
        elif isinstance(what, pb.Activation):
            check_finite(node, np.array([what.alpha, what.beta]), with_infinity=True)
        values = [read.value for read in reads]
        value = self.plan.step(what, values, made.kind, made.width, name=node.name)
        return replace(made, value=value)

    def converted(self, node: Node, x: Tensor, element: int) -> Tensor:
        """A tensor with elements of another type, as C converts them."""
        kind = kind_of(element)
        if kind is None or element not in DATATYPES:
            raise node.error(f"{element_name(element)} has no native form.")
        if kind == x.kind:
            return replace(x, element=element)
        made = self.step(node, pb.Convert(), [x], element, x.dims)
        return replace(x, element=element, value=made.value)

    def selected(
        self, node: Node, x: Tensor, columns: Sequence[int], dims: Sequence[int]
    ) -> Tensor:
        """Columns of a tensor's rows, of any kind."""
        places = [int(column) for column in columns]
        if any(not 0 <= place < x.width for place in places):
            raise node.error(f"it picks a column that is not there: there are {x.width}.")
        if x.texts is not None:
            texts = TextColumns(columns=tuple(x.texts.columns[place] for place in places))
            return replace(x, dims=tuple(dims), texts=texts)
        if places == list(range(x.width)):
            return replace(x, dims=tuple(dims))
        return self.step(node, pb.Select(columns=places), [x], x.element, dims)

    def text_places(self, node: Node, x: Tensor, strings: Sequence[str]) -> Tensor:
        """Where each text stands among `strings`, -1 where it does not: integers of x's shape."""
        assert x.texts is not None
        parts = []
        for value, run in groupby(x.texts.columns, key=lambda one: one[0]):
            key = (value, tuple(strings))
            width = self.plan.values[value][1]
            if key not in self._text_places:
                self._text_places[key] = self.plan.step(
                    pb.StringIndex(strings=strings), [value], pb.INT64, width, name=node.name
                )
            whole = Tensor(element=ox.INT64, dims=(width,), value=self._text_places[key])
            columns = [column for _, column in run]
            parts.append(self.selected(node, whole, columns, (len(columns),)))
        return replace(self.joined(node, parts), dims=x.dims)

    def joined(self, node: Node, parts: Sequence[Tensor]) -> Tensor:
        """Rows side by side."""
        width = sum(part.width for part in parts)
        if parts[0].texts is not None:
            columns = [one for part in parts if part.texts for one in part.texts.columns]
            return replace(parts[0], dims=(width,), texts=TextColumns(columns=tuple(columns)))
        if len(parts) == 1:
            return replace(parts[0], dims=(width,))
        return self.step(node, pb.Concat(), parts, parts[0].element, (width,))

    def may_change(self, x: Tensor) -> bool:
        """Whether the node at hand is all that reads a tensor, so that its step can still change.

        Each name but the first that stands for the same value took one use of another for itself.
        """
        names = self._names[x.value]
        uses = sum(self.graph.uses[name] for name in names) - (len(names) - 1)
        return uses == 1 and not self.plan.readers[x.value]

    def as_texts(self, x: Tensor) -> Tensor:
        """A tensor of labels, whose columns are then found again."""
        columns = tuple((x.value, column) for column in range(x.width))
        return replace(x, texts=TextColumns(columns=columns))

    def blob(self, values: Array, dtype: str) -> pb.Blob:
        """An array for a step."""
        return self.plan.builder.blob(values, dtype)
