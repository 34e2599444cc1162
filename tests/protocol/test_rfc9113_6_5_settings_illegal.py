# SPDX-License-Identifier: Apache-2.0
"""SETTINGS that break RFC 9113 section 6.5, and those that must be let be."""

import pytest
from hyperframe.frame import SettingsFrame
from tests.doubles.raw_peer import (
    ACK,
    END_HEADERS,
    FLOW_CONTROL_ERROR,
    HEADERS,
    PROTOCOL_ERROR,
    SETTINGS,
    RawPeer,
    block,
    frame,
    grpc_head,
)
from tests.doubles.running import RunningServer
from tests.protocol.calls import LIVE
from tests.protocol.illegal import assert_ends, assert_is_let_be, assert_serves

OPEN = frame(HEADERS, END_HEADERS, 1, block(grpc_head(LIVE)))
TABLE_SIZE, ENABLE_PUSH, STREAMS_MAX, INITIAL_WINDOW, FRAME_SIZE, HEADER_LIST = range(1, 7)


def settings(*pairs: tuple[int, int]) -> bytes:
    payload = b"".join(key.to_bytes(2, "big") + value.to_bytes(4, "big") for key, value in pairs)
    return frame(SETTINGS, 0, 0, payload)


@pytest.mark.parametrize("flags", [0, ACK])
def test_settings_on_a_stream_end_the_connection(server: RunningServer, flags: int) -> None:
    assert_ends(server, OPEN + frame(SETTINGS, flags, 1), PROTOCOL_ERROR)


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        (ENABLE_PUSH, 2, PROTOCOL_ERROR),
        (ENABLE_PUSH, 2**32 - 1, PROTOCOL_ERROR),
        (INITIAL_WINDOW, 2**31, FLOW_CONTROL_ERROR),
        (INITIAL_WINDOW, 2**32 - 1, FLOW_CONTROL_ERROR),
        (FRAME_SIZE, 0, PROTOCOL_ERROR),
        (FRAME_SIZE, 2**14 - 1, PROTOCOL_ERROR),
        (FRAME_SIZE, 2**24, PROTOCOL_ERROR),
    ],
)
def test_a_value_outside_its_range_ends_the_connection(
    server: RunningServer, key: int, value: int, code: int
) -> None:
    assert_ends(server, settings((key, value)), code)
    assert_ends(server, settings((TABLE_SIZE, 4096), (key, value), (0x99, 1)), code)


@pytest.mark.parametrize(
    "pairs",
    [
        [],
        [(ENABLE_PUSH, 0)],
        [(ENABLE_PUSH, 1)],
        [(STREAMS_MAX, 0)],
        [(STREAMS_MAX, 2**32 - 1)],
        [(INITIAL_WINDOW, 2**31 - 1)],
        [(FRAME_SIZE, 2**14)],
        [(FRAME_SIZE, 2**24 - 1)],
        [(TABLE_SIZE, 2**32 - 1)],
        [(HEADER_LIST, 2**32 - 1)],
        [(0, 0), (0x99, 2**32 - 1), (0xFFFF, 7)],
        [(INITIAL_WINDOW, 0), (INITIAL_WINDOW, 65_535)],
    ],
)
def test_values_within_their_range_and_unknown_settings_are_let_be(
    server: RunningServer, pairs: list[tuple[int, int]]
) -> None:
    assert_is_let_be(server, settings(*pairs))


def test_every_settings_frame_is_acknowledged_once(server: RunningServer) -> None:
    """Section 6.5.3."""
    with RawPeer(server.grpc) as peer:
        for n in range(20):
            peer.send(settings((INITIAL_WINDOW, 65_535 + n)))
        peer.round_trip()
        acks = [f for f in peer.frames if isinstance(f, SettingsFrame) and "ACK" in f.flags]
        assert len(acks) == 1 + 20
        assert_serves(peer)


def test_an_acknowledgement_of_nothing_ends_the_connection(server: RunningServer) -> None:
    """The section leaves this open; whoever sends it has lost count."""
    assert_ends(server, frame(SETTINGS, ACK, 0), PROTOCOL_ERROR)
