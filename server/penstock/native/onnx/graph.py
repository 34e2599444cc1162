# SPDX-License-Identifier: Apache-2.0
"""An ONNX graph: nodes in an order in which each reads what stands before it, and constants.

Law: the names that nodes read are inputs of the graph, constants, or written by exactly one node
before them; a file for which that is not so is refused here. Nodes whose outputs nothing needs are
left out.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.errors import ModelFileError, NotCompiledError
from penstock.native.onnx.arrays import array_of, text_of
from penstock_client._proto import onnx_graph_pb2 as ox

__all__ = ["Graph", "Node", "graph_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node of the graph."""

    name: str
    op: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, ox.Attribute]
    index: int  # among the file's nodes

    def attribute(self, name: str, otherwise: Any = None) -> Any:
        """An attribute's value: a number, a string, an array, or a list of strings."""
        found = self.attributes.get(name)
        return otherwise if found is None else _value(found, self)

    def has_input(self, place: int) -> bool:
        """Whether an input is given that could be left out."""
        return len(self.inputs) > place and bool(self.inputs[place])

    def error(self, why: str) -> NotCompiledError:
        """What to raise where the node has no native form."""
        return NotCompiledError(why, node=self.name, op=self.op, domain=self.domain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A graph whose law holds."""

    nodes: tuple[Node, ...]
    constants: Mapping[str, ox.Tensor]
    inputs: tuple[ox.Port, ...]  # without those that are constants
    outputs: tuple[ox.Port, ...]
    uses: Counter[str]  # name -> how often nodes and outputs read it


def graph_of(graph: ox.Graph) -> Graph:
    """Takes a graph apart. Raises ModelFileError."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    inputs = tuple(port for port in graph.input if port.name not in constants)
    if not inputs or not graph.output:
        raise ModelFileError("its graph has no inputs, or no outputs.")
    known = {*constants, *(port.name for port in inputs)}
    for index, node in enumerate(graph.node):
        _check_names(node, index, known)
        known.update(name for name in node.output if name)
    for port in graph.output:
        if port.name not in known:
            raise ModelFileError(f"its output {port.name!r} is written by no node.")
    ports = Counter(port.name for port in (*inputs, *graph.output))
    if twice := [name for name, count in ports.items() if count > 1]:
        raise NotCompiledError(
            f"its input or output {twice[0]!r} is one more: each wants a name of its own."
        )
    needed = {port.name for port in graph.output}
    kept: list[Node] = []
    for index in reversed(range(len(graph.node))):
        node = graph.node[index]
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(_node(node, index))
    kept.reverse()
    uses = Counter(name for node in kept for name in node.inputs)
    uses.update(port.name for port in graph.output)
    return Graph(
        nodes=tuple(kept),
        constants=constants,
        inputs=inputs,
        outputs=tuple(graph.output),
        uses=uses,
    )


def _check_names(node: ox.Node, index: int, known: set[str]) -> None:
    where = f"node {index} ({node.op_type} {node.name!r})"
    for name in node.input:
        if name and name not in known:
            raise ModelFileError(
                f"{where} reads {name!r}, which nothing before it writes: "
                "the graph has a cycle, or its nodes are out of order."
            )
    for name in node.output:
        if name and name in known:
            raise ModelFileError(f"{where} writes {name!r}, which is written already.")


def _node(node: ox.Node, index: int) -> Node:
    return Node(
        name=node.name or f"#{index}",
        op=node.op_type,
        domain="" if node.domain == "ai.onnx" else node.domain,
        inputs=tuple(node.input),
        outputs=tuple(node.output),
        attributes={one.name: one for one in node.attribute},
        index=index,
    )


def _value(attribute: ox.Attribute, node: Node) -> Any:
    match attribute.type or _guessed_type(attribute):
        case ox.Attribute.FLOAT:
            return attribute.f
        case ox.Attribute.INT:
            return attribute.i
        case ox.Attribute.STRING:
            return text_of(attribute.s)
        case ox.Attribute.TENSOR:
            return array_of(attribute.t)
        case ox.Attribute.FLOATS:
            return np.array(attribute.floats, np.float32)
        case ox.Attribute.INTS:
            return np.array(attribute.ints, np.int64)
        case ox.Attribute.STRINGS:
            return [text_of(one) for one in attribute.strings]
    raise node.error(f"its attribute {attribute.name!r} is of a kind that has no native form.")


def _guessed_type(attribute: ox.Attribute) -> int:
    """Files of the first versions of ONNX do not say it."""
    kinds: Iterable[tuple[bool, int]] = (
        (len(attribute.floats) > 0, ox.Attribute.FLOATS),
        (len(attribute.ints) > 0, ox.Attribute.INTS),
        (len(attribute.strings) > 0, ox.Attribute.STRINGS),
        (attribute.HasField("t"), ox.Attribute.TENSOR),
        (bool(attribute.s), ox.Attribute.STRING),
        (bool(attribute.f), ox.Attribute.FLOAT),
    )
    return next((kind for is_set, kind in kinds if is_set), ox.Attribute.INT)
