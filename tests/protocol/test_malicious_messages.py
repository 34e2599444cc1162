# SPDX-License-Identifier: Apache-2.0
"""Messages that are wrong, by mistake or on purpose: each gets its status and a sentence.

The sentence names the tensor, what was wanted and what came; the connection goes on serving. The
bytes are written here field by field, for protobuf's own library refuses to write many of them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
import pytest
from tests.doubles.h2_peer import H2Peer, Stream
from tests.doubles.model_files import add_identity, add_python, add_sum_and_difference
from tests.doubles.running import RunningServer
from tests.protocol.calls import INFER, MODEL_READY, add_echo, echo_request, numbers

from penstock_client._proto import inference_pb2

INVALID_ARGUMENT, NOT_FOUND, UNIMPLEMENTED = 3, 5, 12
VARINT, FIXED64, SIZED, GROUP, GROUP_END, FIXED32 = 0, 1, 2, 3, 4, 5
MALFORMED = "the message is not a well-formed ModelInferRequest"


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """`pair` takes a and b, FP32 [rows, 2], up to four rows; `words` takes strings."""
    repository = tmp_path_factory.mktemp("models")
    add_echo(repository)
    add_sum_and_difference(repository, "pair")
    (repository / "pair" / "config.pbtxt").write_text("max_batch_size: 4")
    add_identity(repository, "words", [("x", "TYPE_STRING", [-1])], rows_max=0)
    add_identity(repository, "bytes", [("x", "TYPE_INT8", [-1])], rows_max=0)
    add_python(repository, "broken", "raise ValueError('it cannot be loaded')")
    with RunningServer(repository, flags=("--grpc-infer-thread-count=1",)) as server:
        yield server


@pytest.fixture(scope="module")
def peer(strict: RunningServer) -> Iterator[H2Peer]:
    """One connection for all of them: none may harm it."""
    with H2Peer(strict.grpc) as made:
        yield made


# -- bytes --------------------------------------------------------------------------------------


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def tag(number: int, kind: int) -> bytes:
    return varint(number << 3 | kind)


def sized(number: int, content: bytes | str) -> bytes:
    raw = content.encode() if isinstance(content, str) else content
    return tag(number, SIZED) + varint(len(raw)) + raw


def packed(values: list[int]) -> bytes:
    return b"".join(varint(value & (1 << 64) - 1) for value in values)


def tensor(
    name: str, shape: list[int], datatype: str = "FP32", *, contents: bytes | None = None
) -> bytes:
    """An InferInputTensor in its field."""
    parts = [sized(1, name), sized(2, datatype), sized(3, packed(shape))]
    return sized(5, b"".join([*parts, *([] if contents is None else [sized(5, contents)])]))


def raw(*floats: float) -> bytes:
    return sized(7, struct.pack(f"<{len(floats)}f", *floats))


def request(model: str, *parts: bytes) -> bytes:
    return sized(1, model) + b"".join(parts)


A, B = tensor("a", [1, 2]), tensor("b", [1, 2])
ROW = raw(1, 2)
GOOD = request("pair", A, B, ROW, ROW)


def answer_to(peer: H2Peer, message: bytes) -> Stream:
    answer = peer.call(INFER, message)
    peer.wait_for(answer)
    return answer


def assert_serves(peer: H2Peer) -> None:
    assert numbers(answer_to(peer, echo_request(np.arange(3))).message) == [0, 1, 2]


def assert_refused(peer: H2Peer, message: bytes, status: int, *words: str) -> None:
    answer = answer_to(peer, message)
    assert answer.shape == ["headers"], "it was answered"
    assert answer.status == status, answer.why
    assert [word for word in words if word not in answer.why] == [], answer.why
    assert_serves(peer)


# -- protobuf -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "how"),
    [
        (tag(9, VARINT) + b"\xff" * 11 + b"\x01", "a varint is longer than 10 bytes"),
        (tag(9, VARINT) + b"\xff" * 10_000, "a varint is longer than 10 bytes"),
        (b"\xff" * 11, "a varint is longer than 10 bytes"),
        (tag(9, VARINT) + b"\x80", "it ends inside a field"),
        (tag(1, SIZED) + varint((1 << 63) - 1) + b"pair", "it ends inside a field"),
        (tag(5, SIZED) + varint((1 << 64) - 1) + b"pair", "it ends inside a field"),
        (tag(7, SIZED) + varint(1 << 32), "it ends inside a field"),
        (GOOD + sized(7, b"")[:1] + varint((1 << 32) + 1) + b"abcdef", "it ends inside a field"),
        (GOOD + tag(99, SIZED) + varint(1 << 32) + b"abcdef", "it ends inside a field"),
        (GOOD + sized(7, b"")[:1], "it ends inside a field"),
        (tag(9, FIXED64) + b"1234567", "it ends inside a field"),
        (tag(9, FIXED32) + b"123", "it ends inside a field"),
        (tag(9, GROUP) + tag(9, GROUP_END), "a field has a wire type that proto3 does not use"),
        (tag(9, 6), "a field has a wire type that proto3 does not use"),
        (tag(9, 7), "a field has a wire type that proto3 does not use"),
        (b"\0a", "a field has an impossible number"),
        (request("pair", sized(5, sized(3, b"\xff" * 10 + b"\x01"))), ""),
        (request("pair", tensor("a", [1], contents=sized(6, b"12345"))), "inside an element"),
        (request("pair", sized(4, sized(2, tag(1, VARINT)))), "it ends inside a field"),
    ],
    ids=["varint of 11 bytes", "varint of 10000 bytes", "tag of 11 bytes", "varint cut",
         "length of 63 bits", "length of 64 bits", "length of 33 bits",
         "length of 33 bits that cut off fits", "the same of an unknown field", "cut behind a tag",
         "fixed64 cut", "fixed32 cut", "group", "wire type 6", "wire type 7", "field 0",
         "dimension of 11 bytes", "floats cut", "parameter cut"],
)  # fmt: skip
def test_bytes_that_are_no_protobuf_are_refused(peer: H2Peer, message: bytes, how: str) -> None:
    assert_refused(peer, message, INVALID_ARGUMENT, MALFORMED, how)


def test_a_message_cut_anywhere_is_refused(peer: H2Peer) -> None:
    """Some cuts leave a whole message with less in it, which names no model or lacks an input."""
    answers = [peer.call(INFER, GOOD[:cut]) for cut in range(len(GOOD))]
    peer.wait_for(*answers)
    assert {answer.status for answer in answers} == {INVALID_ARGUMENT, NOT_FOUND}
    assert pair_of(peer, GOOD) == [(2, 4), (0, 0)]


def pair_of(peer: H2Peer, message: bytes) -> list[tuple[float, ...]]:
    made = inference_pb2.ModelInferResponse.FromString(answer_to(peer, message).message)
    return [struct.unpack("<2f", tensor) for tensor in made.raw_output_contents]


def test_fields_that_nobody_knows_are_passed_over(peer: H2Peer) -> None:
    """As proto3 demands, however deep: nobody descends into them."""
    nested = b""
    for _ in range(500):
        nested = sized(77, nested)
    unknown = (
        nested + tag(99, VARINT) + varint((1 << 64) - 1) + tag((1 << 29) - 1, FIXED32) + b"1234"
    )
    assert pair_of(peer, unknown + GOOD + unknown) == [(2, 4), (0, 0)]


# -- tensors: shapes and bytes --------------------------------------------------------------------

BIG = 1 << 40


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ([tensor("a", [-1, 2]), B, ROW, ROW], ['"a"', "[-1,2]", "negative", "its size"]),
        ([tensor("a", [1, -(1 << 63)]), B, ROW, ROW],
         ['"a"', "[1,-9223372036854775808]", "negative"]),
        ([tensor("a", [BIG, BIG]), B, ROW, ROW], ['"a"', f"[{BIG},{BIG}]", "63 bits"]),
        ([tensor("a", [(1 << 63) - 1, 1]), B, ROW, ROW],
         ['"a"', "[9223372036854775807,1]", "63 bits"]),
        ([tensor("a", [1 << 61, 1]), B, ROW, ROW], ['"a"', "[2305843009213693952,1]", "63 bits"]),
        ([tensor("a", [1 << 61, 0, 1 << 61]), B, ROW, ROW], ['"a"']),
        ([tensor("a", [1] * 17), B, ROW, ROW], ['"a"', "at most 16", "got 17"]),
        ([tensor("a", [1] * 100_000), B, ROW, ROW], ['"a"', "at most 16", "got 100000"]),
        ([tensor("a", [1 << 40, 2]), B, ROW, ROW],
         ['"a"', f"[{BIG},2]", f"needs {BIG * 8} bytes", "got 8"]),
        ([A, B, raw(1), ROW], ['"a"', "[1,2]", "FP32", "needs 8 bytes", "got 4"]),
        ([A, B, ROW, raw(1, 2, 3)], ['"b"', "needs 8 bytes", "got 12"]),
        ([A, B, ROW, sized(7, b"")], ['"b"', "needs 8 bytes", "got 0"]),
        ([A, B, ROW], ["1 raw_input_contents for 2 inputs"]),
        ([A, B, ROW, ROW, ROW], ["3 raw_input_contents for 2 inputs"]),
        ([A, B], ['"a"', "[1,2]", "without elements"]),
        ([tensor("a", [1, 3]), B, raw(1, 2, 3), ROW],
         ["'a'", "'pair'", "Expected [-1,2]", "1 to 4", "got [1,3]"]),
        ([tensor("a", [2]), B, ROW, ROW], ["'a'", "Expected [-1,2]", "got [2]"]),
        ([tensor("a", []), B, raw(1), ROW], ["'a'", "Expected [-1,2]", "got []"]),
        ([tensor("a", [0, 2]), B, sized(7, b""), ROW], ['"a"', "at least one row", "[0,2]"]),
        ([tensor("a", [5, 2]), tensor("b", [5, 2]), raw(*range(10)), raw(*range(10))],
         ["'pair'", "must be <= 4", "[5,2]"]),
        ([tensor("a", [2, 2]), B, raw(1, 2, 3, 4), ROW],
         ["'b'", "same number of rows", "this one has 1", "another 2"]),
    ],
    ids=["negative", "the most negative", "elements overflow", "bytes overflow by 2",
         "bytes overflow", "zero among huge", "17 dims", "100000 dims", "8 TiB announced",
         "too few bytes", "too many bytes", "no bytes", "raw missing", "raw too many",
         "no elements", "other dim", "rank too low", "no dims", "no row", "too many rows",
         "rows differ"],
)  # fmt: skip
def test_shapes_and_bytes_that_do_not_fit_are_refused(
    peer: H2Peer, message: list[bytes], words: list[str]
) -> None:
    assert_refused(peer, request("pair", *message), INVALID_ARGUMENT, *words)


# -- tensors: names, datatypes, typed contents ----------------------------------------------------


def words(*elements: bytes, shape: int) -> bytes:
    """A request of strings whose lengths are as given, be they true or not."""
    return request("words", tensor("x", [shape], "BYTES"), sized(7, b"".join(elements)))


@pytest.mark.parametrize(
    ("message", "status", "told"),
    [
        (request("pair", A, tensor("c", [1, 2]), ROW, ROW), INVALID_ARGUMENT,
         ["'pair'", "unexpected inference input 'c'", '"a", "b"']),
        (request("pair", A, ROW), INVALID_ARGUMENT,
         ['Input "b"', "'pair'", "missing", '"a", "b"']),
        (request("pair"), INVALID_ARGUMENT, ['Input "a"', "missing"]),
        (request("pair", A, B, B, ROW, ROW, ROW), INVALID_ARGUMENT, ['"b"', "more than once"]),
        (request("pair", A, tensor("", [1, 2]), ROW, ROW), INVALID_ARGUMENT,
         ["inputs[1] has no name"]),
        (request("pair", tensor("a", [1, 2], "FP64"), B, sized(7, bytes(16)), ROW),
         INVALID_ARGUMENT, ["'a' data-type is 'FP64'", "model 'pair' expects 'FP32'"]),
        (request("pair", tensor("a", [1, 2], "FLOAT"), B, ROW, ROW), INVALID_ARGUMENT,
         ['"a"', 'unknown datatype "FLOAT"', "FP32"]),
        (request("pair", tensor("a", [1, 2], ""), B, ROW, ROW), INVALID_ARGUMENT,
         ['"a"', "no datatype"]),
        (request("pair", sized(5, sized(1, b"\xff\xfe")), ROW), INVALID_ARGUMENT, ["UTF-8"]),
        (request("pair", A, B, ROW, ROW, sized(6, sized(1, "q"))), INVALID_ARGUMENT,
         ["unexpected inference output 'q'", '"total", "gap"']),
        (request("pair", A, B, ROW, ROW, sized(6, sized(1, "gap")) * 2), INVALID_ARGUMENT,
         ['"gap"', "more than once"]),
        (request("pair", *(tensor(f"a{n}", [0]) for n in range(1025))), INVALID_ARGUMENT,
         ["at most 1024 inputs"]),
        (request("pair", sized(4, sized(1, "p") + sized(2, tag(1, VARINT) + b"\1")) * 4097),
         INVALID_ARGUMENT, ["at most 4096 parameters"]),
        (GOOD + sized(3, "i" * 65_537), INVALID_ARGUMENT, ["at most 65536", "got 65537"]),
        (request("pair", tensor("a", [1, 2], contents=sized(6, bytes(8))), B, ROW, ROW),
         INVALID_ARGUMENT, ['"a"', "typed contents", "raw_input_contents"]),
        (request("echo", tensor("x", [3], contents=sized(6, bytes(8)))), INVALID_ARGUMENT,
         ['"x"', "[3]", "needs 3 elements in fp32_contents", "got 2"]),
        (request("echo", tensor("x", [1], contents=sized(7, bytes(8)))), INVALID_ARGUMENT,
         ['"x"', "FP32", "fp32_contents", "found fp64_contents"]),
        (request("bytes", tensor("x", [1], "INT8", contents=sized(2, packed([300])))),
         INVALID_ARGUMENT, ['"x"', "is 300", "INT8"]),
        (request("bytes", tensor("x", [BIG], "INT8", contents=sized(2, packed([1])))),
         INVALID_ARGUMENT, ['"x"', f"needs {BIG} elements", "got 1"]),
        (words(b"\5\0\0\0a", shape=1), INVALID_ARGUMENT, ['"x"', "says 5 bytes", "1 are left"]),
        (words(b"\xff\xff\xff\xffa", shape=1), INVALID_ARGUMENT, ['"x"', "says 4294967295 bytes"]),
        (words(b"\1\0\0\0abc", shape=1), INVALID_ARGUMENT, ['"x"', "2 bytes after its last"]),
        (words(b"\1\0\0\0a", shape=BIG), INVALID_ARGUMENT, ['"x"', f"[{BIG}]", "BYTES"]),
        (GOOD.replace(b"pair", b"rose"), NOT_FOUND, ["unknown model: 'rose'"]),
        (request("r" * 1_000_000), NOT_FOUND, ["unknown model", "r" * 100, "..."]),
        (request(""), NOT_FOUND, ["unknown model: ''"]),
        (request("a\r\ngrpc-status: 0\0\x1b[2J\u202e"), NOT_FOUND, ["unknown model"]),
        (sized(1, b"\xff\xfe"), INVALID_ARGUMENT, ["model_name", "UTF-8"]),
        (GOOD + sized(2, "9"), NOT_FOUND, ["'pair' version 9", "version 1"]),
        (GOOD + sized(2, "9" * 30), INVALID_ARGUMENT, ["model version", "9" * 30]),
        (GOOD + sized(2, "-1"), NOT_FOUND, ["'pair' version -1", "version 1"]),
        (request("broken", A, ROW), 14, ['"broken"', "not ready", "it cannot be loaded"]),
        (request("words", tensor("x", [1], "BYTES"), sized(6, sized(1, "x_out") + sized(2, sized(1,
         "classification") + sized(2, tag(2, VARINT) + b"\1"))), sized(7, b"\0\0\0\0")),
         INVALID_ARGUMENT, ['"x_out"', "unsupported type 'BYTES'"]),
        (GOOD[:-10] + sized(6, sized(1, "gap") + sized(2, sized(1, "classification")
         + sized(2, sized(3, "2")))) + ROW, INVALID_ARGUMENT,
         ['"gap"', "invalid value type for 'classification'"]),
        (GOOD + sized(4, sized(1, "triton_\x1b") + sized(2, tag(1, VARINT) + b"\1")),
         INVALID_ARGUMENT, ["reserved", '"triton_\\x1b"']),
    ],
    ids=["name", "missing", "no inputs", "twice", "nameless", "datatype", "unknown datatype",
         "no datatype", "name not UTF-8", "output", "output twice", "1025 inputs",
         "4097 parameters", "long id", "typed and raw", "typed too few", "typed field",
         "typed range", "typed against 1 TiB", "string cut", "string of 4 GiB",
         "bytes behind strings",
         "too few strings", "model", "long model", "empty model", "model with control characters",
         "model not UTF-8", "version", "huge version", "negative version", "failed model",
         "classification of strings", "classification by text", "reserved parameter"],
)  # fmt: skip
def test_names_datatypes_and_elements_that_do_not_fit_are_refused(
    peer: H2Peer, message: bytes, status: int, told: list[str]
) -> None:
    assert_refused(peer, message, status, *told)


def test_what_a_peer_wrote_cannot_break_out_of_the_sentence(peer: H2Peer) -> None:
    """A field value holds no control characters; in the sentence they are escaped."""
    answer = answer_to(peer, request('a"\r\nx: y\0'))
    assert set(answer.trailers) == {":status", "content-type", "grpc-status", "grpc-message"}
    assert answer.trailers["grpc-message"].isprintable()
    assert not set(answer.why) & set("\r\n\0")


def test_other_methods_refuse_what_is_no_protobuf_too(peer: H2Peer) -> None:
    answer = peer.call(MODEL_READY, b"\xff" * 11)
    peer.wait_for(answer)
    assert answer.status == INVALID_ARGUMENT
    assert "not a well-formed request" in answer.why
    assert_serves(peer)
