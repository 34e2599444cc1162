# SPDX-License-Identifier: Apache-2.0
"""An ONNX model as a compiled one."""

from dataclasses import replace

from penstock.errors import NotCompiledError
from penstock.native.artifact import ArtifactBuilder, CompiledModel
from penstock.native.onnx.arrays import DATATYPES, element_name, kind_of
from penstock.native.onnx.graph import graph_of
from penstock.native.onnx.lowering import Lowering, Tensor, TextColumns
from penstock.native.onnx.model_file import parse_model, versions_of
from penstock.native.onnx.parts import Parts
from penstock.native.onnx.steps import Plan
from penstock.native.options import CompileOptions
from penstock_client._proto import native_artifact_pb2 as pb
from penstock_client._proto import onnx_graph_pb2 as ox

__all__ = ["compile_onnx"]


def compile_onnx(content: bytes, options: CompileOptions) -> CompiledModel:
    """Compiles a file's content; parts that have no native form become steps of ONNX Runtime.

    Raises ModelFileError or NotCompiledError, where nothing gains by it.
    """
    model = parse_model(content)
    versions = versions_of(model)
    graph = graph_of(model.graph)
    builder = ArtifactBuilder(source=_source(model, versions))
    lower = Lowering(graph, Plan(builder), versions, options, producer=model.producer_name)
    for port in graph.inputs:
        lower.set(port.name, _input(port, lower))
    parts = Parts(model, lower)
    for node in graph.nodes:
        parts.lower(node)
    for port in graph.outputs:
        parts.provide(port.name)
    written = _write(lower)
    compiled = builder.finish()
    return replace(compiled, notes=parts.check(written, list(compiled.manifest.steps)))


def _source(model: ox.Model, versions: dict[str, int]) -> str:
    opsets = ", ".join(f"{domain or 'ai.onnx'} {version}" for domain, version in versions.items())
    # CatBoost's version is a whole page.
    version = "" if "\n" in model.producer_version else model.producer_version
    producer = f" of {model.producer_name} {version}".rstrip()
    return f"ONNX{producer if model.producer_name else ''}, opset {opsets}"


def _input(port: ox.Port, lower: Lowering) -> Tensor:
    """An input, whose first dimension is that of the rows."""
    where = f"input {port.name!r}"
    if port.type.WhichOneof("value") != "tensor_type":
        raise NotCompiledError(f"{where} is no tensor, which has no native form.")
    form = port.type.tensor_type
    kind = kind_of(form.elem_type)
    if kind is None:
        raise NotCompiledError(
            f"{where} is of {element_name(form.elem_type)}, which has no native form."
        )
    if not form.HasField("shape") or not form.shape.dim:
        raise NotCompiledError(f"{where} has no shape: wanted rows and their columns.")
    rows, *dims = form.shape.dim
    if any(not 0 < size.dim_value < 1 << 31 for size in dims):
        raise NotCompiledError(
            f"{where} has a dimension behind the rows of no known size: "
            "export the model with the number of its features."
        )
    if rows.dim_value > 1 and not dims:
        raise NotCompiledError(f"{where} has {rows.dim_value} numbers and no dimension for rows.")
    lower.has_batch_of_one |= rows.dim_value == 1
    sizes = tuple(int(size.dim_value) for size in dims)
    made = Tensor(element=form.elem_type, dims=sizes)
    value = lower.plan.input(port.name, DATATYPES[form.elem_type], kind, sizes)
    if kind == pb.TEXT:
        columns = tuple((value, column) for column in range(made.width))
        return Tensor(
            element=form.elem_type, dims=sizes, value=value, texts=TextColumns(columns=columns)
        )
    return Tensor(element=form.elem_type, dims=sizes, value=value)


def _write(lower: Lowering) -> set[int]:
    """The steps that outputs need, and the outputs; gives the plan's values that there are."""
    found = {port.name: _output(port, lower) for port in lower.graph.outputs}
    places = lower.plan.write([value for _, value in found.values()])
    for name, (tensor, value) in found.items():
        lower.plan.builder.output(name, DATATYPES[tensor.element], places[value], tensor.dims)
    return set(places)


def _output(port: ox.Port, lower: Lowering) -> tuple[Tensor, int]:
    """An output's tensor, and where it is."""
    tensor = lower.output(port.name)
    if tensor is None:
        raise NotCompiledError(f"output {port.name!r} does not depend on the inputs.")
    if tensor.rows_are_last:
        raise NotCompiledError(f"output {port.name!r} has its rows in its last dimension.")
    if tensor.texts is None:
        return tensor, tensor.value
    (value, _), *_ = tensor.texts.columns
    width = lower.plan.values[value][1]
    if tensor.texts.columns != tuple((value, column) for column in range(width)):
        raise NotCompiledError(f"output {port.name!r} is texts that were picked from others.")
    return tensor, value
