# SPDX-License-Identifier: Apache-2.0
"""What both clients ask of gRPC: channel settings, credentials, and its words put into ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import grpc

from penstock_client._attempts import Failure
from penstock_client._calls import Metadata

__all__ = [
    "ChannelOption",
    "Compression",
    "MetadataLike",
    "STICKY_KEY_HEADER",
    "TlsOptions",
    "addresses_of",
    "channel_credentials",
    "channel_options",
    "failure_of",
    "grpc_compression",
    "grpc_metadata",
    "keyed",
]

Compression = Literal["gzip", "deflate"]
#: The header that routes look at, unless they name another.
STICKY_KEY_HEADER = "penstock-sticky-key"

MetadataLike = Mapping[str, str | bytes] | Iterable[tuple[str, str | bytes]]
ChannelOption = tuple[str, Any]

_COMPRESSION = {
    "gzip": grpc.Compression.Gzip,
    "deflate": grpc.Compression.Deflate,
}

_OPTIONS: tuple[ChannelOption, ...] = (
    # Tensors are large: how large they may be is the server's to say.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # Repeats are ours, out of one budget; gRPC's own would multiply them.
    ("grpc.enable_retries", 0),
    ("grpc.service_config_disable_resolution", 1),
    # Every client has connections of its own, so that two of them do not queue on one.
    ("grpc.use_local_subchannel_pool", 1),
    # gRPC waits up to two minutes before it connects again, far longer than an ejection lasts.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 2000),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsOptions:
    """How to speak TLS: everything in PEM, and everything optional.

    Without `root_certificates` the system's are trusted. `private_key` and `certificate_chain`
    are the client's own, for a server that asks who calls. `server_name` is the name to expect in
    the server's certificate where it is not the address's.
    """

    root_certificates: bytes | None = None
    private_key: bytes | None = None
    certificate_chain: bytes | None = None
    server_name: str | None = None

    def __post_init__(self) -> None:
        """Refuses half a client identity."""
        if (self.private_key is None) != (self.certificate_chain is None):
            raise ValueError("private_key and certificate_chain must be given together")


def addresses_of(endpoints: str | Sequence[str]) -> tuple[str, ...]:
    """Gives the endpoints as a tuple, each "host:port" or another gRPC target."""
    return (endpoints,) if isinstance(endpoints, str) else tuple(endpoints)


def channel_options(
    tls: TlsOptions | None, more: Sequence[ChannelOption]
) -> tuple[ChannelOption, ...]:
    """Gives the settings of a channel; later ones win, so the caller's come last."""
    override: tuple[ChannelOption, ...] = ()
    if tls is not None and tls.server_name is not None:
        override = (("grpc.ssl_target_name_override", tls.server_name),)
    return tuple(dict((*_OPTIONS, *override, *more)).items())


def channel_credentials(tls: TlsOptions) -> grpc.ChannelCredentials:
    """Gives gRPC's form of TLS options."""
    return grpc.ssl_channel_credentials(
        root_certificates=tls.root_certificates,
        private_key=tls.private_key,
        certificate_chain=tls.certificate_chain,
    )


def grpc_compression(name: Compression | None) -> grpc.Compression | None:
    """Gives gRPC's constant; ValueError for a name it does not have."""
    if name is None:
        return None
    if name not in _COMPRESSION:
        raise ValueError(f"compression must be one of {sorted(_COMPRESSION)}, got {name!r}")
    return _COMPRESSION[name]


def grpc_metadata(metadata: MetadataLike | None) -> Metadata | None:
    """Gives metadata as gRPC wants it: pairs with lower-case keys."""
    if metadata is None:
        return None
    # A mapping could be an iterable of pairs as well, so a checker cannot tell the two apart.
    pairs: Any = metadata.items() if isinstance(metadata, Mapping) else metadata
    return tuple((key.lower(), value) for key, value in pairs)


def failure_of(error: grpc.RpcError) -> Failure:
    """Puts gRPC's error, of either client, into ours."""
    code = error.code()
    # The stubs call an entry an object; it is a pair of key and value.
    trailers: Any = error.trailing_metadata()
    return Failure(
        code.name if code is not None else "UNKNOWN",
        error.details() or "the server gave no reason",
        tuple((key, value) for key, value in trailers or ()),
    )


def keyed(metadata: MetadataLike | None, sticky_key: str) -> MetadataLike | None:
    """The metadata with the key that decides which version of a model answers; ValueError for one
    that no header can carry.
    """
    if not sticky_key:
        return metadata
    if not (sticky_key.isascii() and sticky_key.isprintable()) or sticky_key != sticky_key.strip():
        raise ValueError(
            f"sticky_key wants printable ASCII without space at its ends, found {sticky_key!r}: "
            "send a hash of it, such as its SHA-256 in hexadecimal"
        )
    pairs = metadata.items() if isinstance(metadata, Mapping) else metadata or ()
    return [*pairs, (STICKY_KEY_HEADER, sticky_key)]
