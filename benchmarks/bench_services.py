# SPDX-License-Identifier: Apache-2.0
"""What does a service in Python cost on the port of inference, and what does inference mind of it?

First a unary echo of 64 bytes whose handler is a coroutine, 8 connections x 16 streams: CPU per
call of Penstock and of a grpc.aio server that hosts the same object. Then p50 and p99 of a lone
inference, with nothing beside it and beside callers of a coroutine that blocks for a second.
"""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import asdict

import grpc
import numpy as np
from numpy.typing import NDArray

from benchmarks import compare, h2load, latency, messages, models, report, runner
from benchmarks.h2load import Load
from benchmarks.servers import Server, verify
from benchmarks.tensors import echoes

FloatRows = NDArray[np.float32]

_WIDTH = 16
_RIVAL = "grpc_aio_services"
_ECHO, _BLOCK = "/bench.Echo/Echo", "/bench.Echo/Block"
_PAYLOAD = bytes(range(64))


def check_echo(server: Server) -> None:
    """Raise WrongAnswersError unless a real client gets its bytes back."""
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_ECHO)
        if call(_PAYLOAD, timeout=30) != _PAYLOAD:
            raise h2load.WrongAnswersError(f"{server.name} gave other bytes back")


@contextlib.contextmanager
def blocked(server: Server) -> Iterator[list[float]]:
    """Keep one call of the blocking method open until the block ends; yields what were answered."""
    ended = threading.Event()
    answered: list[float] = []

    def go_on() -> None:
        with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_BLOCK)
            while not ended.is_set():
                call(b"", timeout=60)
                answered.append(1.0)

    caller = threading.Thread(target=go_on)
    caller.start()
    try:
        yield answered
    finally:
        ended.set()
        caller.join()


def cost(stage: runner.Stage) -> dict[str, object]:
    """Answer the first question."""
    load = Load(connections=8, streams=16, body=stage.body("echo", _PAYLOAD), path=_ECHO)
    for server in stage.servers:
        check_echo(server)

    def once(server: Server, requests: int) -> runner.Sample:
        return stage.load_once(server, load, requests, len(_PAYLOAD) + 5)

    samples = stage.time_in_turns(once, load.connections * load.streams)
    for server in stage.servers:
        check_echo(server)
    answer = report.cpu_table("Echo of 64 bytes in Python, 8 connections x 16 streams", samples)
    ratio = report.cpu_ratio(samples, runner.PENSTOCK, _RIVAL).median
    goal = report.Goal(what="times the CPU of grpc.aio", limit=0.25).verdict(ratio)
    return {"servers": answer, "goals": [goal]}


def delay(stage: runner.Stage, request: bytes, rows: FloatRows) -> dict[str, object]:
    """Answer the second question."""
    load = Load(connections=1, streams=1, body=stage.body("infer", request))
    check = echoes(rows)
    table = []
    recorded: dict[str, object] = {}
    ratios = {}
    for server in stage.servers:
        answer = verify(server, request, check)
        trial = latency.once(stage, server, load, 500, answer)
        count = max(int(stage.options.seconds * 1e6 / trial.p50), 500)
        # Beside the blocking calls, each inference of the rival takes a second.
        beside_count = count if server.name == runner.PENSTOCK else 5
        alone, beside = [], []
        for _ in range(stage.options.repeats if server.name == runner.PENSTOCK else 1):
            alone.append(latency.once(stage, server, load, count, answer))
            with blocked(server):
                beside.append(latency.once(stage, server, load, beside_count, answer))
        verify(server, request, check)
        spreads = {
            "alone": compare.spread([run.p99 for run in alone]),
            "beside": compare.spread([run.p99 for run in beside]),
        }
        ratios[server.name] = compare.paired_ratios(
            [run.p99 for run in beside], [run.p99 for run in alone]
        )
        p50 = compare.spread([run.p50 for run in beside])
        table.append(
            [
                server.name,
                str(spreads["alone"]),
                str(spreads["beside"]),
                str(ratios[server.name]),
                str(p50),
            ]
        )
        recorded[server.name] = {
            "p99_alone_us": asdict(spreads["alone"]),
            "p99_beside_us": asdict(spreads["beside"]),
            "p50_beside_us": asdict(p50),
        }
    report.table(
        "Inference [1,16], one stream, beside a coroutine that blocks for a second",
        ["server", "p99 alone us", "p99 beside us", "beside / alone", "p50 beside us"],
        table,
    )
    goal = report.Goal(what="times the p99 without it", limit=1.5).verdict(
        ratios[runner.PENSTOCK].median
    )
    return {"servers": recorded, "goals": [goal]}


def main() -> None:
    """Answer the questions."""
    opts = runner.options(__doc__ or "")
    rows = np.random.default_rng(7).standard_normal((1, _WIDTH)).astype(np.float32)
    request = messages.encode_request("identity", rows.shape, rows.tobytes())
    with runner.stage(opts) as stage:
        models.add_identity(stage.folder / "models", "identity", _WIDTH)
        stage.penstock(stage.folder / "models", request, "--grpc-service", "echo_service:register")
        stage.rival(_RIVAL, request)
        stage.keep("services", {"cost": cost(stage), "delay": delay(stage, request, rows)})


if __name__ == "__main__":
    main()
