# SPDX-License-Identifier: Apache-2.0
"""Whoever asks the gRPC port for "/" is told what it is, over HTTP/2 and over HTTP/1."""

from __future__ import annotations

import http.client
import shutil
import subprocess

import pytest
from tests.doubles.raw_peer import END_HEADERS, END_STREAM, HEADERS, RawPeer, block, frame
from tests.doubles.running import RunningServer
from tests.protocol.calls import until
from tests.protocol.illegal import assert_serves

from penstock import __version__

LINE = (
    f"Penstock {__version__}: a model inference server; "
    "this port speaks gRPC (the KServe V2 protocol) over HTTP/2.\n"
)
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on PATH")


def ask(peer: RawPeer, stream: int, method: str, path: str) -> tuple[dict[str, str], str]:
    head = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "test")]
    peer.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, block(head)))
    answer = peer.wait_for(stream)
    (fields,) = answer.sections
    return fields, answer.body.decode()


def test_a_get_of_the_root_says_what_this_is(server: RunningServer) -> None:
    with RawPeer(server.grpc) as peer:
        fields, body = ask(peer, 1, "GET", "/")
        assert body == LINE
        assert fields == {
            ":status": "200",
            "content-type": "text/plain; charset=utf-8",
            "content-length": str(len(LINE)),
        }
        assert ask(peer, 3, "HEAD", "/") == (fields, "")
        assert_serves(peer)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v2"), ("GET", "/?"), ("PUT", "/"), ("OPTIONS", "/")]
)
def test_other_questions_are_no_calls(server: RunningServer, method: str, path: str) -> None:
    with RawPeer(server.grpc) as peer:
        fields, body = ask(peer, 1, method, path)
        assert (fields[":status"], body) == ("405", "")
        assert_serves(peer)


def test_a_get_that_does_not_end_is_answered_and_reset(server: RunningServer) -> None:
    with RawPeer(server.grpc) as peer:
        head = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "test")]
        peer.send(frame(HEADERS, END_HEADERS, 1, block(head)))
        peer.read_until(lambda: 1 in peer.answers and peer.answers[1].reset_code == 0)
        assert peer.answers[1].body.decode() == LINE
        assert_serves(peer)


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/", 200, LINE),
        ("HEAD", "/", 200, ""),
        ("GET", "/v2/health/ready", 505, None),
        ("POST", "/", 505, None),
        ("OPTIONS", "*", 505, None),
    ],
)
def test_a_client_of_http_1_gets_one_whole_answer(
    server: RunningServer, method: str, path: str, status: int, body: str | None
) -> None:
    before = server.counted("penstock_connections_closed_total", reason="http1")
    connection = http.client.HTTPConnection(server.grpc, timeout=30)
    connection.request(method, path, body=b"a body" if method == "POST" else None)
    answer = connection.getresponse()
    text = answer.read().decode()
    assert (answer.status, answer.version, answer.will_close) == (status, 11, True)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert text == body if body is not None else "gRPC over HTTP/2" in text
    assert text.count("\n") == (1 if text else 0)
    connection.close()
    until(lambda: server.counted("penstock_connections_closed_total", reason="http1") == before + 1)


def raw_answer(server: RunningServer, *pieces: bytes) -> bytes:
    """All that the server says to these bytes before it closes."""
    with RawPeer(server.grpc, says_hello=False) as peer:
        for piece in pieces:
            peer.send(piece)
        return peer.read_to_end()


def test_a_request_line_may_come_in_any_pieces(server: RunningServer) -> None:
    line = b"GET / HTTP/1.0\r\n"
    whole = raw_answer(server, line)
    assert whole.endswith(LINE.encode())
    assert raw_answer(server, *(line[i : i + 1] for i in range(len(line)))) == whole
    assert raw_answer(server, line[:-2] + b"\n\n") == whole


def test_what_follows_a_request_line_is_thrown_away(server: RunningServer) -> None:
    answer = raw_answer(server, b"POST / HTTP/1.1\r\n", bytes(1 << 20))
    assert answer.startswith(b"HTTP/1.1 505 HTTP Version Not Supported\r\n")


def test_a_request_line_without_an_end_is_bounded(server: RunningServer) -> None:
    answer = raw_answer(server, b"GET /" + b"x" * 4000)
    assert answer.startswith(b"HTTP/1.1 505 HTTP Version Not Supported\r\n")


@needs_curl
@pytest.mark.parametrize("flag", ["--http1.0", "--http1.1", "--http2-prior-knowledge"])
def test_curl_is_told_what_this_is(server: RunningServer, flag: str) -> None:
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--fail", flag, f"http://{server.grpc}/"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, LINE, "")


@needs_curl
def test_curl_that_would_upgrade_is_told_what_this_is(server: RunningServer) -> None:
    """RFC 9113 has no upgrade any more; the answer says what to speak."""
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--http2", f"http://{server.grpc}/"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, LINE)
