# SPDX-License-Identifier: Apache-2.0
"""The server's engine and controller in the test's own process, for calls that have no client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from penstock.backends.onnxruntime_library import find_machine, find_onnxruntime
from penstock.config import ServerOptions
from penstock.engine import Engine
from penstock.repository.controller import RepositoryController


@dataclass(frozen=True, slots=True, kw_only=True)
class InProcess:
    """Listens on `grpc` and `rest`, with the models that `controller` has loaded."""

    engine: Engine
    controller: RepositoryController
    grpc: str
    rest: str


@asynccontextmanager
async def running(*repositories: Path, **options: object) -> AsyncIterator[InProcess]:
    """Runs for as long as the `async with` block does; explicit control, unless `options` say."""
    library = find_onnxruntime()
    wanted = ServerOptions.model_validate(
        {
            "model_repository": [str(repository) for repository in repositories],
            "model_control_mode": "explicit",
            "grpc_address": "127.0.0.1",
            "grpc_port": 0,
            "http_address": "127.0.0.1",
            "http_port": 0,
            "grpc_infer_thread_count": 2,
            **options,
        }
    )
    engine = Engine(wanted, library)
    controller = RepositoryController(engine, wanted, find_machine(library))
    try:
        engine.start()
        await controller.start()
        engine.set_ready(True)
        yield InProcess(
            engine=engine,
            controller=controller,
            grpc=f"127.0.0.1:{engine.grpc_port}",
            rest=f"http://127.0.0.1:{engine.rest_port}",
        )
    finally:
        await controller.stop()
        engine.stop()
