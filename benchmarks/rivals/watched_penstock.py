# SPDX-License-Identifier: Apache-2.0
"""Penstock over a model repository, with every row of the model `watched` counted.

    watched_penstock.py PORT REPOSITORY WIDTH

One io thread. Counts are taken every second, as monitoring does, and thrown away; the sums are
printed at the end. Prints "listening on PORT".
"""

import asyncio
import contextlib
import signal
import sys
import time
from pathlib import Path

import numpy as np

from penstock.backends.onnxruntime_library import find_machine
from penstock.config import ServerOptions
from penstock.drift import Layout, WatchedColumn
from penstock.drift.counting import EngineWatches
from penstock.engine import Engine
from penstock.repository.controller import RepositoryController

TAKE_EVERY_S = 1.0


def layout(width: int) -> Layout:
    """Each input of a standard normal feature in 64 bins, and the first answer."""
    edges = tuple(np.linspace(-2.5, 2.5, 63, dtype=np.float32).tolist())

    def column(tensor: str, element: int, *, is_output: bool = False) -> WatchedColumn:
        return WatchedColumn(
            name=f"{tensor}[{element}]",
            tensor=tensor,
            is_output=is_output,
            reading="number",
            element=element,
            edges=edges,
            minimum=-3.0,
            maximum=3.0,
        )

    inputs = [column("INPUT0", i) for i in range(width)]
    return Layout(columns=(*inputs, column("OUTPUT0", 0, is_output=True)))


async def serve(port: int, repository: Path, width: int) -> None:
    """Run until SIGTERM."""
    options = ServerOptions.model_validate(
        {
            "model_repository": [str(repository)],
            "grpc_address": "127.0.0.1",
            "grpc_port": port,
            "allow_http": False,
            "grpc_infer_thread_count": 1,
        }
    )
    engine = Engine(options, None)
    controller = RepositoryController(engine, options, find_machine(None))
    engine.start()
    await controller.start()
    engine.set_ready(True)
    watch = EngineWatches(engine.drift).open("watched", 1, layout(width), now=time.time())
    print(f"listening on {engine.grpc_port}", flush=True)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    rows = dropped = 0
    while not ended.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), TAKE_EVERY_S)
        taken = await asyncio.to_thread(watch.take, time.time(), ends_tick=True)
        rows, dropped = rows + taken.rows, dropped + taken.dropped_rows
        if taken.rows or taken.dropped_rows:
            print(f"counted {rows} rows, dropped {dropped}", flush=True)
    await controller.stop()
    engine.stop()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
