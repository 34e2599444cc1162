# SPDX-License-Identifier: Apache-2.0
"""What the fuzzers of REST begin with, and programs as the fuzzers of ways read them."""

import gzip
import zlib
from collections.abc import Iterable


def program(*steps: Iterable[int]) -> bytes:
    return b"".join(bytes(step) for step in steps)


# What the control thread says in programs of the ways
C_HEADERS, C_MESSAGE, C_CONSUMED, C_FINISH = 0, 1, 3, 4
# TwoLanes of fuzz_rest_front.cc: methods, paths and bodies by their places there
R_HTTP1, R_HTTP2, R_SEND, R_PASS, R_EVENT, R_CONTROL = 0, 2, 3, 4, 5, 6
R_POST, R_GET, R_HEAD = 0, 1, 3
R_INFER, R_BATCHED, R_PREDICT, R_LIVE, R_METADATA, R_HOSTED = 0, 3, 4, 8, 10, 13
B_EMPTY, B_JSON, B_BINARY_OUTPUT, B_SHARED, B_INSTANCES, B_BINARY, B_LARGE = 0, 2, 3, 4, 5, 7, 9


def rest_front_seeds() -> dict[str, bytes]:
    def both(method: int, path: int, body: int, coding: int = 0) -> bytes:
        """Over HTTP/1.1 as it is and in chunks, and over HTTP/2."""
        request = (method, path, body, coding)
        one = program((R_HTTP1, *request, 0), (R_HTTP1, *request, 1), (R_SEND, 0, 90))
        return one + program((R_HTTP2, *request), (R_SEND, 255, 255), (R_PASS,))

    answer = program((R_CONTROL, C_HEADERS, 0, 1, 97, 0, 0), (R_CONTROL, C_MESSAGE, 0, 9))
    native = [(R_POST, R_INFER, body) for body in range(B_LARGE)]
    native += [(R_POST, R_PREDICT, B_INSTANCES), (R_GET, R_LIVE, B_EMPTY)]
    native += [(R_HEAD, R_METADATA, B_EMPTY)]
    wild = program((2, R_POST, R_INFER, B_JSON, 0, 0), (3,), (4,), (0, 0), (0, 8), (3,), (4,))
    return {
        "honest_native": b"\1\0\0" + b"".join(both(*one) for one in native),
        "honest_coded": b"\1\0\0"
        + b"".join(both(R_POST, R_INFER, B_JSON, coding) for coding in (1, 2, 3, 17)),
        "honest_batched": b"\1\0\1" + both(R_POST, R_BATCHED, B_JSON) * 3,
        "honest_hosted": b"\1\0\0" + (both(R_GET, R_HOSTED, B_EMPTY) + answer) * 3,
        "honest_too_large": b"\1\0\0"
        + program((R_HTTP1, R_POST, R_INFER, B_LARGE, 255, 0, 0), (R_SEND, 255, 255), (R_PASS,))
        + both(R_POST, R_INFER, B_BINARY),
        "hosted_header_that_http_cannot_carry": b"\1\0\0"
        + program((R_HTTP2, R_GET, R_HOSTED, B_EMPTY, 0), (R_PASS,))
        + program((R_CONTROL, C_HEADERS, 0, *b"\0\r\n:\xff", 0, 0), (R_CONTROL, C_MESSAGE, 0, 9)),
        "wild": b"\0\0\1" + wild + program((6, 0)) + wild,
        "wild_hosted": b"\0\0\0"
        + program((2, R_GET, R_HOSTED, B_EMPTY, 0, 0), (3,))
        + program((7, C_HEADERS, 0, 1, 97, 0, 0), (6, 0), (7, C_MESSAGE, 0, 9), (4,)),
    }


def json_seeds() -> dict[str, bytes]:
    """The first byte says V2, V1, raw or V2 in place; the second depends on that."""

    def v2(text: str, binary: bytes = b"") -> bytes:
        return bytes([0, len(binary)]) + text.encode() + binary

    def one(datatype: str, data: str, count: int) -> bytes:
        tensor = f'{{"name":"x","datatype":"{datatype}","shape":[{count}],"data":{data}}}'
        return v2(f'{{"inputs":[{tensor}]}}')

    wide, several = 0x0B, 0x80  # one FP32 input; a BOOL and a BYTES input
    return {
        "v2_bool": one("BOOL", "[true,false,1,0]", 4),
        "v2_int8": one("INT8", "[-128,[127]]", 2),
        "v2_uint64": one("UINT64", "[18446744073709551615]", 1),
        "v2_int64": one("INT64", "[-9223372036854775808]", 1),
        "v2_fp16": one("FP16", "[65504.0,5.9604645e-08]", 2),
        "v2_bf16": one("BF16", "[1e39]", 1),
        "v2_fp32": one("FP32", "[[0.1,-0.0],[NaN,-Infinity]]", 4),
        "v2_fp64": one("FP64", "[1.7976931348623157e308,5e-324]", 2),
        "v2_strings": one("BYTES", '["a","\\u00e9\\ud83d\\ude00\\n","\u00e9"]', 3),
        "v2_late": v2(
            '{"outputs":[{"parameters":{"binary_data":true},"name":"y"}],"x":{"a":[null]},'
            '"parameters":{"timeout":1,"f":1.5,"s":"t"},"inputs":[{"data":[1,2],'
            '"parameters":{"p":1},"n\\u0061me":"x","shape":[2],"datatype":"UINT8"}],"id":"i"}'
        ),
        "v2_binary": v2(
            '{"inputs":[{"name":"x","datatype":"INT16","shape":[1],"parameters":'
            '{"binary_data_size":2}},{"name":"y","datatype":"BYTES","shape":[1],"parameters":'
            '{"binary_data_size":5}}]}',
            b"ab\x01\0\0\0c",
        ),
        "v2_shared": v2(
            '{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"parameters":'
            '{"shared_memory_region":"r","shared_memory_byte_size":4}}]}'
        ),
        "v2_deep": v2("{" + '"a":' + "[" * 70 + "]" * 70 + "}"),
        "v2_unbalanced": v2('{"inputs":[}'),
        "v2_unpaired_surrogate": v2('{"id":"\\udc00","inputs":[]}'),
        "v1_rows": bytes([1, wide]) + b'{"instances":[[1,2],[3,NaN]]}',
        "v1_columns": bytes([1, wide]) + b'{"inputs":{"x":[[1],[2]]}}',
        "v1_several": bytes([1, several])
        + b'{"instances":[{"x":[true],"y":"a"},{"y":{"b64":"/wA="},"x":[0]}]}',
        "v1_ragged": bytes([1, wide]) + b'{"instances":[[[]],[1]]}',
        "raw": bytes([2, wide]) + bytes(16),
        "raw_string": bytes([2, 13]) + b"jpeg",
        "in_place": b"\x03" + b"}" * 64 + one("FP32", "[1,[2.5]]", 2)[2:],
        "in_place_unbalanced": b"\x03" + b"}" * 64 + b'{"inputs":[{"name":"x"}',
    }


def route_seeds() -> dict[str, bytes]:
    """The first byte says route, head, gzip or deflate."""
    bare = zlib.compressobj(wbits=-15)
    return {
        "infer": b"\0POST\n/v2/models/a%20b/versions/1/infer?q=1",
        "metadata": b"\0HEAD\n/v2/models/m",
        "predict": b"\0POST\n/v1/models/m:predict",
        "wrong_method": b"\0PUT\n/v2",
        "percent": b"\0GET\n/v2/models/%2e%2e%2f%zz/ready",
        "head": b"\x01:method\nPOST\n:path\n/v2\ncontent-length\n12\n"
        b"inference-header-content-length\n7\naccept-encoding\ngzip;q=0.5, *;q=0\n"
        b"content-encoding\nx-gzip",
        "gzip": b"\x02" + gzip.compress(b"body" * 50, mtime=0),
        "gzip_members": b"\x02" + gzip.compress(b"a", mtime=0) + gzip.compress(b"b", mtime=0),
        "gzip_bomb": b"\x02" + gzip.compress(bytes(1 << 20), mtime=0),
        "deflate": b"\x03" + zlib.compress(b"body" * 50),
        "deflate_bare": b"\x03" + bare.compress(b"body" * 50) + bare.flush(),
    }


def http1_seeds() -> dict[str, bytes]:
    """Streams to be cut, and programs of pieces (h1_pieces.h) and verbs, as fuzz_http1.cc reads."""

    def stream(*lines: str, body: bytes = b"") -> bytes:
        return b"\0\0\x07\x01" + "\r\n".join([*lines, "", ""]).encode() + body

    def post(*more: str, body: bytes = b"") -> bytes:
        return stream("POST / HTTP/1.1", "Host: h", *more, body=body)

    chunked = "Transfer-Encoding: chunked"

    def piece(which: int) -> tuple[int, int, int]:
        return 0, which, 255

    begin, give, end, take, reset = (1, 9, 0, 0), (1, 12, 0, 1, 0), (1, 9, 0), (1, 0), (1, 8, 0, 0)
    return {
        "get": stream("GET /v2/health/live HTTP/1.1", "Host: h", "User-Agent: a"),
        "body": post("Content-Length: 5", body=b"helloGET / HTTP/1.0\r\n\r\n"),
        "chunks": post(chunked, body=b"3;a=b\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"),
        "expectation": post("Content-Length: 5", "Expect: 100-continue"),
        "two_lengths": post("Content-Length: 5", "Content-Length: 6", body=b"hello"),
        "length_and_coding": post("Content-Length: 5", chunked, body=b"0\r\n\r\n"),
        "unknown_coding": post("Transfer-Encoding: gzip", "Content-Length: 1", body=b"x"),
        "folded_field": post("X: 1", " folded: 2"),
        "bare_lf_in_an_extension": post(chunked, body=b"1;a\nb\r\nx\r\n0\r\n\r\n"),
        "chunk_without_its_crlf": post(chunked, body=b"1\r\nxx\r\n0\r\n\r\n"),
        "length_in_a_trailer": post(chunked, body=b"0\r\nContent-Length: 5\r\n\r\n"),
        "answered": b"\1" + program(piece(0), begin, give, end, take, piece(1), begin, end, take),
        "answered_in_another_order": b"\1"
        + program(piece(0), piece(2), piece(3), (1, 9, 2, 0), (1, 9, 1, 0), begin, end, take),
        "more_requests_than_may_wait": b"\1" + program(*[piece(0)] * 8, *[begin, end, take] * 8),
        "reset": b"\1" + program(piece(0), piece(0), begin, give, take, reset, take),
        "retired": b"\1" + program(piece(0), (1, 5, 1), begin, end, take),
        "goaway_within_a_head": b"\1" + program(piece(8), (1, 5, 0), take),
        "half_closed": b"\1" + program(piece(0), (1, 5, 2), take, begin, end, take),
        "refusal_is_not_unsent_for_ever": b"\1" + program((0, 34, 2, 10, 10, 255), take),
    }
