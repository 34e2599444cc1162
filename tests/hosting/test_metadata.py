# SPDX-License-Identifier: Apache-2.0
"""What metadata a service may send."""

from typing import Any

import pytest

from penstock.hosting.metadata import BYTES_MAX, PAIRS_MAX, Metadatum, checked_metadata


def test_pairs_keep_their_order_and_their_repeats() -> None:
    pairs = (("a", "1"), ("b-bin", b"\x00\xff"), ("a", "2"), ("grpc-status-details-bin", b"x"))
    assert checked_metadata(pairs) == pairs
    assert checked_metadata([("a", b"as bytes")]) == (Metadatum("a", "as bytes"),)
    assert checked_metadata(None) == ()


@pytest.mark.parametrize(
    ("key", "value", "error", "sentence"),
    [
        ("Upper", "v", ValueError, "lower-case"),
        ("", "v", ValueError, "lower-case"),
        (":path", "v", ValueError, "lower-case"),
        ("grpc-status", "0", ValueError, "gRPC's own"),
        ("k", "new\nline", ValueError, "printable ASCII"),
        ("k", "☺", ValueError, "printable ASCII"),
        ("k-bin", "text", TypeError, "bytes are wanted"),
        ("k", 3, TypeError, "text is wanted"),
    ],
)
def test_what_grpc_cannot_carry_is_refused(
    key: str, value: Any, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        checked_metadata([(key, value)])


def test_pairs_are_bounded_in_number_and_size() -> None:
    checked_metadata([("k", "v")] * PAIRS_MAX)
    with pytest.raises(ValueError, match=f"At most {PAIRS_MAX} pairs"):
        checked_metadata([("k", "v")] * (PAIRS_MAX + 1))
    checked_metadata([("k", "v" * (BYTES_MAX - 1))])
    with pytest.raises(ValueError, match=f"{BYTES_MAX} bytes"):
        checked_metadata([("k", "v" * BYTES_MAX)])
