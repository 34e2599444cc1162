# SPDX-License-Identifier: Apache-2.0
"""An ONNX file's bytes as messages: whole, of a version that is known, of a size that is sane."""

from google.protobuf.message import DecodeError

from penstock.errors import ModelFileError, NotCompiledError
from penstock_client._proto import onnx_graph_pb2 as ox

__all__ = ["OPSETS", "looks_like_onnx", "parse_model", "versions_of"]

#: Domain -> the versions of its operators that the compiler knows.
OPSETS = {"": range(7, 29), "ai.onnx.ml": range(1, 6)}

NODES_MAX = 100_000
CONSTANTS_MAX = 200_000


def looks_like_onnx(content: bytes) -> bool:
    """Whether the bytes could be an ONNX model: a message that has a graph."""
    try:
        model = ox.Model.FromString(content)
    except DecodeError:
        return False
    return model.HasField("graph") and bool(model.opset_import)


def parse_model(content: bytes) -> ox.Model:
    """The file's message. Raises ModelFileError or NotCompiledError."""
    try:
        model = ox.Model.FromString(content)
    except DecodeError:
        raise ModelFileError("it is no ONNX model, or is cut short.") from None
    if not model.HasField("graph") or not model.graph.node:
        raise ModelFileError("it is an ONNX model without a graph of nodes.")
    if len(model.graph.node) > NODES_MAX or len(model.graph.initializer) > CONSTANTS_MAX:
        raise NotCompiledError(
            f"its graph has {len(model.graph.node)} nodes and {len(model.graph.initializer)} "
            f"constants: wanted at most {NODES_MAX} and {CONSTANTS_MAX}."
        )
    for tensor in model.graph.initializer:
        if tensor.data_location == ox.Tensor.EXTERNAL:
            raise NotCompiledError(
                f"its constant {tensor.name!r} is kept in another file: "
                "save the model with its constants inside."
            )
    if model.graph.sparse_initializer:
        name = model.graph.sparse_initializer[0].values.name
        raise NotCompiledError(f"its constant {name!r} is sparse: store it as a plain tensor.")
    return model


def versions_of(model: ox.Model) -> dict[str, int]:
    """Domain -> version of its operators; of domains that are known. Raises NotCompiledError."""
    versions = {}
    for opset in model.opset_import:
        domain = "" if opset.domain == "ai.onnx" else opset.domain
        known = OPSETS.get(domain)
        if known is None:
            continue
        if opset.version not in known:
            raise NotCompiledError(
                f"it is of opset {opset.version} of {domain or 'ai.onnx'}: "
                f"wanted {known[0]} to {known[-1]}."
            )
        versions[domain] = opset.version
    return versions
