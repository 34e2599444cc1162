# SPDX-License-Identifier: Apache-2.0
"""The calls that the protocol tests make, as bytes, and the models that answer them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tests.doubles.gate import GATED_MODEL, Gate
from tests.doubles.h2_peer import PATIENCE_S
from tests.doubles.model_files import add_identity, add_python
from tests.doubles.running import RunningServer

from penstock_client._proto import health_pb2, inference_pb2

SERVICE = "/inference.GRPCInferenceService"
INFER = f"{SERVICE}/ModelInfer"
LIVE = f"{SERVICE}/ServerLive"
READY = f"{SERVICE}/ServerReady"
MODEL_READY = f"{SERVICE}/ModelReady"
HEALTH = "/grpc.health.v1.Health/Check"

#: Says of each request's tensor what it is, in a few bytes.
DIGEST = """
    import zlib
    import numpy as np

    class Digest:
        def execute(self, batch):
            return {"y": np.array([[zlib.crc32(batch["x"])]], np.int64)}
"""
#: Waits at the gate like GATED_MODEL, but with the interpreter's lock in its hand.
HOLDS_THE_LOCK = """
    import ctypes
    import socket

    class Holds:
        def load(self, context):
            self.path = context.config.parameters["gate"].string_value

        def execute(self, batch):
            with socket.socket(socket.AF_UNIX) as gate:
                gate.connect(self.path)
                gate.sendall(b'{"request_rows": [1], "first": [0]}\\n')
                room = ctypes.create_string_buffer(1)
                # Unlike CDLL, PyDLL keeps the lock while the C function runs.
                ctypes.PyDLL(None).recv(gate.fileno(), room, 1, 0)
            return {"y": batch["x"]}
"""


def add_echo(repository: Path) -> None:
    """Model "echo", on the inline lane: x, FP32 of any length, comes back as x_out."""
    add_identity(repository, "echo", [("x", "TYPE_FP32", [-1])], rows_max=0)


def add_gated(repository: Path, gate: Gate, name: str = "gated", code: str = GATED_MODEL) -> None:
    """A model that executes one request at a time, each when `gate` lets it through."""
    parameter = f'parameters {{ key: "gate" value {{ string_value: "{gate.path}" }} }}'
    add_python(repository, name, code, more=f"max_batch_size: 1 {parameter}")


def add_digest(repository: Path) -> None:
    """Model "digest": the CRC-32 of x, FP32 of any length."""
    add_python(
        repository,
        "digest",
        DIGEST,
        inputs=[("x", "TYPE_FP32", [-1])],
        outputs=[("y", "TYPE_INT64", [1, 1])],
    )


def infer_request(model: str, x: np.ndarray) -> bytes:
    """A ModelInferRequest of one raw FP32 tensor, x."""
    made = inference_pb2.ModelInferRequest(model_name=model)
    made.inputs.add(name="x", datatype="FP32", shape=x.shape)
    made.raw_input_contents.append(x.astype(np.float32).tobytes())
    return made.SerializeToString()


def row(first: float) -> bytes:
    """A request of one row for a gated model."""
    return infer_request("gated", np.full((1, 2), first))


def echo_request(x: np.ndarray) -> bytes:
    return infer_request("echo", x)


def numbers(answer: bytes, dtype: type[np.generic] = np.float32) -> list[float]:
    """The values of a ModelInferResponse's one tensor."""
    made = inference_pb2.ModelInferResponse.FromString(answer)
    (raw,) = made.raw_output_contents
    values: list[float] = np.frombuffer(raw, dtype).tolist()
    return values


def is_live(answer: bytes) -> bool:
    return inference_pb2.ServerLiveResponse.FromString(answer).live


def is_ready(answer: bytes) -> bool:
    return inference_pb2.ServerReadyResponse.FromString(answer).ready


def health_status(answer: bytes) -> str:
    status = health_pb2.HealthCheckResponse.FromString(answer).status
    return health_pb2.HealthCheckResponse.ServingStatus.Name(status)


def pending(server: RunningServer, model: str = "gated") -> float:
    """Requests that wait in the queue of `model`."""
    return server.counted("nv_inference_pending_request_count", model=model)


def executed(server: RunningServer, model: str = "gated") -> float:
    """Batches that `model` was given."""
    return server.counted("nv_inference_exec_count", model=model)


def canceled(server: RunningServer, model: str = "gated") -> float:
    return server.counted("nv_inference_request_failure", model=model, reason="CANCELED")


def until(is_so: Callable[[], bool]) -> None:
    """Asks the server again and again."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, "what the test waits for did not happen"
