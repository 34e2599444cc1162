# SPDX-License-Identifier: Apache-2.0
"""Servers that host courier.proto's service, and stubs for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.doubles.gate import Gate
from tests.doubles.generated import generate, generated_module
from tests.doubles.model_files import add_affine
from tests.doubles.running import RunningServer

HERE = Path(__file__).parent
CALLS_MAX = 4


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what grpcio-tools generates from courier.proto."""
    return generate(HERE / "courier.proto", tmp_path_factory.mktemp("generated"))


@pytest.fixture(scope="session")
def pb(generated: Path) -> Any:
    """The generated messages."""
    return generated_module(generated, "courier_pb2")


@pytest.fixture(scope="session")
def rpc(generated: Path) -> Any:
    """The generated stubs."""
    return generated_module(generated, "courier_pb2_grpc")


@pytest.fixture(scope="session")
def gate() -> Iterator[Gate]:
    """Where Wait waits. Each test leaves it empty."""
    with Gate() as made:
        yield made


class Hosts:
    """Starts servers that host a function of courier_service."""

    def __init__(self, generated: Path, repository: Path, gate: Gate) -> None:
        self.repository = repository
        self.environment = {
            "PYTHONPATH": f"{generated}:{HERE}",
            "COURIER_GATE": gate.path,
        }

    def start(self, function: str, *flags: str) -> RunningServer:
        return RunningServer(
            self.repository,
            flags=(f"--grpc-service=courier_service:{function}", *flags),
            environment=self.environment,
        )


@pytest.fixture(scope="session")
def hosts(generated: Path, gate: Gate, tmp_path_factory: pytest.TempPathFactory) -> Hosts:
    repository = tmp_path_factory.mktemp("models")
    add_affine(repository, "affine")
    return Hosts(generated, repository, gate)


@pytest.fixture(scope="session", params=["register", "register_plain"])
def host(request: pytest.FixtureRequest, hosts: Hosts) -> Iterator[RunningServer]:
    """A server with the asynchronous servicer, and one with the plain one."""
    with hosts.start(request.param, f"--grpc-service-calls-max={CALLS_MAX}") as running:
        yield running


@pytest.fixture
def channel(host: RunningServer) -> Iterator[grpc.Channel]:
    # A subchannel of its own, so that no test meets another's connection.
    with grpc.insecure_channel(host.grpc, options=[("grpc.use_local_subchannel_pool", 1)]) as made:
        yield made


@pytest.fixture
def courier(rpc: Any, channel: grpc.Channel) -> Any:
    """A stub for the server's Courier."""
    return rpc.CourierStub(channel)
