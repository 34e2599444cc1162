# SPDX-License-Identifier: Apache-2.0
"""A server that all tests of REST share, and peers for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.doubles.gate import GATED_MODEL, Gate
from tests.doubles.model_files import TYPES, add_identity, add_python
from tests.doubles.running import RunningServer
from tests.rest.http1_peer import Http1Peer

INPUT_BYTES_MAX = 1 << 20


@pytest.fixture(scope="session")
def gate() -> Iterator[Gate]:
    """Where the model `gated` waits. Each test leaves it empty."""
    with Gate() as made:
        yield made


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, gate: Gate) -> Iterator[RunningServer]:
    """echo (FP32 of any length), rows (batches of two columns), one of each datatype, gated."""
    repository = tmp_path_factory.mktemp("models")
    add_identity(repository, "echo", [("x", "TYPE_FP32", [-1])], rows_max=0)
    add_identity(repository, "rows", [("x", "TYPE_FP32", [2])], rows_max=8)
    for datatype, kind in TYPES.items():
        add_identity(repository, f"echo_{datatype}", [("x", kind, [-1])], rows_max=0)
    parameter = f'parameters {{ key: "gate" value {{ string_value: "{gate.path}" }} }}'
    add_python(repository, "gated", GATED_MODEL, more=f"max_batch_size: 1 {parameter}")
    flags = (
        f"--http-max-input-size={INPUT_BYTES_MAX}",
        "--model-control-mode=explicit",
        "--load-model=*",
        "--grpc-header-timeout-ms=500",
    )
    with RunningServer(repository, flags=flags) as running:
        yield running


@pytest.fixture
def peer(server: RunningServer) -> Iterator[Http1Peer]:
    with Http1Peer(server.rest) as made:
        yield made
