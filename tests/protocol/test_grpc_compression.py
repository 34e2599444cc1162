# SPDX-License-Identifier: Apache-2.0
"""Message compression, both ways: grpc-encoding and grpc-accept-encoding."""

import gzip
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.doubles.h2_peer import H2Peer, Stream, framed
from tests.doubles.running import RunningServer
from tests.protocol.calls import INFER, LIVE, echo_request, is_live, numbers
from tests.protocol.conftest import BOUNDED_MESSAGE_BYTES

RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL = 8, 12, 13
X = np.arange(500)
COMPRESS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress}
DECOMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
}


def sent(
    peer: H2Peer, message: bytes, fields: dict[str, str], *, flag: int = 1, path: str = INFER
) -> Stream:
    stream = peer.open(path, fields.items())
    peer.send(stream, framed(message, flag), is_last=True)
    peer.wait_for(stream)
    return stream


@pytest.mark.parametrize("encoding", COMPRESS)
def test_a_compressed_request_is_answered_and_told_what_is_accepted(
    peer: H2Peer, encoding: str
) -> None:
    answer = sent(peer, COMPRESS[encoding](echo_request(X)), {"grpc-encoding": encoding})
    assert numbers(answer.message) == X.tolist()
    assert answer.headers["grpc-accept-encoding"] == "identity,deflate,gzip"
    assert "grpc-encoding" not in answer.headers


@pytest.mark.parametrize("encoding", [*COMPRESS, "identity"])
def test_an_encoding_may_be_named_and_not_used(peer: H2Peer, encoding: str) -> None:
    answer = sent(peer, echo_request(X), {"grpc-encoding": encoding}, flag=0)
    assert numbers(answer.message) == X.tolist()


@pytest.mark.parametrize("encoding", COMPRESS)
def test_an_empty_message_may_be_compressed(peer: H2Peer, encoding: str) -> None:
    answer = sent(peer, COMPRESS[encoding](b""), {"grpc-encoding": encoding}, path=LIVE)
    assert is_live(answer.message)


@pytest.mark.parametrize("encoding", ["snappy", "br", "", "GZIP", "gzip,deflate"])
def test_an_unknown_encoding_is_unimplemented_and_the_known_ones_are_named(
    peer: H2Peer, encoding: str
) -> None:
    answer = sent(peer, b"?", {"grpc-encoding": encoding})
    assert answer.shape == ["headers"]
    assert (answer.headers[":status"], answer.status) == ("200", UNIMPLEMENTED)
    assert answer.headers["grpc-accept-encoding"] == "identity,deflate,gzip"
    assert f'"{encoding}"' in answer.why


@pytest.mark.parametrize("encoding", COMPRESS)
def test_broken_compression_is_internal(peer: H2Peer, encoding: str) -> None:
    good = COMPRESS[encoding](echo_request(X))
    turned = bytes([*good[:40], good[40] ^ 0xFF, *good[41:]])
    other = COMPRESS[{"gzip": "deflate", "deflate": "gzip"}[encoding]](echo_request(X))
    for broken in (b"", b"\0", good[:-1], good + b"\0", turned, other, b"not compressed at all"):
        answer = sent(peer, broken, {"grpc-encoding": encoding})
        assert answer.status == INTERNAL, broken
        assert encoding in answer.why


def peak_memory_kib(server: RunningServer) -> int:
    text = Path(f"/proc/{server.process.pid}/status").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1])


@pytest.mark.parametrize("encoding", COMPRESS)
def test_a_message_that_grows_past_the_limit_is_refused_before_it_has_grown(
    bounded: RunningServer, bounded_peer: H2Peer, encoding: str
) -> None:
    bomb = COMPRESS[encoding](bytes(64 << 20))
    assert len(bomb) < BOUNDED_MESSAGE_BYTES
    sent(bounded_peer, COMPRESS[encoding](echo_request(X)), {"grpc-encoding": encoding})
    before = peak_memory_kib(bounded)
    answer = sent(bounded_peer, bomb, {"grpc-encoding": encoding})
    assert answer.status == RESOURCE_EXHAUSTED
    assert str(BOUNDED_MESSAGE_BYTES) in answer.why
    assert peak_memory_kib(bounded) - before < 8 << 10


def test_a_gzip_trailer_that_understates_is_no_way_past_the_limit(
    bounded: RunningServer, bounded_peer: H2Peer
) -> None:
    bomb = gzip.compress(bytes(64 << 20))[:-4] + (1000).to_bytes(4, "little")
    before = peak_memory_kib(bounded)
    answer = sent(bounded_peer, bomb, {"grpc-encoding": "gzip"})
    assert answer.status == INTERNAL
    assert peak_memory_kib(bounded) - before < 8 << 10


def test_answers_are_plain_unless_the_server_is_told_to_compress(peer: H2Peer) -> None:
    answer = sent(peer, echo_request(X), {"grpc-accept-encoding": "gzip"}, flag=0)
    assert "grpc-encoding" not in answer.headers
    assert numbers(answer.message) == X.tolist()


@pytest.mark.parametrize(
    ("accepted", "used"),
    [("gzip", "gzip"), ("deflate", "deflate"), ("identity, gzip,br", "gzip"),
     ("deflate,gzip", "gzip")],
)  # fmt: skip
def test_a_server_told_to_compress_uses_what_the_client_accepts(
    bounded_peer: H2Peer, accepted: str, used: str
) -> None:
    answer = sent(bounded_peer, echo_request(X), {"grpc-accept-encoding": accepted}, flag=0)
    assert answer.headers["grpc-encoding"] == used
    compressed = bytes(answer.body[5:])
    assert answer.body[:5] == framed(compressed, flag=1)[:5]
    assert len(compressed) < X.size * 4
    assert numbers(DECOMPRESS[used](compressed)) == X.tolist()


@pytest.mark.parametrize("accepted", ["identity", "br,snappy", ""])
def test_a_client_that_accepts_none_of_them_gets_it_plain(
    bounded_peer: H2Peer, accepted: str
) -> None:
    answer = sent(bounded_peer, echo_request(X), {"grpc-accept-encoding": accepted}, flag=0)
    assert "grpc-encoding" not in answer.headers
    assert numbers(answer.message) == X.tolist()


def test_what_does_not_shrink_is_sent_as_it_is(bounded_peer: H2Peer) -> None:
    noise = np.random.default_rng(0).bytes(4000)
    x = np.nan_to_num(np.frombuffer(noise, np.float32))
    answer = sent(bounded_peer, echo_request(x), {"grpc-accept-encoding": "gzip"}, flag=0)
    assert "grpc-encoding" not in answer.headers
    assert numbers(answer.message) == x.tolist()


def test_errors_and_small_answers_need_no_encoding(bounded_peer: H2Peer) -> None:
    small = sent(bounded_peer, b"", {"grpc-accept-encoding": "gzip"}, flag=0, path=LIVE)
    assert is_live(small.message)
    error = sent(bounded_peer, b"\xff", {"grpc-accept-encoding": "gzip"}, flag=0)
    assert error.shape == ["headers"]
    assert "grpc-encoding" not in error.headers
