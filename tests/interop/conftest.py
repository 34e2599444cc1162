# SPDX-License-Identifier: Apache-2.0
"""Servers that host interop.proto's service, and clients of three implementations.

The servers are penstock and grpcio's own, which proves the tests; each with the asynchronous and
with the plain servicer.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.doubles.generated import generate, generated_module
from tests.doubles.running import RunningServer
from tests.interop.conversation import Caller, InteropClient, Method
from tests.interop.grpc_js_client import GrpcJsClient
from tests.interop.grpcio_client import GrpcioClient
from tests.interop.grpclib_client import GrpclibClient

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NODE_MODULES = ROOT / "build" / "grpc_js" / "node_modules"

#: Server -> the module of the servicer it hosts.
SERVERS = {
    "penstock": "async_servicer",
    "penstock-plain": "plain_servicer",
    "grpc.aio": "async_servicer",
    "grpc": "plain_servicer",
}
CLIENTS = ["grpcio", "grpclib", "grpc-js"]

#: For tests of what only penstock does, and of what grpclib cannot express.
only_penstock = pytest.mark.parametrize(
    "interop_server", ["penstock", "penstock-plain"], indirect=True
)
clients_that_compress = pytest.mark.parametrize("caller", ["grpcio", "grpc-js"], indirect=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class InteropServer:
    """A server that hosts one of the servicers."""

    name: str
    address: str

    @property
    def is_penstock(self) -> bool:
        return self.name.startswith("penstock")

    @property
    def is_plain(self) -> bool:
        return SERVERS[self.name] == "plain_servicer"


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what grpcio-tools generates from interop.proto."""
    return generate(HERE / "interop.proto", tmp_path_factory.mktemp("generated"))


@pytest.fixture(scope="session")
def pb(generated: Path) -> Any:
    """The generated messages."""
    return generated_module(generated, "interop_pb2")


@pytest.fixture(scope="session")
def rpc(generated: Path) -> Any:
    """The generated stubs."""
    return generated_module(generated, "interop_pb2_grpc")


@pytest.fixture(scope="session")
def methods(pb: Any) -> dict[str, Method]:
    """The methods by name; those of Unregistered as Unregistered.Name."""
    return {
        ("" if service.name == "Interop" else f"{service.name}.") + method.name: Method(
            service=service.full_name,
            name=method.name,
            request=getattr(pb, method.input_type.name),
            response=getattr(pb, method.output_type.name),
            streams_requests=method.client_streaming,
            streams_responses=method.server_streaming,
        )
        for service in pb.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }


@contextmanager
def running_reference(servicer: str, environment: dict[str, str]) -> Iterator[str]:
    """The address of grpcio's own server."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.interop.reference_server", servicer],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # it logs what handlers raise
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    with process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate()
    assert process.returncode == 0


class Servers:
    """Starts each server when a test first asks for it."""

    def __init__(self, generated: Path, models: Path, running: ExitStack) -> None:
        self._environment = {"PYTHONPATH": f"{generated}:{ROOT}"}
        self._models = models
        self._running = running
        self._started: dict[str, InteropServer] = {}

    def get(self, name: str) -> InteropServer:
        if name not in self._started:
            self._started[name] = InteropServer(name=name, address=self._start(name))
        return self._started[name]

    def _start(self, name: str) -> str:
        servicer = SERVERS[name]
        if not name.startswith("penstock"):
            reference = running_reference(servicer.partition("_")[0], self._environment)
            return self._running.enter_context(reference)
        flags = (f"--grpc-service=tests.interop.{servicer}:register",)
        server = RunningServer(self._models, flags=flags, environment=self._environment)
        return self._running.enter_context(server).grpc


@pytest.fixture(scope="session")
def servers(generated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with ExitStack() as running:
        yield Servers(generated, tmp_path_factory.mktemp("models"), running)


@pytest.fixture(params=SERVERS)
def interop_server(request: pytest.FixtureRequest, servers: Servers) -> InteropServer:
    return servers.get(request.param)


@pytest.fixture(scope="session")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """The event loop of all clients."""
    with asyncio.Runner() as made:
        # Used as it is: Runner.run has the whole of a large answer written out, in a signal's name.
        yield made.get_loop()


class Callers:
    """Connects each client to each server when a test first asks for it."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, rpc: Any, methods: dict[str, Method]
    ) -> None:
        self._loop = loop
        self._rpc = rpc
        self._methods = methods
        self._clients: dict[tuple[str, str], InteropClient] = {}

    def get(self, client: str, server: InteropServer) -> Caller:
        key = (client, server.name)
        if key not in self._clients:
            self._clients[key] = self._loop.run_until_complete(self._make(client, server.address))
        return Caller(self._loop, self._clients[key], self._methods)

    def close(self) -> None:
        for client in self._clients.values():
            self._loop.run_until_complete(client.close())

    async def _make(self, client: str, address: str) -> InteropClient:
        match client:
            case "grpcio":
                return GrpcioClient(address, self._rpc)
            case "grpclib":
                return GrpclibClient(address)
        node = shutil.which("node")
        if node is None or not NODE_MODULES.is_dir():
            pytest.skip("needs Node and build/grpc_js, which `make setup` makes where npm is")
        return await GrpcJsClient.start(address, node, NODE_MODULES)


@pytest.fixture(scope="session")
def callers(
    servers: Servers, loop: asyncio.AbstractEventLoop, rpc: Any, methods: dict[str, Method]
) -> Iterator[Callers]:
    made = Callers(loop, rpc, methods)
    yield made
    made.close()


@pytest.fixture(params=CLIENTS)
def caller(
    request: pytest.FixtureRequest, interop_server: InteropServer, callers: Callers
) -> Caller:
    """Each of the clients, connected to each of the servers."""
    return callers.get(request.param, interop_server)


@pytest.fixture
def grpcio(interop_server: InteropServer, callers: Callers) -> Caller:
    """grpcio's client, connected to each of the servers."""
    return callers.get("grpcio", interop_server)


_labels = itertools.count()


@pytest.fixture
def label() -> str:
    """A label that no other call has."""
    return f"call-{next(_labels)}"
