# SPDX-License-Identifier: Apache-2.0
"""Arrays survive the way to the wire and back; what is wrong is told with names."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from penstock_client import Bfloat16, InvalidArgument, MalformedResponse
from penstock_client import _codec as codec
from penstock_client._datatypes import BY_NAME
from penstock_client._proto import inference_pb2 as pb
from penstock_client.bfloat16 import native_dtype

NUMERIC = {
    name: datatype.dtype
    for name, datatype in BY_NAME.items()
    if datatype.dtype is not None and name != "BF16"
}
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)


# One element, 1.5.
BF16_ANSWER = pb.ModelInferResponse(
    outputs=[pb.ModelInferResponse.InferOutputTensor(name="y", datatype="BF16", shape=[1])],
    raw_output_contents=[b"\xc0\x3f"],
).SerializeToString()


def answer_to(request: bytes) -> bytes:
    """What an echo model answers, written by protobuf alone: the dull reference."""
    asked = pb.ModelInferRequest.FromString(request)
    answer = pb.ModelInferResponse(raw_output_contents=asked.raw_input_contents)
    for tensor in asked.inputs:
        answer.outputs.add().MergeFromString(tensor.SerializeToString())
    return answer.SerializeToString()


def there_and_back(array: Any, *, raw: bool) -> npt.NDArray[Any]:
    return codec.decode_response(answer_to(codec.encode_request("m", {"x": array}, raw=raw)))["x"]


def numeric_arrays() -> st.SearchStrategy[npt.NDArray[Any]]:
    return st.sampled_from(sorted(NUMERIC.values(), key=str)).flatmap(
        lambda dtype: hnp.arrays(dtype, SHAPES)
    )


@given(numeric_arrays(), st.booleans())
def test_numbers_of_every_datatype_come_back_the_same(array: npt.NDArray[Any], raw: bool) -> None:
    back = there_and_back(array, raw=raw)
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


@given(
    hnp.arrays(object, SHAPES, elements=st.one_of(st.binary(max_size=9), st.text(max_size=5))),
    st.booleans(),
)
def test_byte_strings_come_back_as_bytes(array: npt.NDArray[Any], raw: bool) -> None:
    back = there_and_back(array, raw=raw)
    expected = [text.encode() if isinstance(text, str) else text for text in array.ravel()]
    assert back.shape == array.shape
    assert list(back.ravel()) == expected


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("array", [np.array(["ab", "ü"]), np.array([b"ab", b"c"]), ["ab", "c"]])
def test_numpys_own_string_arrays_are_bytes_tensors(array: Any, raw: bool) -> None:
    back = there_and_back(array, raw=raw)
    assert list(back) == [text.encode() if isinstance(text, str) else text for text in array]


@given(hnp.arrays(np.uint16, SHAPES), st.booleans())
def test_bfloat16_bits_come_back_the_same(bits: npt.NDArray[np.uint16], raw: bool) -> None:
    back = there_and_back(Bfloat16(bits), raw=raw).view(np.uint16)
    quiet = np.where(np.isnan(Bfloat16(bits).to_float32()), bits | 0x40, bits)
    np.testing.assert_array_equal(back, bits if raw else quiet)


@given(hnp.arrays(np.float32, SHAPES))
def test_rounding_to_bfloat16_is_that_of_ml_dtypes(values: npt.NDArray[np.float32]) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    with np.errstate(over="ignore"):
        expected = values.astype(ml_dtypes.bfloat16)
    ours = Bfloat16.from_float32(values).to_float32()
    np.testing.assert_array_equal(ours, expected.astype(np.float32))


def test_ml_dtypes_bfloat16_arrays_are_bf16_tensors() -> None:
    pytest.importorskip("ml_dtypes")
    array = np.array([[1.5, -2.0]], native_dtype())
    request = pb.ModelInferRequest.FromString(codec.encode_request("m", {"x": array}))
    assert request.inputs[0].datatype == "BF16"
    assert request.raw_input_contents[0] == array.tobytes()
    back = there_and_back(array, raw=True)
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


def test_without_ml_dtypes_bf16_outputs_are_their_bits() -> None:
    without = f"""
import sys
sys.modules["ml_dtypes"] = None  # importing it fails from now on
from penstock_client import _codec
answer = _codec.decode_response({BF16_ANSWER!r})["y"]
assert answer.dtype == "uint16" and answer.tolist() == [0x3FC0], answer
"""
    ended = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_a_typed_number_beyond_fp16_is_infinity() -> None:
    answer = pb.ModelInferResponse(outputs=[output("FP16", [1], fp32_contents=[1e6])])
    assert codec.decode_response(answer.SerializeToString())["y"] == np.inf


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(12, dtype=">f8").reshape(3, 4),
        np.arange(12, dtype=np.int32).reshape(3, 4).T,
        np.arange(24, dtype=np.uint8)[::2],
        np.asfortranarray(np.ones((3, 4), np.float16)),
        np.float32(3.5),
        [[1, 2], [3, 4]],
        True,
    ],
)
def test_any_layout_and_anything_array_like_can_be_sent(array: Any, raw: bool) -> None:
    np.testing.assert_array_equal(there_and_back(array, raw=raw), array)


def test_a_request_is_what_protobuf_would_write() -> None:
    x, y = np.arange(4, dtype=np.float32), np.array([[7]], np.int64)
    written = codec.encode_request(
        "m",
        {"x": x, "y": y},
        version="3",
        outputs=["a", "b"],
        parameters={"on": True, "n": -1, "big": 2**64 - 1, "f": 0.5, "s": "t"},
        request_id="id-1",
    )
    tensor, wanted = pb.ModelInferRequest.InferInputTensor, pb.ModelInferRequest
    assert pb.ModelInferRequest.FromString(written) == pb.ModelInferRequest(
        model_name="m",
        model_version="3",
        id="id-1",
        parameters={
            "on": pb.InferParameter(bool_param=True),
            "n": pb.InferParameter(int64_param=-1),
            "big": pb.InferParameter(uint64_param=2**64 - 1),
            "f": pb.InferParameter(double_param=0.5),
            "s": pb.InferParameter(string_param="t"),
        },
        inputs=[
            tensor(name="x", datatype="FP32", shape=[4]),
            tensor(name="y", datatype="INT64", shape=[1, 1]),
        ],
        outputs=[
            wanted.InferRequestedOutputTensor(name="a"),
            wanted.InferRequestedOutputTensor(name="b"),
        ],
        raw_input_contents=[x.tobytes(), y.tobytes()],
    )


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.ones(2, np.complex64), r"'x'.*complex64"),
        (np.array(["2026-01-01"], "datetime64[D]"), r"'x'.*datetime64"),
        (np.array([b"ok", 3], object), r"'x'.*int at flat index 1"),
        ([[1, 2], [3]], r"'x' is not an array"),
        (Bfloat16(np.ones(2, np.float32)), r"'x'.*uint16.*float32"),
    ],
)
def test_what_cannot_be_sent_is_refused_by_name(array: Any, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        codec.encode_request("m", {"x": array})


@pytest.mark.parametrize("value", [None, 2**64, -(2**63) - 1, b"bytes"])
def test_a_parameter_of_another_type_is_refused_by_name(value: Any) -> None:
    with pytest.raises(InvalidArgument, match="'priority'"):
        codec.encode_request("m", {}, parameters={"priority": value})


def output(datatype: str, shape: list[int], **contents: Any) -> Any:
    made = pb.ModelInferResponse.InferOutputTensor(name="y", datatype=datatype, shape=shape)
    if contents:
        made.contents.MergeFrom(pb.InferTensorContents(**contents))
    return made


@pytest.mark.parametrize(
    ("outputs", "raws", "said"),
    [
        ([output("FP32", [2])], [b"\0" * 7], r"'y' of FP32\[2\] needs 8 bytes, .* has 7"),
        ([output("FP32", [-1])], [b""], r"'y'"),
        ([output("FP32", [2**40, 2**40])], [b"\0" * 4], r"'y'"),
        ([output("FP31", [2])], [b"\0" * 8], r"'y' has unknown datatype 'FP31'"),
        ([output("FP32", [1])], [b"\0" * 4, b""], r"1 outputs but 2 raw"),
        ([output("FP32", [1], fp32_contents=[1])], [b"\0" * 4], r"'y' has raw and typed"),
        ([output("FP32", [2], fp32_contents=[1])], [], r"'y'.*needs 2 elements.*has 1"),
        ([output("INT8", [1], int_contents=[300])], [], r"'y' of INT8.*out of range"),
        ([output("BYTES", [1])], [b"\x02\0\0\0a"], r"'y'.*inside an element"),
        ([output("BYTES", [1])], [b"\x02\0"], r"'y'.*inside an element"),
        ([output("BYTES", [2])], [b"\x01\0\0\0a"], r"'y'.*needs 2 elements.*has 1"),
    ],
)
def test_a_broken_answer_is_told_by_name(outputs: list[Any], raws: list[bytes], said: str) -> None:
    answer = pb.ModelInferResponse(outputs=outputs, raw_output_contents=raws)
    with pytest.raises(MalformedResponse, match=said):
        codec.decode_response(answer.SerializeToString())


SMALL, LARGE = np.arange(3), np.arange(4000.0)


@pytest.mark.parametrize("x", [SMALL, LARGE], ids=["small", "large"])
def test_a_cut_answer_is_malformed_or_shorter_but_never_a_crash(x: npt.NDArray[Any]) -> None:
    whole = answer_to(codec.encode_request("m", {"x": x, "s": ["a", "bc"]}))
    lengths = range(max(0, len(whole) - 100), len(whole))
    broken = 0
    for length in lengths:
        try:
            codec.decode_response(whole[:length])
        except MalformedResponse:
            broken += 1
    assert broken > len(lengths) / 2


@given(st.binary(max_size=200))
def test_any_bytes_are_an_answer_or_malformed(message: bytes) -> None:
    with contextlib.suppress(MalformedResponse):
        codec.decode_response(message)


@pytest.mark.parametrize("x", [SMALL, LARGE], ids=["small", "large"])
def test_unknown_fields_are_skipped_wherever_they_stand(x: npt.NDArray[Any]) -> None:
    whole = answer_to(codec.encode_request("m", {"x": x}))
    varint, fixed64, fixed32 = b"\xa0\x06\x01", b"\xa1\x06" + b"\0" * 8, b"\xa5\x06" + b"\0" * 4
    result = codec.decode_response(varint + fixed64 + whole + fixed32)
    np.testing.assert_array_equal(result["x"], x)


@pytest.mark.parametrize("x", [SMALL, LARGE], ids=["small", "large"])
def test_arrays_are_aligned_and_read_only_wherever_their_bytes_lie(x: npt.NDArray[Any]) -> None:
    for padding in range(8):
        request = codec.encode_request("m" + "m" * padding, {"x" * (padding + 1): x})
        (array,) = codec.decode_response(answer_to(request)).values()
        assert array.flags.aligned
        assert not array.flags.writeable
        np.testing.assert_array_equal(array, x)


def test_an_aligned_array_of_a_large_message_is_a_view_of_it() -> None:
    message = answer_to(codec.encode_request("m", {"x": np.zeros(1 << 20, np.uint8)}))
    array = codec.decode_response(message)["x"]
    assert np.shares_memory(array, np.frombuffer(message, np.uint8))


def test_a_result_tells_who_answered() -> None:
    answer = pb.ModelInferResponse(
        model_name="m",
        model_version="2",
        id="7",
        parameters={"k": pb.InferParameter(int64_param=5), "empty": pb.InferParameter()},
    )
    result = codec.decode_response(answer.SerializeToString())
    assert (result.model_name, result.model_version, result.id) == ("m", "2", "7")
    assert result.parameters == {"k": 5}
    assert dict(result) == {}
