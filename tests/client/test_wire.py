# SPDX-License-Identifier: Apache-2.0
"""Messages cut by hand are those that protobuf reads."""

from __future__ import annotations

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from penstock_client._proto import inference_pb2 as pb
from penstock_client._wire import WireError, length_prefix, split_field

RAW = pb.ModelInferResponse.RAW_OUTPUT_CONTENTS_FIELD_NUMBER
RESPONSES = st.builds(
    pb.ModelInferResponse,
    model_name=st.text(max_size=5),
    id=st.text(max_size=200),
    outputs=st.lists(
        st.builds(
            pb.ModelInferResponse.InferOutputTensor,
            name=st.text(max_size=3),
            shape=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3),
        ),
        max_size=3,
    ),
    raw_output_contents=st.lists(st.binary(max_size=300), max_size=4),
)


@given(RESPONSES)
def test_a_field_is_cut_out_and_nothing_else(response: pb.ModelInferResponse) -> None:
    rest, entries = split_field(response.SerializeToString(), RAW)
    assert [bytes(entry) for entry in entries] == list(response.raw_output_contents)
    response.ClearField("raw_output_contents")
    assert pb.ModelInferResponse.FromString(rest) == response


@given(st.lists(RESPONSES, max_size=3))
def test_fields_may_stand_in_any_order(responses: list[pb.ModelInferResponse]) -> None:
    """Serialized messages set end to end are one message, merged."""
    message = b"".join(response.SerializeToString() for response in responses)
    merged = pb.ModelInferResponse.FromString(message)
    rest, entries = split_field(message, RAW)
    assert [bytes(entry) for entry in entries] == list(merged.raw_output_contents)
    merged.ClearField("raw_output_contents")
    assert pb.ModelInferResponse.FromString(rest) == merged


@given(st.binary(max_size=60))
def test_whatever_protobuf_reads_is_read_the_same(message: bytes) -> None:
    try:
        read = pb.ModelInferResponse.FromString(message)
    except DecodeError:
        return
    try:
        _, entries = split_field(message, RAW)
    except WireError as error:
        # Groups died with protobuf 2; only they are read by protobuf and refused here.
        assert "wire type" in str(error)
        return
    assert [bytes(entry) for entry in entries] == list(read.raw_output_contents)


@pytest.mark.parametrize("length", [0, 1, 127, 128, 300, 2**21, 2**31])
def test_a_prefix_is_a_tag_and_a_length(length: int) -> None:
    if length < 1000:
        written = length_prefix(7, length) + b"x" * length
        read = pb.ModelInferRequest.FromString(written)
        assert list(read.raw_input_contents) == [b"x" * length]
    else:
        tag, *digits = length_prefix(7, length)
        assert tag == 7 << 3 | 2
        assert sum((digit & 0x7F) << 7 * at for at, digit in enumerate(digits)) == length


@pytest.mark.parametrize(
    "message", [b"\x32", b"\x32\x05abc", b"\x80" * 11, b"\x09\0\0", b"\x0d\0", b"\x0f", b"\x08"]
)
def test_a_broken_message_is_a_wire_error(message: bytes) -> None:
    with pytest.raises(WireError):
        split_field(message, RAW)
