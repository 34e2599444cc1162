# SPDX-License-Identifier: Apache-2.0
"""Metadata of a call: what may be sent, and what came."""

import re
from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["Metadatum", "checked_metadata"]

#: Clients bound the header lists they accept, commonly at 8 to 16 KiB.
PAIRS_MAX = 128
BYTES_MAX = 16 << 10

#: What gRPC and HTTP/2 write themselves. The details of a status are grpc-status' to set.
RESERVED = frozenset({"grpc-status", "grpc-message", "grpc-encoding", "grpc-accept-encoding"})
_KEY = re.compile(r"[0-9a-z_.\-]+")
_TEXT = re.compile(r"[\x20-\x7e]*")


class Metadatum(NamedTuple):
    """One pair; `value` is bytes where `key` ends in "-bin"."""

    key: str
    value: str | bytes


def checked_metadata(pairs: Iterable[tuple[str, str | bytes]] | None) -> tuple[Metadatum, ...]:
    """The pairs, if gRPC can carry them.

    Raises ValueError for a key or a value that it cannot, and if they are too many or too large;
    TypeError if a value's type does not go with its key.
    """
    checked = tuple(_checked(key, value) for key, value in pairs or ())
    size = sum(len(key) + len(value) for key, value in checked)
    if len(checked) > PAIRS_MAX or size > BYTES_MAX:
        raise ValueError(
            f"At most {PAIRS_MAX} pairs of metadata with {BYTES_MAX} bytes together can be sent, "
            f"got {len(checked)} with {size}."
        )
    return checked


def _checked(key: str, value: str | bytes) -> Metadatum:
    if _KEY.fullmatch(key) is None or key in RESERVED:
        raise ValueError(
            f"Metadata key {key!r}: lower-case letters, digits and _ . - are wanted, and none of "
            f"gRPC's own ({', '.join(sorted(RESERVED))})."
        )
    if key.endswith("-bin"):
        if not isinstance(value, bytes):
            raise TypeError(f"Metadata {key!r}: bytes are wanted, got {type(value).__name__}.")
        return Metadatum(key, value)
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else value
    if not isinstance(text, str):
        raise TypeError(f"Metadata {key!r}: text is wanted, got {type(value).__name__}.")
    if _TEXT.fullmatch(text) is None:
        raise ValueError(
            f"Metadata {key!r}: printable ASCII is wanted, got {text!r}; a key that ends in "
            '"-bin" takes any bytes.'
        )
    return Metadatum(key, text)
