# SPDX-License-Identifier: Apache-2.0
"""HPACK (RFC 7541): blocks that cannot be decoded, and tables that change."""

import hpack
import pytest
from tests.doubles.raw_peer import (
    COMPRESSION_ERROR,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    RawPeer,
    block,
    frame,
    grpc_head,
    literal,
    text,
)
from tests.doubles.running import RunningServer
from tests.protocol.calls import LIVE, is_live
from tests.protocol.illegal import assert_ends, assert_serves

HEAD = block(grpc_head(LIVE))
#: An index that no octet fits, and more octets than any index has (section 5.1).
TOO_LONG = b"\x80" * 20 + b"\x01"
#: "www" in Huffman's code and three ones: 24 octets' worth of good code (appendix B).
WWW = bytes.fromhex("f1e3c2e5f23a6ba0ab90f4ff")


def opens(head: bytes, stream: int = 1) -> bytes:
    return frame(HEADERS, END_HEADERS, stream, head)


def served(peer: RawPeer, stream: int, head: bytes) -> bool:
    peer.send(opens(head, stream) + frame(DATA, END_STREAM, stream, bytes(5)))
    return is_live(bytes(peer.wait_for(stream).body[5:]))


def huffman(octets: bytes) -> bytes:
    """A string of octets that are said to be Huffman's code."""
    return bytes([0x80 | len(octets)]) + octets


@pytest.mark.parametrize(
    "broken",
    [
        # Section 6.1: index 0, and those past the static table while the other is empty (2.3.3).
        b"\x80",
        b"\xbe",
        b"\xff\x00",
        b"\xff\x80\x01",
        # ... as names of literals, of each of the three kinds (6.2).
        b"\x7e" + text(b"v"),
        b"\x0f\x2f" + text(b"v"),
        b"\x1f\x2f" + text(b"v"),
        # Section 5.1: integers that are too large, or have no end.
        b"\xff" + TOO_LONG,
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x7f" + TOO_LONG + text(b"v"),
        b"\x0f" + TOO_LONG + text(b"v"),
        b"\xff",
        b"\xff\x80",
        # Section 5.2: strings past the end of the block, or of no length.
        b"\x00",
        b"\x00\x05abcd",
        b"\x00" + text(b"name"),
        b"\x00" + text(b"name") + b"\x7f",
        b"\x00" + text(b"name") + b"\x7f" + TOO_LONG,
        b"\x00" + text(b"name") + b"\x06value",
        b"\x40" + text(b"name") + b"\x85abcd",
        # ... and in Huffman's code: padding longer than 7 bits, of zeros, and EOS itself.
        b"\x00" + text(b"name") + huffman(b"\xff"),
        b"\x00" + text(b"name") + huffman(b"\x1f\xff"),
        b"\x00" + text(b"name") + huffman(b"\x18"),
        b"\x00" + text(b"name") + huffman(b"\xff\xff\xff\xff"),
        b"\x00" + text(b"name") + huffman(b"\x1f\xff\xff\xff\xfc"),
        b"\x00" + huffman(b"\xff\xff") + text(b"v"),
        # Section 6.3: a table larger than the setting allows.
        b"\x3f\xe2\x1f",
        b"\x3f\xff\xff\xff\x0f",
        b"\x3f" + TOO_LONG,
    ],
)
def test_what_cannot_be_decoded_ends_the_connection(server: RunningServer, broken: bytes) -> None:
    assert_ends(server, opens(HEAD + broken), COMPRESSION_ERROR)
    assert_ends(server, opens(broken), COMPRESSION_ERROR)


@pytest.mark.parametrize("update", [b"\x20", b"\x3f\xe1\x1f", b"\x3f\xe1\x1f\x20"])
def test_a_table_is_resized_at_the_beginning_of_a_block_alone(
    server: RunningServer, update: bytes
) -> None:
    """Section 4.2."""
    assert_ends(server, opens(HEAD[:12] + update + HEAD[12:]), COMPRESSION_ERROR)
    assert_ends(server, opens(HEAD + update), COMPRESSION_ERROR)
    with RawPeer(server.grpc) as peer:
        assert served(peer, 1, update + HEAD)


def test_a_resized_table_forgets_what_does_not_fit(server: RunningServer) -> None:
    """Section 4.3: index 62 is the youngest field, and is no more when the table was emptied."""
    remembered = b"\x40" + text(b"x-new") + text(b"value")
    with RawPeer(server.grpc) as peer:
        assert served(peer, 1, HEAD + remembered)
        assert served(peer, 3, HEAD + b"\xbe")
        assert served(peer, 5, b"\x20\x3f\xe1\x1f" + HEAD)
        peer.send(opens(HEAD + b"\xbe", 7))
        assert peer.end_code() == COMPRESSION_ERROR


def test_the_oldest_fields_make_room(server: RunningServer) -> None:
    """Section 4.4: of 4096 octets, forty fields of 100 and 32 each fit thirty times."""
    with RawPeer(server.grpc) as peer:
        for n in range(40):
            field = b"\x40" + text(b"x%03d" % n) + text(bytes([97 + n % 26]) * 96)
            assert served(peer, 2 * n + 1, HEAD + field)
        for stream, index in ((101, 62), (103, 62 + 4096 // 132 - 1)):
            assert served(
                peer,
                stream,
                HEAD + bytes([0xFF]) + bytes([index - 127 + 0])
                if index >= 127
                else HEAD + bytes([0x80 | index]),
            )
        peer.send(opens(HEAD + bytes([0x80 | (62 + 4096 // 132)]), 105))
        assert peer.end_code() == COMPRESSION_ERROR


def test_a_field_larger_than_the_table_empties_it_and_is_a_field_all_the_same(
    server: RunningServer,
) -> None:
    """Section 4.4."""
    large = b"\x40" + text(b"x-large") + b"\x7f" + b"\xa1\x1f" + b"v" * 4128
    with RawPeer(server.grpc) as peer:
        assert served(peer, 1, HEAD + b"\x40" + text(b"x-new") + text(b"value"))
        assert served(peer, 3, HEAD + b"\xbe")
        assert served(peer, 5, HEAD + large)
        peer.send(opens(HEAD + b"\xbe", 7))
        assert peer.end_code() == COMPRESSION_ERROR


def test_every_way_to_write_a_field_is_read(server: RunningServer) -> None:
    """Section 6, and appendices A and C."""
    with RawPeer(server.grpc) as peer:
        indexed = b"\x83\x86" + block(grpc_head(LIVE)[2:])  # :method POST, :scheme http
        assert served(peer, 1, indexed)
        never = b"\x10" + text(b"secret") + text(b"1")
        named = b"\x0f\x2b" + text(b"agent")  # user-agent by its index
        code = b"\x00" + text(b"x") + huffman(WWW)
        assert served(peer, 3, indexed + never + named + code)
        encoder = hpack.Encoder()
        for n in range(3):
            fields = [*grpc_head(LIVE), ("x-round", str(n)), ("x-same", "same")]
            assert served(peer, 5 + 2 * n, encoder.encode(fields, huffman=n % 2 == 0))


def test_a_broken_block_costs_no_other_connection_its_table(server: RunningServer) -> None:
    remembered = b"\x40" + text(b"x-new") + text(b"value")
    with RawPeer(server.grpc) as peer:
        assert served(peer, 1, HEAD + remembered)
        assert_ends(server, opens(HEAD + remembered + b"\x80"), COMPRESSION_ERROR)
        assert served(peer, 3, HEAD + b"\xbe" + literal(b"x", b"1"))
        assert_serves(peer)
