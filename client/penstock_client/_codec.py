# SPDX-License-Identifier: Apache-2.0
"""NumPy arrays to ModelInferRequest and ModelInferResponse to NumPy arrays: bytes on both sides.

Law: a tensor's bytes are copied once into the request message, and not at all out of a large
response in which they lie aligned. What cannot be sent is InvalidArgument, an answer that breaks
the protocol is MalformedResponse; both name the tensor, what was wanted and what was found.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError

from penstock_client import bfloat16
from penstock_client._datatypes import BF16, BY_DTYPE, BY_NAME, BYTES, Datatype
from penstock_client._proto import inference_pb2 as pb
from penstock_client._wire import WireError, length_prefix, split_field
from penstock_client.bfloat16 import Bfloat16
from penstock_client.errors import InvalidArgument, MalformedResponse
from penstock_client.results import InferResult, ParameterValue

__all__ = ["decode_response", "encode_parameters", "encode_request"]

_RAW_INPUT_CONTENTS = pb.ModelInferRequest.RAW_INPUT_CONTENTS_FIELD_NUMBER
_RAW_OUTPUT_CONTENTS = pb.ModelInferResponse.RAW_OUTPUT_CONTENTS_FIELD_NUMBER
# From here on copying costs more than looking for the raw contents by hand.
_CUT_BYTES_MIN = 16 << 10
_INT64_MIN, _INT64_MAX, _UINT64_MAX = -(2**63), 2**63 - 1, 2**64 - 1


def encode_request(
    model: str,
    inputs: Mapping[str, npt.ArrayLike | Bfloat16],
    *,
    version: str = "",
    outputs: Iterable[str] | None = None,
    parameters: Mapping[str, ParameterValue] | None = None,
    request_id: str = "",
    raw: bool = True,
) -> bytes:
    """Gives a serialized ModelInferRequest; InvalidArgument for what cannot be sent."""
    request = pb.ModelInferRequest(model_name=model, model_version=version, id=request_id)
    if parameters:
        encode_parameters(request.parameters, parameters)
    for name in outputs or ():
        request.outputs.add(name=name)
    raws: list[Any] = []
    for name, given in inputs.items():
        datatype, elements, shape = _elements(name, given)
        tensor = request.inputs.add(name=name, datatype=datatype.name, shape=shape)
        if raw:
            content = _raw(name, datatype, elements)
            size_bytes = len(content) if isinstance(content, bytes) else content.nbytes
            raws += (length_prefix(_RAW_INPUT_CONTENTS, size_bytes), content)
        else:
            field = getattr(tensor.contents, datatype.contents_field)
            field.extend(_typed(name, datatype, elements))
    if not raws:
        return request.SerializeToString()
    return b"".join((request.SerializeToString(), *raws))


def encode_parameters(
    target: Any, parameters: Mapping[str, ParameterValue], *, owner: str = "the request"
) -> None:
    """Fills a map of InferParameter; InvalidArgument for a value of another type."""
    for key, value in parameters.items():
        # bool is an int to Python, so it is asked about first.
        if isinstance(value, bool):
            target[key].bool_param = value
        elif isinstance(value, int) and _INT64_MIN <= value <= _INT64_MAX:
            target[key].int64_param = value
        elif isinstance(value, int) and 0 <= value <= _UINT64_MAX:
            target[key].uint64_param = value
        elif isinstance(value, float):
            target[key].double_param = value
        elif isinstance(value, str):
            target[key].string_param = value
        else:
            raise InvalidArgument(
                f"parameter {key!r} of {owner} must be a bool, an int of 64 bits, a float or "
                f"a str, got {value!r}"
            )


def _elements(
    name: str, given: npt.ArrayLike | Bfloat16
) -> tuple[Datatype, npt.NDArray[Any], tuple[int, ...]]:
    """Gives an input's datatype, its elements contiguous and little-endian, and its shape."""
    if isinstance(given, Bfloat16):
        datatype, array = BF16, given.bits
        if array.dtype != np.uint16:
            raise InvalidArgument(f"input {name!r}: BF16 bits must be uint16, got {array.dtype}")
    else:
        try:
            array = np.asarray(given)
        except ValueError as error:
            raise InvalidArgument(f"input {name!r} is not an array: {error}") from error
        datatype = _datatype(name, array.dtype)
        if datatype is BF16:
            array = array.view(np.uint16)
    shape = array.shape
    if datatype.dtype is not None and not (
        array.flags.c_contiguous and array.dtype == datatype.dtype
    ):
        array = np.ascontiguousarray(array, datatype.dtype)
    return datatype, array, shape


def _datatype(name: str, dtype: np.dtype[Any]) -> Datatype:
    found = BY_DTYPE.get(dtype) or BY_DTYPE.get(dtype.newbyteorder("<"))
    if found is not None:
        return found
    if dtype.kind in "OSU":
        return BYTES
    if dtype.name == "bfloat16":
        return BF16
    raise InvalidArgument(f"input {name!r}: NumPy's dtype {dtype} has no V2 datatype")


def _raw(name: str, datatype: Datatype, array: npt.NDArray[Any]) -> bytes | npt.NDArray[Any]:
    if datatype is not BYTES:
        return array
    pieces: list[bytes] = []
    for element in _byte_strings(name, array):
        pieces += (struct.pack("<I", len(element)), element)
    return b"".join(pieces)


def _typed(name: str, datatype: Datatype, array: npt.NDArray[Any]) -> list[Any]:
    if datatype is BYTES:
        return _byte_strings(name, array)
    if datatype is BF16:
        array = bfloat16.bits_to_float32(array)
    elements: list[Any] = array.ravel().tolist()
    return elements


def _byte_strings(name: str, array: npt.NDArray[Any]) -> list[bytes]:
    elements = array.ravel().tolist()
    for at, element in enumerate(elements):
        if isinstance(element, str):
            elements[at] = element.encode()
        elif isinstance(element, (bytearray, memoryview)):
            elements[at] = bytes(element)
        elif not isinstance(element, bytes):
            raise InvalidArgument(
                f"input {name!r}: the elements of a BYTES tensor must be bytes or str, "
                f"got {type(element).__name__} at flat index {at}"
            )
    return elements


def decode_response(message: bytes) -> InferResult:
    """Reads a serialized ModelInferResponse, raw or typed; MalformedResponse when it is broken."""
    try:
        response, raws = _parsed(message)
    except (WireError, DecodeError) as error:
        raise MalformedResponse(f"the answer is no ModelInferResponse: {error}") from error
    if raws and len(raws) != len(response.outputs):
        raise MalformedResponse(
            f"the answer has {len(response.outputs)} outputs but {len(raws)} raw contents"
        )
    arrays: dict[str, npt.NDArray[Any]] = {}
    for at, output in enumerate(response.outputs):
        if raws and output.HasField("contents"):
            raise MalformedResponse(f"output {output.name!r} has raw and typed contents")
        array = _from_raw(output, raws[at]) if raws else _from_typed(output)
        array.flags.writeable = False
        arrays[output.name] = array
    return InferResult(
        arrays,
        model_name=response.model_name,
        model_version=response.model_version,
        id=response.id,
        parameters=_parameters(response.parameters) if response.parameters else None,
    )


def _parsed(message: bytes) -> tuple[pb.ModelInferResponse, Sequence[memoryview | bytes]]:
    """Gives a response and its raw contents, which are not copied when the message is large."""
    if len(message) < _CUT_BYTES_MIN:
        response = pb.ModelInferResponse.FromString(message)
        return response, response.raw_output_contents
    rest, raws = split_field(message, _RAW_OUTPUT_CONTENTS)
    return pb.ModelInferResponse.FromString(rest), raws


def _parameters(given: Mapping[str, pb.InferParameter]) -> dict[str, ParameterValue]:
    values: dict[str, ParameterValue] = {}
    for key, parameter in given.items():
        choice = parameter.WhichOneof("parameter_choice")
        if choice is not None:
            values[key] = getattr(parameter, choice)
    return values


def _output_datatype(output: pb.ModelInferResponse.InferOutputTensor) -> Datatype:
    datatype = BY_NAME.get(output.datatype)
    if datatype is None:
        raise MalformedResponse(f"output {output.name!r} has unknown datatype {output.datatype!r}")
    return datatype


def _from_raw(
    output: pb.ModelInferResponse.InferOutputTensor, content: memoryview | bytes
) -> npt.NDArray[Any]:
    datatype = _output_datatype(output)
    shape = tuple(output.shape)
    if datatype.dtype is None:
        return _shaped(output.name, _object_array(_split_byte_strings(output.name, content)), shape)
    wanted_bytes = math.prod(shape) * datatype.dtype.itemsize
    if min(shape, default=0) < 0 or wanted_bytes != len(content):
        raise MalformedResponse(
            f"output {output.name!r} of {datatype.name}{list(shape)} needs {wanted_bytes} bytes, "
            f"the answer has {len(content)}"
        )
    array = np.frombuffer(content, datatype.dtype).reshape(shape)
    if not array.flags.aligned:
        array = array.copy()
    return _native_bf16(array) if datatype is BF16 else array


def _from_typed(output: pb.ModelInferResponse.InferOutputTensor) -> npt.NDArray[Any]:
    datatype = _output_datatype(output)
    elements = getattr(output.contents, datatype.contents_field)
    shape = tuple(output.shape)
    if datatype.dtype is None:
        return _shaped(output.name, _object_array(elements), shape)
    if datatype is BF16:
        bits = bfloat16.float32_to_bits(np.array(elements, np.float32))
        return _native_bf16(_shaped(output.name, bits, shape))
    try:
        # A float beyond FP16's range is infinity there, as it is for the server.
        with np.errstate(over="ignore"):
            array = np.array(elements, datatype.dtype)
    except OverflowError as error:
        raise MalformedResponse(
            f"output {output.name!r} of {datatype.name} has an element out of range: {error}"
        ) from error
    return _shaped(output.name, array, shape)


def _native_bf16(bits: npt.NDArray[Any]) -> npt.NDArray[Any]:
    dtype = bfloat16.native_dtype()
    return bits if dtype is None else bits.view(dtype)


def _split_byte_strings(name: str, content: memoryview | bytes) -> list[bytes]:
    elements: list[bytes] = []
    at, end = 0, len(content)
    while at < end:
        # A length that is itself cut short leaves `at` beyond the end, like a cut element.
        start = at + 4
        at = start + int.from_bytes(content[at:start], "little")
        elements.append(bytes(content[start:at]))
    if at != end:
        raise MalformedResponse(f"output {name!r}: its BYTES end inside an element")
    return elements


def _object_array(elements: Sequence[bytes]) -> npt.NDArray[Any]:
    array = np.empty(len(elements), object)
    array[:] = elements
    return array


def _shaped(name: str, array: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    if min(shape, default=0) < 0 or math.prod(shape) != array.size:
        raise MalformedResponse(
            f"output {name!r} of shape {list(shape)} needs {math.prod(shape)} elements, "
            f"the answer has {array.size}"
        )
    return array.reshape(shape)
