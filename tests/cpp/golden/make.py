# SPDX-License-Identifier: Apache-2.0
"""Writes wire.h: V2 messages that Python's protobuf library made, for the tests of cpp/wire.

    python tests/cpp/golden/make.py           writes the file
    python tests/cpp/golden/make.py --check   writes nothing; exit status 1 when it is stale

The classes are tritonclient's, so neither the field numbers nor the encoding come from this
repository. Needs tritonclient[grpc] and numpy, which only developers install.
"""

import argparse
import struct
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tritonclient.grpc import service_pb2

WIRE_H = Path(__file__).parent / "wire.h"

# Datatype: struct's letter, field of InferTensorContents, values for shape [2,3].
CASES: dict[str, tuple[str, str, list[Any]]] = {
    "BOOL": ("?", "bool_contents", [True, False, True, True, False, False]),
    "UINT8": ("B", "uint_contents", [0, 1, 127, 128, 254, 255]),
    "UINT16": ("H", "uint_contents", [0, 1, 255, 256, 65534, 65535]),
    "UINT32": ("I", "uint_contents", [0, 1, 127, 128, 2**31, 2**32 - 1]),
    "UINT64": ("Q", "uint64_contents", [0, 1, 127, 128, 2**63, 2**64 - 1]),
    "INT8": ("b", "int_contents", [0, 1, -1, 127, -128, 5]),
    "INT16": ("h", "int_contents", [0, 1, -1, 32767, -32768, 300]),
    "INT32": ("i", "int_contents", [0, 1, -1, 2**31 - 1, -(2**31), 300]),
    "INT64": ("q", "int64_contents", [0, 1, -1, 2**63 - 1, -(2**63), 300]),
    "FP16": ("e", "fp32_contents", [0.0, -1.5, 65504.0, 2.0**-24, float("inf"), 0.1]),
    "FP32": ("f", "fp32_contents", [0.0, -0.0, 1.5, 3.0e38, float("-inf"), 0.1]),
    "FP64": ("d", "fp64_contents", [0.0, -0.0, 1.5, 1.0e308, float("-inf"), 0.1]),
    "BYTES": ("", "bytes_contents", [b"", b"a", b"two words", b"\x00\xff", b"\n", b"x" * 200]),
}


def raw_form(datatype: str, values: list[Any]) -> bytes:
    """Gives the little-endian row-major bytes of a tensor."""
    if datatype == "BYTES":
        return b"".join(struct.pack("<I", len(value)) + value for value in values)
    if datatype == "FP16":
        return np.array(values, dtype=np.float32).astype("<f2").tobytes()
    return struct.pack(f"<{len(values)}{CASES[datatype][0]}", *values)


def infer_request() -> Any:
    """Gives a ModelInferRequest with everything but inputs."""
    request = service_pb2.ModelInferRequest(model_name="wide", model_version="7", id="r-1")
    request.parameters["flag"].bool_param = True
    request.parameters["count"].int64_param = -5
    request.parameters["text"].string_param = "grün"
    request.parameters["ratio"].double_param = 0.25
    request.parameters["large"].uint64_param = 2**64 - 1
    request.outputs.add(name="scores").parameters["classification"].int64_param = 3
    request.outputs.add(name="labels")
    return request


def add_input(request: Any, name: str, datatype: str, shape: list[int]) -> Any:
    """Adds an input without elements and gives it back."""
    return request.inputs.add(name=name, datatype=datatype, shape=shape)


def messages() -> Iterator[tuple[str, bytes]]:
    """Gives name and bytes of every message."""
    for datatype, (_, field, values) in CASES.items():
        yield f"{datatype.lower()}_raw", raw_form(datatype, values)
        request = service_pb2.ModelInferRequest(model_name="m")
        add_input(request, "x", datatype, [2, 3])
        request.raw_input_contents.append(raw_form(datatype, values))
        yield f"{datatype.lower()}_raw_request", serialize(request)
        request = service_pb2.ModelInferRequest(model_name="m")
        tensor = add_input(request, "x", datatype, [2, 3])
        getattr(tensor.contents, field).extend(values)
        yield f"{datatype.lower()}_typed_request", serialize(request)

    request = infer_request()
    first = add_input(request, "a", "FP32", [1, 16])
    first.parameters["sequence"].string_param = "first"
    add_input(request, "b", "INT64", [])
    add_input(request, "c", "FP32", [0, 4])
    request.raw_input_contents.extend([struct.pack("<16f", *range(16)), struct.pack("<q", 9), b""])
    yield "full_raw_request", serialize(request)

    response = service_pb2.ModelInferResponse(model_name="wide", model_version="7", id="r-1")
    response.outputs.add(name="scores", datatype="FP32", shape=[1, 4])
    response.outputs.add(name="scalar", datatype="INT64", shape=[])
    response.outputs.add(name="none", datatype="BYTES", shape=[0, 200])
    response.outputs.add(name="wide", datatype="UINT8", shape=[3, 1000])
    response.outputs.add(name="last", datatype="BOOL", shape=[1])
    wide = bytes(i % 251 for i in range(3000))
    raws = [struct.pack("<4f", 1, 2, 3, 4), struct.pack("<q", -9), b"", wide, b"\x01"]
    response.raw_output_contents.extend(raws)
    yield "response", serialize(response)
    yield "empty_response", serialize(service_pb2.ModelInferResponse(model_name="m"))

    yield "model_query", serialize(service_pb2.ModelReadyRequest(name="wide", version="7"))
    yield (
        "server_metadata",
        serialize(
            service_pb2.ServerMetadataResponse(
                name="penstock", version="1.2", extensions=["parameters", "statistics"]
            )
        ),
    )
    metadata = service_pb2.ModelMetadataResponse(
        name="wide", versions=["1", "7"], platform="onnxruntime_onnx"
    )
    metadata.inputs.add(name="x", datatype="FP32", shape=[-1, 16])
    metadata.inputs.add(name="words", datatype="BYTES", shape=[-1, -1, 300])
    metadata.outputs.add(name="scores", datatype="FP16", shape=[-1])
    yield "model_metadata", serialize(metadata)


def serialize(message: Any) -> bytes:
    """Gives the bytes of a message; maps in a fixed order."""
    encoded: bytes = message.SerializeToString(deterministic=True)
    return encoded


def header() -> str:
    """Gives the text of wire.h."""
    lines = [
        "// SPDX-License-Identifier: Apache-2.0",
        "// Written by make.py beside it: change that.",
        "#pragma once",
        "",
        "// V2 messages made by Python's protobuf library, as hexadecimal digits.",
        "namespace penstock::golden {",
        "",
    ]
    for name, encoded in messages():
        constant = "k" + "".join(word.capitalize() for word in name.split("_"))
        digits = textwrap.wrap(encoded.hex(), 90) or [""]
        lines.append(f"inline constexpr char {constant}[] =")
        lines.extend(f'    "{part}"' for part in digits)
        lines[-1] += ";"
    return "\n".join([*lines, "", "}  // namespace penstock::golden", ""])


def main() -> int:
    """Writes or checks the file; returns the exit status."""
    parser = argparse.ArgumentParser(description="Writes the golden messages of cpp/wire's tests.")
    parser.add_argument("--check", action="store_true", help="only say whether it is fresh")
    text = header()
    if parser.parse_args().check:
        is_fresh = WIRE_H.is_file() and WIRE_H.read_text() == text
        if not is_fresh:
            print(f"{WIRE_H} is stale: run python tests/cpp/golden/make.py", file=sys.stderr)
        return 0 if is_fresh else 1
    WIRE_H.write_text(text)
    print(f"{WIRE_H}: {text.count('inline constexpr')} messages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
