# SPDX-License-Identifier: Apache-2.0
"""Graphs that compile in part: what has no native form becomes steps for ONNX Runtime.

A node that cannot be lowered is left where it is. Where one that can be, or an output of the graph,
reads what such a node writes, everything before it up to values that steps have written is cut out
as a model of its own, with that one output. So a part is as large as can be, and a graph of which
nothing is lowered gives no part at all.
"""

from penstock.errors import NotCompiledError
from penstock.native.onnx.constants import fold
from penstock.native.onnx.cut import Cut, cut_out
from penstock.native.onnx.graph import Node
from penstock.native.onnx.lowering import Lowering
from penstock.native.onnx.operators.table import OPERATORS, lower_node
from penstock_client._proto import native_artifact_pb2 as pb
from penstock_client._proto import onnx_graph_pb2 as ox

__all__ = ["Parts"]

#: A call of ONNX Runtime costs more than most of what it would be called for.
PARTS_MAX = 4
#: Cutting out is tried no more often: each try copies the part's constants and makes a session.
TRIES_MAX = 32
#: Steps that only move values about: a graph of which no more is lowered gains nothing.
MOVES = {"onnx", "convert", "select", "concat"}


class Parts:
    """The nodes of a graph as they are lowered, or left to ONNX Runtime."""

    def __init__(self, model: ox.Model, lower: Lowering) -> None:
        self._model = model
        self._lower = lower
        self._writers = {name: node for node in lower.graph.nodes for name in node.outputs if name}
        self._left: set[str] = set()  # names that nodes write which were left
        self._stopped: list[NotCompiledError] = []
        self._tries = 0
        self._cuts: dict[int, Cut] = {}  # by the value that the part's step writes

    def lower(self, node: Node) -> None:
        """Makes steps of a node, or leaves it."""
        provided: list[str] = []
        try:
            if (node.domain, node.op) in OPERATORS:
                for name in node.inputs:
                    if name in self._left and not self._lower.has(name):
                        self.provide(name)
                        provided.append(name)
            if not fold(node, self._lower):
                lower_node(node, self._lower)
        except NotCompiledError as error:
            self._stopped.append(error)
            self._left.update(name for name in node.outputs if name)
            for name in (*node.outputs, *provided):
                self._lower.forget(name)

    def provide(self, name: str) -> None:
        """Makes a step of the part that writes `name`. Raises the error of the node that was left
        first, if there can be none.
        """
        if name not in self._left or self._lower.has(name):
            return
        self._tries += 1
        if self._tries > TRIES_MAX:
            raise self._stopped[0]
        try:
            cut = cut_out(name, self._model, self._lower, self._writers)
        except NotCompiledError:
            raise self._stopped[0] from None
        made = self._lower.step(
            self._writers[name],
            pb.Onnx(model=self._lower.plan.builder.raw_blob(cut.content)),
            cut.reads,
            cut.element,
            cut.dims,
        )
        self._cuts[made.value] = cut
        self._lower.set(name, made)

    def check(self, written: set[int], steps: list[pb.Step]) -> tuple[str, ...]:
        """What was left, in sentences. Raises the first, as an error, if it is better not to split:
        nothing gains by it, or a node would run twice.
        """
        used = [cut for value, cut in self._cuts.items() if value in written]
        if not used:
            return ()
        nodes = [index for cut in used for index in cut.nodes]
        is_gain = any(step.WhichOneof("what") not in MOVES for step in steps)
        if len(used) > PARTS_MAX or len(set(nodes)) < len(nodes) or not is_gain:
            raise self._stopped[0]
        return tuple(str(error) for error in self._stopped if error.op)
