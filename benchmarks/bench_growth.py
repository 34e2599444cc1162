# SPDX-License-Identifier: Apache-2.0
"""Does a request stay cheap as connections and models grow?

Identity of [1,16] floats: 8, 64 and 512 connections x 16 streams; then 1, 10 and 100 models asked
in turn on 8 x 16. CPU per request of Penstock and of the bare HTTP/2 echo at the same load.
"""

import struct
from pathlib import Path

import numpy as np

from benchmarks import messages, models, report, runner
from benchmarks.h2load import Load
from benchmarks.servers import Server, ask, cpu_ns, verify
from benchmarks.tensors import Floats, echoes

_WIDTH = 16
_CONNECTIONS = (8, 64, 512)
_MODELS = (1, 10, 100)
_LIMIT = 1.5


def _name(index: int) -> str:
    return f"identity{index}"


def _requests(count: int, rows: Floats) -> list[bytes]:
    return [messages.encode_request(_name(i), rows.shape, rows.tobytes()) for i in range(count)]


def _write_exchanges(path: Path, server: Server, requests: list[bytes], rows: Floats) -> None:
    """Write what mixed_load reads: each request with the answer a real client got and checked."""
    with path.open("wb") as file:
        for request in requests:
            verify(server, request, echoes(rows))
            for message in (request, ask(server.port, request)):
                framed = messages.framed(message)
                file.write(struct.pack("<I", len(framed)) + framed)


def _verdict(title: str, samples: dict[str, list[runner.Sample]]) -> dict[str, object]:
    servers = report.cpu_table(title, samples)
    ratio = report.cpu_ratio(samples, runner.PENSTOCK, "bare_h2_echo")
    goal = report.Goal(what=f"times the bare echo's CPU, {title}", limit=_LIMIT)
    return {"title": title, "servers": servers, "goal": goal.verdict(ratio.median)}


def _grow_connections(stage: runner.Stage, rows: Floats, connections: int) -> dict[str, object]:
    (request,) = _requests(1, rows)
    load = Load(connections=connections, streams=16, body=stage.body("request", request))
    samples = stage.time_under_h2load(request, echoes(rows), load)
    return _verdict(f"{connections} connections x 16 streams", samples)


def _grow_models(stage: runner.Stage, rows: Floats, count: int) -> dict[str, object]:
    files = {}
    for server in stage.servers:
        files[server.name] = stage.folder / f"exchanges-{server.name}"
        _write_exchanges(files[server.name], server, _requests(count, rows), rows)

    def once(server: Server, requests: int) -> runner.Sample:
        argv = [str(runner.BUILD / "mixed_load"), str(server.port), "8", "16", str(requests)]
        before = cpu_ns(server.pid)
        printed = stage.run_load([*argv, str(files[server.name])])
        cpu = cpu_ns(server.pid) - before
        return runner.Sample(
            requests=requests,
            seconds=float(printed.split()[1]),
            cpu_us_per_request=cpu / requests / 1e3,
        )

    samples = stage.time_in_turns(once, in_flight=8 * 16)
    return _verdict(f"{count} models in turn, 8 connections x 16 streams", samples)


def main() -> None:
    """Answer the question."""
    opts = runner.options(__doc__ or "")
    rows = np.random.default_rng(7).standard_normal((1, _WIDTH)).astype(np.float32)
    with runner.stage(opts) as stage:
        repository = stage.folder / "models"
        for index in range(max(_MODELS)):
            models.add_identity(repository, _name(index), _WIDTH)
        (probe,) = _requests(1, rows)
        stage.penstock(repository, probe)
        stage.rival("bare_h2_echo", probe)
        cases = [_grow_connections(stage, rows, count) for count in _CONNECTIONS]
        cases += [_grow_models(stage, rows, count) for count in _MODELS]
        stage.keep("growth", {"cases": cases})


if __name__ == "__main__":
    main()
