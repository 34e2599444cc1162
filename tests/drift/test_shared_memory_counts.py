# SPDX-License-Identifier: Apache-2.0
"""Rows that a client has in shared memory are counted as those that it sends."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import tritonclient.grpc as triton
import tritonclient.utils as triton_utils
import tritonclient.utils.shared_memory as shm
from tests.doubles.model_files import add_config, config_text
from tests.doubles.sharing_server import SharingServer

from penstock.drift import Layout, WatchedColumn
from penstock.drift.counting import EngineWatches

EDGES = (-0.5, 0.0, 0.5)
TOWNS = ("Bonn", "Ulm")
LAYOUT = Layout(
    columns=(
        WatchedColumn(name="x[0]", tensor="x", reading="number", element=0, edges=EDGES),
        WatchedColumn(name="x[1]", tensor="x", reading="number", element=1, edges=EDGES),
        WatchedColumn(name="town", tensor="town", reading="category", categories=TOWNS),
        WatchedColumn(
            name="out[1]", tensor="x_out", is_output=True, reading="number", element=1, edges=EDGES
        ),
    )
)


def test_rows_in_shared_memory_are_counted_as_they_were_when_they_were_answered(
    tmp_path: Path,
) -> None:
    tensors = [("x", "TYPE_FP32", [2]), ("town", "TYPE_STRING", [1])]
    outputs = [(f"{name}_out", datatype, dims) for name, datatype, dims in tensors]
    more = 'backend: "identity" max_batch_size: 32'
    add_config(tmp_path, "model", config_text(tensors, outputs, more))
    random = np.random.default_rng(7)
    sent: list[np.ndarray] = []
    towns: list[str] = []
    key = f"/penstock-drift-{os.getpid()}"
    region = shm.create_shared_memory_region(key, key, 4096, create_only=True)
    try:
        with SharingServer(tmp_path, allow_client_shm=True, client_shm_regions_max=8) as server:
            watch = EngineWatches(server.engine.drift).open("model", 1, LAYOUT, now=time.time())
            client = triton.InferenceServerClient(server.grpc)
            client.register_system_shared_memory("rows", key, 4096)
            for number in range(40):
                rows = 1 + number % 5
                x = random.normal(size=(rows, 2)).astype(np.float32)
                names = random.choice([*TOWNS, "Kiel"], (rows, 1)).astype(object)
                packed = triton_utils.serialize_byte_tensor(names).item()
                shm.set_shared_memory_region(region, [x])
                shm.set_shared_memory_region(
                    region, [np.frombuffer(packed, np.uint8)], offset=x.nbytes
                )
                inputs = [
                    triton.InferInput("x", [rows, 2], "FP32"),
                    triton.InferInput("town", [rows, 1], "BYTES"),
                ]
                inputs[0].set_shared_memory("rows", x.nbytes)
                inputs[1].set_shared_memory("rows", len(packed), x.nbytes)
                wanted = triton.InferRequestedOutput("x_out")
                wanted.set_shared_memory("rows", x.nbytes, 2048)
                client.infer("model", inputs, outputs=[wanted])
                # It may write there what it likes once it was answered.
                shm.set_shared_memory_region(region, [np.full(1024, 9e9, np.float32)])
                sent.append(x)
                towns += names[:, 0].tolist()
            taken = watch.take(time.time(), ends_tick=True)
            client.close()
    finally:
        shm.destroy_shared_memory_region(region)
    all_x = np.concatenate(sent)
    assert (taken.requests, taken.rows, taken.dropped_rows) == (40, len(all_x), 0)
    place = np.searchsorted(np.array(EDGES, np.float32), all_x, side="right")
    counts = [np.bincount(place[:, i], minlength=6).tolist() for i in (0, 1)]
    of_towns = [towns.count("Bonn"), towns.count("Ulm"), towns.count("Kiel"), 0]
    assert taken.shown.tolist() == [*counts[0], *counts[1], *of_towns, *counts[1]]
