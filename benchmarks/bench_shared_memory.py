# SPDX-License-Identifier: Apache-2.0
"""What does system shared memory save against sending tensors over gRPC?

Identity of 1 MiB and 16 MiB, one request at a time: once with input and output in regions that the
client has registered, once in the messages. In the table the server that shares memory is called
"penstock". Beside them: one copy of such a tensor out of /dev/shm by pread, which is how the server
reads a region, and by memcpy from a mapping, which is what it could do if clients were trusted.
"""

import mmap
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt

from benchmarks import messages, models, report, runner
from benchmarks.compare import spread
from benchmarks.h2load import Load
from benchmarks.messages import Place
from benchmarks.servers import Server, verify
from benchmarks.tensors import Floats, echoes, echoes_in_place

_OVER_GRPC = "over_grpc"
_REGISTER = "/inference.GRPCInferenceService/SystemSharedMemoryRegister"
_WIDTHS = {"1 MiB": 1 << 18, "16 MiB": 1 << 22}
_COPIES = 20


@contextmanager
def _shared_object(name: str, size: int) -> Iterator[mmap.mmap]:
    path = f"/dev/shm/{name}"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.ftruncate(descriptor, size)
        with mmap.mmap(descriptor, size) as mapped:
            yield mapped
    finally:
        os.close(descriptor)
        os.unlink(path)


def _register(server: Server, name: str, key: str, size: int) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_REGISTER)
        call(messages.encode_registration(name, key, size), timeout=10)


def _measure(stage: runner.Stage, size: str, rows: Floats) -> dict[str, Any]:
    """Time both ways. `rows` is a tensor of that size; the stage's first server shares memory."""
    shared, over_grpc = stage.servers
    model = size.replace(" ", "")
    name = f"penstock-bench-{os.getpid()}-{model}"
    with _shared_object(name, 2 * rows.nbytes) as memory:
        _register(shared, model, f"/{name}", 2 * rows.nbytes)
        memory[: rows.nbytes] = rows.tobytes()
        requests = {
            shared.name: messages.encode_shared_request(
                model,
                rows.shape,
                Place(region=model, offset=0, byte_size=rows.nbytes),
                Place(region=model, offset=rows.nbytes, byte_size=rows.nbytes),
            ),
            over_grpc.name: messages.encode_request(model, rows.shape, rows.tobytes()),
        }
        checks = {
            shared.name: echoes_in_place(rows, memory, rows.nbytes),
            over_grpc.name: echoes(rows),
        }

        def verify_both() -> dict[str, int]:
            memory[rows.nbytes :] = bytes(rows.nbytes)
            return {s.name: verify(s, requests[s.name], checks[s.name]) for s in stage.servers}

        answers = verify_both()
        bodies = {key: stage.body(f"{key}-{model}", sent) for key, sent in requests.items()}

        def once(server: Server, count: int) -> runner.Sample:
            load = Load(connections=1, streams=1, body=bodies[server.name])
            return stage.load_once(server, load, count, answers[server.name])

        samples = stage.time_in_turns(once, 1)
        verify_both()
        title = f"Identity {size}, one request at a time"
        recorded = report.cpu_table(title, samples)
        print(f"  sending takes {report.cpu_ratio(samples, _OVER_GRPC, shared.name)} times the CPU")
        return {"title": title, "servers": recorded, "copies": _copies(size, name, memory, rows)}


def _copies(size: str, name: str, memory: mmap.mmap, rows: Floats) -> dict[str, Any]:
    to: npt.NDArray[np.float32] = np.zeros_like(rows)
    there = np.frombuffer(memory, np.float32, rows.size).reshape(rows.shape)
    descriptor = os.open(f"/dev/shm/{name}", os.O_RDONLY)
    try:
        ways: dict[str, Callable[[], object]] = {
            "pread": lambda: os.preadv(descriptor, [to.data], 0),
            "memcpy from a mapping": lambda: np.copyto(to, there),
        }
        recorded = {}
        for way, copy in ways.items():
            times = []
            for _ in range(_COPIES):
                begin = time.perf_counter_ns()
                copy()
                times.append((time.perf_counter_ns() - begin) / 1e3)
                np.testing.assert_array_equal(to, rows)
                to.fill(0)
            recorded[way] = asdict(spread(times))
            print(f"  {size} by {way}: {spread(times)} us")
        return recorded
    finally:
        os.close(descriptor)


def main() -> None:
    """Answer the question."""
    opts = runner.options(__doc__ or "", has_rivals=False)
    with runner.stage(opts) as stage:
        repository = stage.folder / "models"
        models.add_identity(repository, "probe", 1)
        for size, width in _WIDTHS.items():
            models.add_identity(repository, size.replace(" ", ""), width)
        probe = messages.encode_request("probe", (1, 1), bytes(4))
        stage.penstock(repository, probe, "--allow-client-shm=true")
        stage.penstock(repository, probe, name=_OVER_GRPC)
        generator = np.random.default_rng(7)
        cases = [
            _measure(stage, size, generator.standard_normal((1, width)).astype(np.float32))
            for size, width in _WIDTHS.items()
        ]
        stage.keep("shared-memory", {"cases": cases})


if __name__ == "__main__":
    main()
