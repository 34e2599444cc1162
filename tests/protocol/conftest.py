# SPDX-License-Identifier: Apache-2.0
"""Servers shared by the protocol tests, and peers for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.doubles.gate import Gate
from tests.doubles.h2_peer import H2Peer
from tests.doubles.running import RunningServer
from tests.protocol.calls import add_digest, add_echo, add_gated

BOUNDED_MESSAGE_BYTES = 1 << 20
BOUNDED_STREAMS = 4
BOUNDED_CONNECTIONS = 12
BOUNDED_INFLIGHT_BYTES = 3 << 20


@pytest.fixture(scope="session")
def gate() -> Iterator[Gate]:
    """Where the gated models of `server` and `bounded` wait. Each test leaves it empty."""
    with Gate() as made:
        yield made


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, gate: Gate) -> Iterator[RunningServer]:
    """A server as it comes: echo, digest and gated, two io threads."""
    repository = tmp_path_factory.mktemp("models")
    add_echo(repository)
    add_digest(repository)
    add_gated(repository, gate)
    with RunningServer(repository, flags=("--grpc-infer-thread-count=2",)) as running:
        yield running


@pytest.fixture(scope="session")
def bounded(tmp_path_factory: pytest.TempPathFactory, gate: Gate) -> Iterator[RunningServer]:
    """A server with low bounds that compresses its answers: echo and gated."""
    repository = tmp_path_factory.mktemp("models")
    add_echo(repository)
    add_gated(repository, gate)
    flags = (
        f"--message-bytes-max={BOUNDED_MESSAGE_BYTES}",
        f"--grpc-concurrent-streams-max={BOUNDED_STREAMS}",
        "--grpc-infer-response-compression-level=medium",
        "--grpc-infer-thread-count=1",
        f"--connections-max={BOUNDED_CONNECTIONS}",
        f"--inflight-bytes-max={BOUNDED_INFLIGHT_BYTES}",
    )
    with RunningServer(repository, flags=flags) as running:
        yield running


@pytest.fixture
def peer(server: RunningServer) -> Iterator[H2Peer]:
    with H2Peer(server.grpc) as made:
        yield made


@pytest.fixture
def bounded_peer(bounded: RunningServer) -> Iterator[H2Peer]:
    with H2Peer(bounded.grpc) as made:
        yield made
