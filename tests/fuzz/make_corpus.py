# SPDX-License-Identifier: Apache-2.0
"""Writes tests/fuzz/corpus/: what each fuzzer begins with.

    python -m tests.fuzz.make_corpus [--check]

Conversations are python-hyper's, messages protobuf's own library's; programs for the frame grammar
and the verbs are spelled in the bytes that the fuzzers read them from. Inputs that found a bug are
named after the danger. With --check nothing is written, and a difference is an error.
"""

import gzip
import sys
import zlib
from pathlib import Path

import h2.config
import h2.connection
from google.protobuf.message import Message
from h2.settings import SettingCodes
from hyperframe.frame import ContinuationFrame, Frame, HeadersFrame, PriorityFrame
from tests.fuzz.artifact_seeds import artifact_seeds
from tests.fuzz.drift_seeds import drift_seeds
from tests.fuzz.rest_seeds import (
    C_CONSUMED,
    C_FINISH,
    C_HEADERS,
    C_MESSAGE,
    http1_seeds,
    json_seeds,
    program,
    rest_front_seeds,
    route_seeds,
)
from tests.fuzz.traffic_seeds import arms_seeds, forced_arm_seeds, judge_seeds

from penstock_client._proto import health_pb2, inference_pb2

CORPUS = Path(__file__).resolve().parent / "corpus"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
INFER = "/inference.GRPCInferenceService/ModelInfer"
GZIP, DEFLATE = 2, 1

Corpus = dict[str, dict[str, bytes]]


# --- messages -------------------------------------------------------------------------------------


def framed(message: bytes, flag: int = 0) -> bytes:
    return bytes([flag]) + len(message).to_bytes(4, "big") + message


def encoded(message: Message) -> bytes:
    return message.SerializeToString(deterministic=True)


def infer_request(raw: bool = True) -> inference_pb2.ModelInferRequest:
    """A request for the model "m" of fuzz_front.cc."""
    request = inference_pb2.ModelInferRequest(model_name="m", model_version="1", id="an id")
    request.parameters["sequence"].int64_param = 7
    request.parameters["name"].string_param = "value"
    tensor = request.inputs.add(name="x", datatype="FP32", shape=[1, 4])
    tensor.parameters["p"].bool_param = True
    request.outputs.add(name="y")
    if raw:
        request.raw_input_contents.append(bytes(16))
    else:
        tensor.contents.fp32_contents.extend([0.5, -1.0, 2.0, 3e38])
    return request


def typed_request(datatype: str, field: str, values: list[object]) -> bytes:
    """One input with typed contents."""
    request = inference_pb2.ModelInferRequest(model_name="m")
    tensor = request.inputs.add(name="x", datatype=datatype, shape=[len(values)])
    getattr(tensor.contents, field).extend(values)
    return encoded(request)


def messages() -> dict[str, bytes]:
    """Messages of the service, by name."""
    strings = inference_pb2.ModelInferRequest(model_name="m")
    strings.inputs.add(name="s", datatype="BYTES", shape=[2])
    strings.raw_input_contents.append(b"\x03\0\0\0abc\0\0\0\0")
    shared = infer_request()
    tensor = shared.inputs.add(name="z", datatype="FP32", shape=[1, 4])
    for place in (tensor.parameters, shared.outputs[0].parameters):
        place["shared_memory_region"].string_param = "r"
        place["shared_memory_byte_size"].int64_param = 16
        place["shared_memory_offset"].int64_param = 8
    made = {
        "raw": encoded(infer_request()),
        "shared": encoded(shared),
        "typed": encoded(infer_request(raw=False)),
        "raw_strings": encoded(strings),
        "model_query": encoded(inference_pb2.ModelReadyRequest(name="m", version="1")),
        "health": encoded(health_pb2.HealthCheckRequest(service="m/1")),
        "empty": b"",
    }
    typed: list[tuple[str, str, list[object]]] = [
        ("BOOL", "bool_contents", [True, False]),
        ("INT8", "int_contents", [-128, 127]),
        ("INT16", "int_contents", [-5]),
        ("INT64", "int64_contents", [-(2**63), 2**63 - 1]),
        ("UINT8", "uint_contents", [255]),
        ("UINT64", "uint64_contents", [2**64 - 1]),
        ("FP16", "fp32_contents", [65504.0, 1e-8]),
        ("BF16", "fp32_contents", [1.0]),
        ("FP64", "fp64_contents", [1e300]),
        ("BYTES", "bytes_contents", [b"abc", b""]),
    ]
    for datatype, field, values in typed:
        made[f"typed_{datatype.lower()}"] = typed_request(datatype, field, values)
    return made


# --- conversations --------------------------------------------------------------------------------


def fields(path: str, *more: tuple[str, str]) -> list[tuple[str, str]]:
    return [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        *more,
    ]


def client() -> h2.connection.H2Connection:
    """A client that has said its preface and settings."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    connection.initiate_connection()
    return connection


def unary(connection: h2.connection.H2Connection, *more: tuple[str, str]) -> int:
    number: int = connection.get_next_available_stream_id()
    connection.send_headers(number, fields(INFER, *more))
    connection.send_data(number, framed(encoded(infer_request())), end_stream=True)
    return number


def conversations() -> dict[str, bytes]:
    """What clients send, without the preface."""
    calls = client()
    for index in range(3):
        unary(calls, ("grpc-timeout", "1S"), ("x-number", str(index)))
    padded = client()
    padded.send_headers(1, fields(INFER), priority_weight=16, priority_depends_on=0)
    padded.send_data(1, framed(b"message"), pad_length=9)
    padded.send_headers(1, [("x-trailer", "t")], end_stream=True)
    control = client()
    control.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 1000})
    control.send_headers(1, fields("/a.B/C", ("x-bin", "AAEC"), ("cookie", "a=b")))
    control.ping(b"12345678")
    control.increment_flow_control_window(70000)
    control.increment_flow_control_window(10, 1)
    control.reset_stream(1, 8)
    unary(control)
    control.close_connection(0, b"bye")
    made = {"calls": calls, "padded": padded, "control": control}
    return {
        **{name: one.data_to_send().removeprefix(PREFACE) for name, one in made.items()},
        "continued": continued(),
    }


def continued() -> bytes:
    """A header section in many frames, and a priority in between streams."""
    connection = client()
    block: bytes = connection.encoder.encode(fields(INFER, ("x-long", "v" * 600)))
    parts = [block[at : at + 200] for at in range(0, len(block), 200)]
    frames: list[Frame] = [PriorityFrame(9, stream_weight=3)]
    frames.append(HeadersFrame(1, parts[0]))
    frames += [ContinuationFrame(1, part) for part in parts[1:]]
    frames[-1].flags.add("END_HEADERS")
    settings: bytes = connection.data_to_send().removeprefix(PREFACE)
    return settings + b"".join(frame.serialize() for frame in frames)


# --- programs -------------------------------------------------------------------------------------

# FrameWriter::next() of h2_frames.h
HEADERS, DATA, SETTINGS, WINDOW, PING, RESET, GOAWAY, PRIORITY, TRAILERS, ACK = (
    *(0, 3, 6, 7, 8, 9, 10),
    *(11, 12, 13),
)
REQUEST = bytes([HEADERS, 4, 1, 4, 2, *b"ab", 0])  # a head with x-a: ab
BODY = bytes([DATA, 0, 0, 5, *b"\0\0\0\0\0"])
LAST_BODY = bytes([DATA, 1, 0, 5, *b"\0\0\0\0\0"])
BIG_BODY = bytes([DATA, 4, 0, 255])
NEW_WINDOW = bytes([SETTINGS, 1, 4, 0, 0, 0, 2, 0])
OPEN_WINDOW = bytes([WINDOW, 1, 0, 0, 1, 0, 0])
# Owner::speak() of fuzz_session.cc, behind the byte that says that a verb follows
VERB = 128
TAKE, REOPEN, SHUTDOWN, DEAD, REOPEN_STREAM, DROP, RESET_STREAM, END, HEAD, BYTES = (
    *(0, 1, 3, 4, 5),
    *(6, 7, 8, 10, 11),
)


def verbs(*steps: tuple[int, ...] | bytes) -> bytes:
    """A program: frames as bytes, verbs as tuples."""
    spelled = [
        bytes([0]) + step if isinstance(step, bytes) else bytes([VERB, *step]) for step in steps
    ]
    return b"\1" + b"".join(spelled)


def session_seeds() -> dict[str, bytes]:
    raw = {f"raw_{name}": b"\0\x12\x34\1" + said for name, said in conversations().items()}
    grammar = REQUEST + BODY + BIG_BODY + LAST_BODY + NEW_WINDOW + OPEN_WINDOW
    grammar += bytes([PING, 0, *b"12345678", ACK, PRIORITY, 0, 1, TRAILERS, 0, 1, 4, 1, 97, 0])
    # Padded, with a priority, cut into CONTINUATIONs
    grammar += bytes([HEADERS, 4, 1, 4, 3, *b"abc", 31, 7, 1, 20])
    answer = (REQUEST, LAST_BODY, (HEAD, 0), (BYTES, 0, 1, 0), (TAKE,), (END, 0), (TAKE,))
    return {
        **raw,
        "grammar": b"\0\x12\x34\0" + grammar,
        "answer": verbs(*answer),
        "answers_on_many_streams": verbs(*[REQUEST] * 4, *answer, *answer),
        "answer_behind_a_closed_window": verbs(
            NEW_WINDOW, REQUEST, (HEAD, 0), (BYTES, 0, 64, 0), (TAKE,), (END, 0), (TAKE,),
            bytes([WINDOW, 0, 0, 0, 0, 1, 0, 0]), OPEN_WINDOW, (TAKE,)
        ),
        "answer_dropped_before_its_end": verbs(
            REQUEST, (HEAD, 0), (BYTES, 0, 64, 0), (DROP, 0), (END, 0), (TAKE,)
        ),
        "reset_by_both": verbs(
            REQUEST, (HEAD, 0), (BYTES, 0, 1, 0), (RESET_STREAM, 0, 8),
            bytes([RESET, 0, 1]), (TAKE,)
        ),
        "words_to_the_dead": verbs(REQUEST, bytes([RESET, 0, 1]), (DEAD, 1), (DEAD, 99), (TAKE,)),
        "windows": verbs(REQUEST, BIG_BODY, (REOPEN, 1, 0), (REOPEN_STREAM, 0, 1, 0), BIG_BODY),
        "shutdown": verbs(REQUEST, (SHUTDOWN, 1), (TAKE,), (SHUTDOWN, 0), (TAKE,), REQUEST),
        "stream_of_a_malformed_head_closes": bytes.fromhex("0b26260b"),
        "frames_behind_a_goaway": b"\0\1\1\0"
        + bytes([GOAWAY, 1, *b"12345678"]) * 2
        + bytes([PING, 0, *b"12345678"]),
    }  # fmt: skip


# Rig of front_rig.h, as fuzz_front.cc has it: what a wild peer does, and an honest one
W_REQUEST, W_DATA, W_FRAME, W_WRITE, W_EVENT, W_RECONNECT, W_CONTROL = 0, 3, 6, 7, 8, 9, 10
H_CALL, H_BODY, H_RESET, H_PASS, H_EVENT, H_CONTROL = 0, 2, 3, 4, 5, 6
PATH_INFER, PATH_METADATA, PATH_READY, PATH_CHECK, PATH_WATCH, PATH_LIST = 0, 2, 3, 5, 6, 7
PATH_HOSTED, PATH_UNKNOWN = 8, 11
M_INFER, M_INFER_ID, M_NAMED, M_LARGE, M_EMPTY, M_BYTES, M_SHARED = 0, 1, 2, 3, 4, 5, 6


def front_seeds() -> dict[str, bytes]:
    def wild(path: int, *message: int, flags: int = 0) -> bytes:
        return program((W_REQUEST, path, flags), (W_DATA, 1, 0, *message), (W_WRITE,))

    def honest(path: int, *message: int, is_last: bool = True) -> bytes:
        return program((H_CALL, path, 8 if is_last else 0, 0, *message), (H_PASS,))

    native: list[tuple[int, ...]] = [
        (PATH_INFER, M_INFER_ID),
        (PATH_METADATA, M_NAMED, 1, 109),
        (PATH_READY, M_EMPTY),
    ]
    native += [(PATH_CHECK, M_EMPTY), (PATH_WATCH, M_EMPTY), (PATH_LIST, M_EMPTY)]
    native += [(PATH_UNKNOWN, M_EMPTY)]
    answer = ((C_HEADERS, 0, 1, 97, 2), (C_MESSAGE, 0, 100), (C_CONSUMED, 0), (C_FINISH, 0, 0))
    wild_answer = program(*((W_CONTROL, *one) for one in answer), (W_WRITE,))
    honest_answer = program(*((H_CONTROL, *one) for one in answer), (H_PASS,))
    large = program((W_DATA, 0, 0, M_LARGE, 255, 255))
    # [1,4] from byte 8 on, given back from byte 32 on: of the region as it was registered, and
    # when its object has become shorter.
    shared = (M_SHARED, 4, 8, 16, 1, 32, 16)
    return {
        "wild_shared": b"\0\0"
        + wild(PATH_INFER, *shared)
        + program((W_EVENT, 7, 20), (W_WRITE,))
        + wild(PATH_INFER, *shared),
        "honest_shared": b"\1\0\0\0\0"
        + honest(PATH_INFER, *shared)
        + program((H_EVENT, 7, 40))
        + honest(PATH_INFER, *shared),
        "wild_native": b"\0\0" + b"".join(wild(*call) for call in native),
        "wild_hosted": b"\0\0" + wild(PATH_HOSTED, M_BYTES, 3, 97, 98, 99) + wild_answer,
        "wild_hosted_unread": b"\0\2"
        + program((W_REQUEST, PATH_HOSTED, 0))
        + program((W_DATA, 0, 0, M_EMPTY)) * 20
        + wild_answer
        + large
        + program((W_CONTROL, C_CONSUMED, 0), (W_WRITE,)),
        "wild_deadlines": b"\0\0"
        + wild(PATH_HOSTED, M_EMPTY, flags=129)
        + wild(PATH_INFER, M_INFER, flags=1)
        + program((W_EVENT, 0), (W_WRITE,), (W_RECONNECT,), (W_EVENT, 6), (W_EVENT, 1), (W_WRITE,)),
        "wild_frames": b"\0\0"
        + program((W_REQUEST, PATH_HOSTED, 0), (W_FRAME, RESET, 0, 8), (W_WRITE,))
        + program((W_FRAME,), REQUEST, (W_FRAME,), BIG_BODY, (W_FRAME,), NEW_WINDOW, (W_WRITE,)),
        "honest_native": b"\1\1\0\0\0" + b"".join(honest(*call) for call in native),
        "honest_hosted": b"\1\0\3\3\1" + honest(PATH_HOSTED, M_BYTES, 2, 97, 98) + honest_answer,
        "honest_stream": b"\1\0\0\0\0"
        + honest(PATH_HOSTED, M_BYTES, 2, 97, 98, is_last=False)
        + program((H_BODY, 0, 0, 0, M_LARGE, 255, 255), (H_PASS,)) * 3
        + program((H_CONTROL, C_MESSAGE, 0, 254), (H_PASS,)) * 3
        + program((H_RESET,), (H_PASS,), (H_EVENT, 6), (H_PASS,)),
    }


# --- the rest -------------------------------------------------------------------------------------


def framing_seeds() -> dict[str, bytes]:
    message = encoded(infer_request())
    text = b"compress me, compress me, compress me"
    unary, stream = 1, 0
    seeds = {
        "unary": bytes([unary, 1, 2]) + framed(message),
        "stream": bytes([stream, 1, 2]) + framed(message) + framed(b"") + framed(b"x" * 300),
        "cut_short": bytes([unary, 1, 2]) + framed(message)[:20],
        "too_long": bytes([unary, 1, 2]) + b"\0\xff\xff\xff\xff" + message,
        "bad_flag": bytes([unary, 1, 2]) + framed(message, 2),
        "flag_without_encoding": bytes([unary, 1, 2]) + framed(message, 1),
    }
    for name, encoding, packed in (
        ("gzip", GZIP, gzip.compress(text, mtime=0)),
        ("deflate", DEFLATE, zlib.compress(text)),
        ("gzip_bomb", GZIP, gzip.compress(bytes(1 << 20), mtime=0)),
        ("deflate_bomb", DEFLATE, zlib.compress(bytes(1 << 20))),
        ("gzip_of_nothing", GZIP, gzip.compress(b"", mtime=0)),
    ):
        seeds[name] = bytes([stream | encoding << 1, 1, 2]) + framed(packed, 1) + framed(text)
    return seeds


def request_head_seeds() -> dict[str, bytes]:
    def head(*more: tuple[str, str]) -> bytes:
        lines = [text for field in fields(INFER, *more) for text in field]
        return b"\0" + "\n".join(lines).encode()

    return {
        "head": head(("grpc-timeout", "100m"), ("grpc-encoding", "gzip"), ("user-agent", "a")),
        "head_with_metadata": head(
            ("x-bin", "AAEC, //4"), ("grpc-trace-bin", "AA=="), ("grpc-accept-encoding", "gzip,br")
        ),
        "head_of_a_browser": b"\0:method\nGET\n:path\n/\ncontent-type\ntext/html",
        "timeout": b"\x0199999999H",
        "timeout_of_nothing": b"\x010n",
        "binary": b"\x02" + bytes(range(256)),
        "binary_text": b"\x02AAEC,  //4=,AA==",
        "message": b"\x03\xff 100% caf\xc3\xa9 \xf0\x9f\x98\x80 ",
        "message_cut_between_characters": b"\x03\x01" + "\u00e9".encode() * 200,
        "message_that_is_not_utf8": b"\x03\x40\xff\xfe\x80%zz%4",
    }


def make() -> Corpus:
    """Every input, by fuzzer and name."""
    return {
        "session": session_seeds(),
        "framing": framing_seeds(),
        "infer_decode": messages(),
        "request_head": request_head_seeds(),
        "front": front_seeds(),
        "json": json_seeds(),
        "rest_front": rest_front_seeds(),
        "route": route_seeds(),
        "http1": http1_seeds(),
        "artifact": artifact_seeds(),
        "forced_arm": forced_arm_seeds(),
        "arms": arms_seeds(),
        "judge": judge_seeds(),
        "drift": drift_seeds(),
    }


def written() -> Corpus:
    """What lies in the corpus now."""
    return {
        folder.name: {path.name: path.read_bytes() for path in folder.iterdir()}
        for folder in CORPUS.iterdir()
    }


def main() -> int:
    corpus = make()
    if "--check" in sys.argv[1:]:
        return 0 if corpus == written() else 1
    for target, seeds in corpus.items():
        (CORPUS / target).mkdir(parents=True, exist_ok=True)
        for name, content in seeds.items():
            (CORPUS / target / name).write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
