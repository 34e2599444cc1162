# SPDX-License-Identifier: Apache-2.0
"""A part of a graph as an ONNX model of its own: from values that steps have written to one name.

Its inputs r0, r1, ... and its output w are matrices [rows, width] of the kinds that values have;
what shapes and types the part's own nodes see is put around them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from penstock.errors import NotCompiledError
from penstock.native.onnx.arrays import DTYPES, Array, kind_of
from penstock.native.onnx.graph import Node
from penstock.native.onnx.lowering import ROWS, WIDTH_MAX, Lowering, Tensor
from penstock_client._proto import native_artifact_pb2 as pb
from penstock_client._proto import onnx_graph_pb2 as ox

__all__ = ["Cut", "cut_out"]

ELEMENTS = {pb.FLOAT32: ox.FLOAT, pb.FLOAT64: ox.DOUBLE, pb.INT64: ox.INT64}
#: Types that a part's output may have.
TYPES = (ox.FLOAT, ox.DOUBLE, ox.INT64, ox.INT32, ox.UINT8, ox.BOOL)
ROWS_NAME = "rows"
BYTES_MAX = 512 << 20
#: That trying a part may take, whatever shapes its nodes make up.
MEMORY_MAX = 1 << 30
#: Without a word on standard error: a failure is told by an exception.
QUIET = 4
#: Rows that are tried, together and each alone.
TRIED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The part's file, what it reads, and what it writes as the graph sees it."""

    content: bytes
    reads: tuple[Tensor, ...]
    element: int
    dims: tuple[int, ...]
    nodes: frozenset[int]  # of the file


def cut_out(name: str, model: ox.Model, lower: Lowering, writers: Mapping[str, Node]) -> Cut:
    """The part that writes `name`. Raises NotCompiledError where there can be none."""
    part = _Part(model, lower, writers)
    part.take(name)
    if not part.reads:
        raise NotCompiledError(f"{name!r} does not depend on the rows.")
    element, dims = _form(part.file(part.name_of(name)), part.reads)
    part.finish(name, element, dims)
    content = part.file("w", ELEMENTS[_kind(element)], int(np.prod(dims, dtype=np.int64)))
    _try(content, part.reads)
    return Cut(
        content=content,
        reads=tuple(part.reads),
        element=element,
        dims=dims,
        nodes=frozenset(part.nodes),
    )


class _Part:
    """A graph that is put together."""

    def __init__(self, model: ox.Model, lower: Lowering, writers: Mapping[str, Node]) -> None:
        self.reads: list[Tensor] = []
        self.nodes: set[int] = set()  # of the file
        self._model = model
        self._lower = lower
        self._writers = writers
        self._names: dict[str, str] = {}  # of the file -> of the part
        self._bytes = 0  # of its constants
        self._graph = ox.Graph(name="part")

    def name_of(self, name: str) -> str:
        """A name of the file within the part, where it cannot meet one of ours."""
        return self._names.get(name, f"g.{name}") if name else ""

    def take(self, wanted: str) -> None:
        """Takes all that is needed for a name: nodes, constants, and values that are read."""
        waiting, seen = [wanted], {wanted}
        while waiting:
            name = waiting.pop()
            tensor = self._lower.output(name)
            if tensor is not None:
                self._read(name, tensor)
            elif name in self._lower.graph.constants:
                constant = self._lower.graph.constants[name]
                self._make_room(constant.ByteSize())
                made = self._graph.initializer.add()
                made.CopyFrom(constant)
                made.name = self.name_of(name)
            elif self._is_plain_constant(name):
                self._constant(self.name_of(name), self._lower.array(name))
            else:
                node = self._writers[name]
                self.nodes.add(node.index)
                new = {one for one in node.inputs if one and one not in seen}
                seen |= new
                waiting += new
        for index in sorted(self.nodes):
            self._copy(self._model.graph.node[index])

    def _is_plain_constant(self, name: str) -> bool:
        """Whether it is one that does not depend on the number of rows."""
        if not self._lower.is_constant(name):
            return False
        array = self._lower.array(name)
        return not (array.dtype == np.int64 and (array == ROWS).any())

    def _read(self, name: str, tensor: Tensor) -> None:
        if tensor.texts is not None or tensor.rows_are_last or tensor.element not in DTYPES:
            raise NotCompiledError(f"{name!r} cannot be handed to ONNX Runtime.")
        if tensor.width > WIDTH_MAX:
            raise NotCompiledError(f"{name!r} has {tensor.width} columns.")
        own = f"r{len(self.reads)}"
        self._port(self._graph.input, own, ELEMENTS[tensor.kind], tensor.width)
        self.reads.append(tensor)
        if tensor.dims != (tensor.width,):
            own = self._reshaped(own, f"{own}.shape", tensor.dims)
        if tensor.element != ELEMENTS[tensor.kind]:
            own = self._cast(own, f"{own}.cast", tensor.element)
        self._names[name] = own

    def _copy(self, node: ox.Node) -> None:
        if any(one.type in (ox.Attribute.GRAPH, ox.Attribute.GRAPHS) for one in node.attribute):
            raise NotCompiledError(f"node {node.name!r} has graphs of its own.")
        made = self._graph.node.add()
        made.CopyFrom(node)
        made.input[:] = [self.name_of(name) for name in node.input]
        made.output[:] = [self.name_of(name) for name in node.output]

    def finish(self, name: str, element: int, dims: tuple[int, ...]) -> None:
        """The output as the step writes it."""
        own = self.name_of(name)
        width = int(np.prod(dims, dtype=np.int64))
        if element != ELEMENTS[_kind(element)]:
            own = self._cast(own, "w.cast", ELEMENTS[_kind(element)])
        own = self._reshaped(own, "w.shape", (width,))
        self._graph.node.add(op_type="Identity", input=[own], output=["w"])

    def _reshaped(self, own: str, name: str, dims: tuple[int, ...]) -> str:
        self._constant(f"{name}.dims", np.array([0, *dims], np.int64))  # 0: as before
        self._graph.node.add(op_type="Reshape", input=[own, f"{name}.dims"], output=[name])
        return name

    def _cast(self, own: str, name: str, element: int) -> str:
        made = self._graph.node.add(op_type="Cast", input=[own], output=[name])
        made.attribute.add(name="to", type=ox.Attribute.INT, i=element)
        return name

    def _make_room(self, size: int) -> None:
        self._bytes += size
        if self._bytes > BYTES_MAX:
            raise NotCompiledError(f"its constants would have more than {BYTES_MAX} bytes.")

    def _constant(self, name: str, array: Array) -> None:
        self._make_room(array.size * array.dtype.itemsize)
        element = next((one for one, dtype in DTYPES.items() if dtype == array.dtype), None)
        if element is None:
            raise NotCompiledError(f"{name!r} is of {array.dtype}.")
        made = self._graph.initializer.add(name=name, data_type=element, dims=array.shape)
        if element == ox.STRING:
            made.string_data.extend(str(one).encode() for one in array.ravel())
        else:
            made.raw_data = array.astype(array.dtype.newbyteorder("<")).tobytes()

    def _port(self, ports: Any, name: str, element: int, width: int) -> None:
        form = ports.add(name=name).type.tensor_type
        form.elem_type = element
        form.shape.dim.add().dim_param = ROWS_NAME
        form.shape.dim.add().dim_value = width

    def file(self, output: str, element: int = 0, width: int = 0) -> bytes:
        """The model with one output, whose form is left open if it is not known yet."""
        made = ox.Model(ir_version=self._model.ir_version, producer_name="penstock")
        made.opset_import.extend(self._model.opset_import)
        if not any(opset.domain in ("", "ai.onnx") for opset in made.opset_import):
            made.opset_import.add(version=18)
        made.functions.extend(self._model.functions)
        made.graph.CopyFrom(self._graph)
        if width:
            self._port(made.graph.output, output, element, width)
        else:
            made.graph.output.add(name=output)
        if made.ByteSize() > BYTES_MAX:
            raise NotCompiledError(f"it would have more than {BYTES_MAX} bytes.")
        return made.SerializeToString()


def _kind(element: int) -> pb.Kind:
    kind = kind_of(element)
    assert kind is not None
    return kind


def _session(content: bytes) -> Any:
    """ONNX Runtime's own package, imported only for a graph that is split."""
    import onnxruntime

    _bound_memory()
    settings = onnxruntime.SessionOptions()
    settings.add_session_config_entry("session.use_env_allocators", "1")
    settings.log_severity_level = QUIET
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(content, settings, ["CPUExecutionProvider"])
    except Exception as error:  # a class for each of its statuses, without one above them
        raise NotCompiledError(f"ONNX Runtime does not load it: {error}.") from None


@cache
def _bound_memory() -> None:
    """Of sessions that ask for it, together: once in a process."""
    import onnxruntime

    memory = onnxruntime.OrtMemoryInfo(
        "Cpu",
        onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR,
        0,
        onnxruntime.OrtMemType.DEFAULT,
    )
    bounds = onnxruntime.OrtArenaCfg({"max_mem": MEMORY_MAX})
    onnxruntime.create_and_register_allocator(memory, bounds)


def _form(content: bytes, reads: list[Tensor]) -> tuple[int, tuple[int, ...]]:
    """Type and dimensions behind the rows of the one output, as it comes from some rows."""
    found = _run(_session(content), _rows(reads))
    element = next((one for one in TYPES if DTYPES[one] == found.dtype), None)
    dims = found.shape[1:]
    if element is None or found.shape[:1] != (TRIED,) or not 0 < np.prod(dims) <= WIDTH_MAX:
        raise NotCompiledError(f"it is {found.dtype} of shape {list(found.shape)}.")
    return element, tuple(int(size) for size in dims)


def _try(content: bytes, reads: list[Tensor]) -> None:
    """Raises NotCompiledError if rows are not answered alike together and each alone: they would
    come in other company than they do in the whole graph.
    """
    session = _session(content)
    rows = _rows(reads)
    together = _run(session, rows)
    alone = [
        _run(session, {name: one[i : i + 1] for name, one in rows.items()}) for i in range(TRIED)
    ]
    if any(len(one) != 1 for one in alone) or not np.allclose(
        together, np.concatenate(alone), rtol=1e-3, atol=1e-5, equal_nan=True
    ):
        raise NotCompiledError("it mixes rows.")


def _rows(reads: list[Tensor]) -> dict[str, Array]:
    """Numbers as they could be; whole ones are 0, which is a place or a category of most."""
    chance = np.random.default_rng(0)
    rows: dict[str, Array] = {}
    for place, read in enumerate(reads):
        dtype = DTYPES[ELEMENTS[read.kind]]
        values = chance.normal(size=(TRIED, read.width)) if dtype.kind == "f" else 0
        rows[f"r{place}"] = np.broadcast_to(values, (TRIED, read.width)).astype(dtype)
    return rows


def _run(session: Any, rows: dict[str, Array]) -> Array:
    try:
        return np.asarray(session.run(None, rows)[0])
    except Exception as error:  # as above
        raise NotCompiledError(f"ONNX Runtime does not run it: {error}.") from None
