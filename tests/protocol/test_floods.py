# SPDX-License-Identifier: Apache-2.0
"""Peers that make work without end are told to calm down; honest ones, however busy, are served.

The server that is flooded has one io thread, so the floods and those who must not suffer from them
share it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from tests.doubles.gate import Gate
from tests.doubles.h2_peer import H2Peer, framed
from tests.doubles.raw_peer import (
    CANCEL,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    HEADERS,
    PADDED,
    PING,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    RawPeer,
    block,
    frame,
    grpc_head,
)
from tests.doubles.running import RunningServer
from tests.protocol.calls import (
    INFER,
    LIVE,
    add_echo,
    add_gated,
    canceled,
    echo_request,
    is_live,
    numbers,
    pending,
    row,
    until,
)

HEAD = block(grpc_head(INFER))
OPEN = frame(HEADERS, END_HEADERS, 1, HEAD)
CANCELS = CANCEL.to_bytes(4, "big")
ODD = range(3, 1 << 30, 2)


@pytest.fixture(scope="module")
def flooded(tmp_path_factory: pytest.TempPathFactory, gate: Gate) -> Iterator[RunningServer]:
    repository = tmp_path_factory.mktemp("models")
    add_echo(repository)
    add_gated(repository, gate)
    with RunningServer(repository, flags=("--grpc-infer-thread-count=1",)) as running:
        yield running


def floods_ended(server: RunningServer) -> float:
    return server.counted("penstock_connections_closed_total", reason="flood")


def assert_is_ended(
    server: RunningServer, prologue: bytes, some: Callable[[int], bytes], times: int = 400
) -> None:
    """`some(n)`, many frames, is sent again and again: it ends, and costs nobody else a thing."""
    before = floods_ended(server)
    with RawPeer(server.grpc) as peer, H2Peer(server.grpc) as other:
        peer.send(prologue)
        _ = all(peer.flood(some(n)) for n in range(times))
        assert peer.end_code() == ENHANCE_YOUR_CALM
        answer = other.call(INFER, echo_request(np.arange(4)))
        other.wait_for(answer)
        assert numbers(answer.message) == [0, 1, 2, 3]
    until(lambda: floods_ended(server) == before + 1)


IDLE = {
    "ping": frame(PING, 0, 0, b"penstock"),
    "ping-ack": frame(PING, 1, 0, b"penstock"),
    "settings": frame(SETTINGS, 0, 0),
    "settings-window": frame(SETTINGS, 0, 0, b"\0\4\0\0\xff\xff"),
    "settings-table": frame(SETTINGS, 0, 0, b"\0\1\0\0\0\0\0\1\0\0\x10\0"),
    "priority": frame(PRIORITY, 0, 1, bytes(5)),
    "priority-idle": frame(PRIORITY, 0, 4001, b"\0\0\0\x03\x10"),
    "window-update": frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\1"),
    "window-update-0": frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1"),
    "unknown": frame(0xFA, 0xFF, 0),
    "unknown-large": frame(0xFA, 0xFF, 1, bytes(1000)),
    "empty-data": frame(DATA, 0, 1),
    "padded-data": frame(DATA, PADDED, 1, b"\xff" + bytes(255)),
    "tiny-data": frame(DATA, 0, 1, b"\0"),
    "rst-of-a-closed-stream": frame(RST_STREAM, 0, 1, CANCELS),
}


@pytest.mark.parametrize("kind", IDLE)
def test_a_flood_of_frames_that_carry_no_request_is_ended(
    flooded: RunningServer, kind: str
) -> None:
    # The longest message that is allowed is still to come, so that DATA has somewhere to go.
    prologue = OPEN + frame(DATA, 0, 1, b"\0" + (200 << 20).to_bytes(4, "big"))
    many = IDLE[kind] * 1000
    assert_is_ended(flooded, prologue, lambda _: many)


def test_a_flood_of_empty_trailers_is_ended(flooded: RunningServer) -> None:
    """HEADERS without END_STREAM behind HEADERS: each is one too many."""
    prologue = b"".join(frame(HEADERS, END_HEADERS, n, HEAD) for n in ODD[:500])
    again = b"".join(frame(HEADERS, END_HEADERS, n) for n in ODD[:500])
    assert_is_ended(flooded, prologue, lambda _: again)


# -- CONTINUATION, and what a header list may grow to ------------------------------------------


@pytest.mark.parametrize("stream", ["new", "refused", "closed", "trailers"])
@pytest.mark.parametrize("size", [0, 1, 16 << 10], ids=["empty", "a-byte", "large"])
def test_a_flood_of_continuations_is_ended(flooded: RunningServer, stream: str, size: int) -> None:
    prologue, number = {
        "new": (b"", 1),
        "refused": (b"".join(frame(HEADERS, END_HEADERS, n, HEAD) for n in ODD[:1024]), 4001),
        "closed": (OPEN + frame(RST_STREAM, 0, 1, CANCELS), 1),
        "trailers": (OPEN, 1),
    }[stream]
    # Literals that say nothing, or nothing at all: they decode for as long as they are read.
    piece = frame(CONTINUATION, 0, number, b"\x82" * size)
    assert_is_ended(
        flooded, prologue + frame(HEADERS, 0, number), lambda _: piece * max(1, 1000 // (size + 1))
    )


@pytest.mark.parametrize("stream", ["new", "trailers"])
def test_a_few_bytes_that_stand_for_many_are_read_no_further_than_the_bound(
    flooded: RunningServer, stream: str
) -> None:
    """Each index is an octet for a field of 4 KiB: 60 KiB would stand for 240 MiB."""
    value = b"v" * 3900
    remembered = b"\x40\x01x" + b"\x7f" + b"\xbd\x1d" + value
    bomb = frame(HEADERS, END_HEADERS, 1, (HEAD if stream == "new" else b"") + b"\xbe" * 60_000)
    first = frame(HEADERS, END_HEADERS, 1 if stream == "trailers" else 3, HEAD + remembered)
    if stream == "new":
        bomb = frame(HEADERS, END_HEADERS, 5, HEAD + b"\xbe" * 60_000)
    assert_is_ended(flooded, first, lambda _: bomb, times=1)


def test_a_header_list_past_the_setting_is_an_answer_and_no_end(flooded: RunningServer) -> None:
    with RawPeer(flooded.grpc) as peer:
        large = b"".join(b"\x00\x01x\x7f\x81\x07" + b"v" * 1024 for _ in range(40))
        peer.send(frame(HEADERS, END_HEADERS, 1, HEAD + large))
        assert peer.wait_for(1).sections[0]["grpc-status"] == "8"
        assert is_live(bytes(peer.call(3, LIVE).body[5:]))


# -- streams that come to nothing -----------------------------------------------------------------


def cut_short(n: int, per_round: int, *rest: tuple[int, int, bytes]) -> bytes:
    """`per_round` new streams, each with `rest` behind its headers."""
    first = n * per_round
    return b"".join(
        frame(HEADERS, END_HEADERS, stream, HEAD)
        + b"".join(frame(kind, flags, stream, payload) for kind, flags, payload in rest)
        for stream in ODD[first : first + per_round]
    )


def test_a_rapid_reset_is_ended(flooded: RunningServer) -> None:
    """CVE-2023-44487."""
    assert_is_ended(flooded, b"", lambda n: cut_short(n, 500, (RST_STREAM, 0, CANCELS)))


def test_a_rapid_reset_of_whole_requests_is_ended(flooded: RunningServer) -> None:
    message = echo_request(np.arange(4))
    body = framed(message)
    whole = ((DATA, END_STREAM, body), (RST_STREAM, 0, CANCELS))
    assert_is_ended(flooded, b"", lambda n: cut_short(n, 500, *whole))


def test_a_rapid_reset_of_requests_that_were_answered_and_not_read_is_ended(
    flooded: RunningServer,
) -> None:
    """The window is shut, so the answers are made, wait, and are thrown away."""
    body = framed(echo_request(np.arange(4)))
    shut = frame(SETTINGS, 0, 0, b"\0\4" + bytes(4))

    def some(n: int) -> bytes:
        opened = cut_short(n, 500, (DATA, END_STREAM, body))
        streams = ODD[n * 500 : (n + 1) * 500]
        return opened + b"".join(frame(RST_STREAM, 0, stream, CANCELS) for stream in streams)

    assert_is_ended(flooded, shut, some)


@pytest.mark.parametrize(
    "provokes",
    [
        (WINDOW_UPDATE, 0, (2**31 - 1).to_bytes(4, "big")),
        (HEADERS, END_HEADERS | END_STREAM, block([("X-Upper", "1")])),
        (HEADERS, END_HEADERS, block([("x", "1")])),
    ],
    ids=["window", "field", "trailers"],
)
def test_a_flood_of_resets_that_the_server_was_made_to_send_is_ended(
    flooded: RunningServer, provokes: tuple[int, int, bytes]
) -> None:
    """CVE-2025-8671: an illegal frame on each of many good streams."""
    assert_is_ended(flooded, b"", lambda n: cut_short(n, 500, provokes))


def test_a_flood_of_malformed_requests_is_ended(flooded: RunningServer) -> None:
    wrong = HEAD + block([("X-Upper", "1")])

    def some(n: int) -> bytes:
        streams = ODD[n * 500 : (n + 1) * 500]
        return b"".join(frame(HEADERS, END_HEADERS, stream, wrong) for stream in streams)

    assert_is_ended(flooded, b"", some)


def test_a_flood_of_streams_past_the_limit_is_ended(flooded: RunningServer) -> None:
    assert_is_ended(flooded, b"", lambda n: cut_short(n, 500))


def test_answers_that_nobody_reads_do_not_pile_up(flooded: RunningServer) -> None:
    """A peer that provokes resets and never reads is ended all the same."""
    before = floods_ended(flooded)
    with RawPeer(flooded.grpc) as peer, H2Peer(flooded.grpc) as other:
        peer.is_deaf = True
        for n in range(400):
            if not peer.flood(cut_short(n, 500)):
                break
        until(lambda: floods_ended(flooded) == before + 1)
        answer = other.call(INFER, echo_request(np.arange(4)))
        other.wait_for(answer)
        assert numbers(answer.message) == [0, 1, 2, 3]


# -- the honest -----------------------------------------------------------------------------------


def test_a_client_that_cancels_five_thousand_requests_a_second_is_served(
    flooded: RunningServer, gate: Gate
) -> None:
    """Real inferences, which wait for a model until they are cancelled, for two seconds."""
    per_second, seconds, ticks = 5_000, 2, 50
    per_tick = per_second // ticks
    before = canceled(flooded)
    message = row(1)
    body = framed(message)
    streams = iter(ODD)
    with RawPeer(flooded.grpc) as peer:
        peer.send(OPEN + frame(DATA, END_STREAM, 1, body))
        batch = gate.next_batch()  # so that all the others wait
        begun = time.monotonic()
        waiting: list[int] = []
        for tick in range(seconds * ticks):
            opened = [next(streams) for _ in range(per_tick)]
            peer.send(
                b"".join(
                    frame(HEADERS, END_HEADERS, stream, HEAD)
                    + frame(DATA, END_STREAM, stream, body)
                    for stream in opened
                )
                + b"".join(frame(RST_STREAM, 0, stream, CANCELS) for stream in waiting)
            )
            waiting = opened
            peer.listen(begun + (tick + 1) / ticks - time.monotonic())
        took = time.monotonic() - begun
        peer.send(b"".join(frame(RST_STREAM, 0, stream, CANCELS) for stream in waiting))
        until(lambda: canceled(flooded) == before + per_second * seconds)
        last = next(streams)
        peer.send(frame(HEADERS, END_HEADERS, last, HEAD) + frame(DATA, END_STREAM, last, body))
        until(lambda: pending(flooded) == 1)
        batch.let_through()
        gate.next_batch().let_through()
        for stream in (1, last):
            assert numbers(bytes(peer.wait_for(stream).body[5:])) == [2, 2]
        assert not peer.frames[3:]  # nothing but the hello
    if took > 1.2 * seconds:
        pytest.skip(f"all were served, but this machine took {took:.1f} s to send them")


def test_a_client_that_opens_its_windows_for_every_byte_is_served(flooded: RunningServer) -> None:
    with H2Peer(flooded.grpc, window_bytes=1) as peer:
        for _ in range(20):
            x = np.arange(400)
            answer = peer.call(INFER, echo_request(x))
            peer.wait_for(answer)
            assert numbers(answer.message) == x.tolist()
        assert not peer.goaways


@pytest.mark.parametrize("kind", ["ping", "rapid-reset"])
def test_others_are_served_while_floods_run(flooded: RunningServer, kind: str) -> None:
    """Floods that begin anew whenever they are ended, on the one io thread that serves all."""
    is_over = threading.Event()
    many = IDLE["ping"] * 1000
    ended = 0

    def flood() -> None:
        nonlocal ended
        while not is_over.is_set():
            with RawPeer(flooded.grpc) as peer:
                n = 0
                while not is_over.is_set() and peer.flood(
                    many if kind == "ping" else cut_short(n, 200, (RST_STREAM, 0, CANCELS))
                ):
                    n += 1
                ended += 1

    flooding = threading.Thread(target=flood)
    flooding.start()
    try:
        with H2Peer(flooded.grpc) as other:
            until(lambda: ended >= 2)
            for n in range(200):
                answer = other.call(INFER, echo_request(np.full(4, n)))
                other.wait_for(answer)
                assert numbers(answer.message) == [n] * 4
    finally:
        is_over.set()
        flooding.join()
