# SPDX-License-Identifier: Apache-2.0
"""What does a process of its own cost a Python model?

A Python model that gives its input back, once in the server's process and once in a process of its
own (`penstock.isolation`): [1,16] floats at 8 connections x 16 streams, where requests are batched,
and with one request at a time, where each is a batch; then 1 MiB, one at a time. In the table the
server whose model has its own process is called "penstock".
"""

from typing import Any

import numpy as np

from benchmarks import latency, messages, models, report, runner
from benchmarks.h2load import Load
from benchmarks.tensors import echoes

_IN_PROCESS = "in_process"
_WIDTH = 16
_LARGE_WIDTH = 1 << 18  # 1 MiB of floats


def _measure(opts: runner.Options, width: int, *, is_batched: bool) -> dict[str, Any]:
    rows = np.random.default_rng(7).standard_normal((1, width)).astype(np.float32)
    request = messages.encode_request("echo", rows.shape, rows.tobytes())
    check = echoes(rows)
    size = f"[1,{width}]"
    with runner.stage(opts) as stage:
        for name, isolation in ((runner.PENSTOCK, "process"), (_IN_PROCESS, "none")):
            models.add_python_identity(stage.folder / name, "echo", width, isolation)
            stage.penstock(stage.folder / name, request, name=name)
        body = stage.body("request", request)
        answer: dict[str, Any] = {"machine": stage.machine}
        loads = {"one request at a time": Load(connections=1, streams=1, body=body)}
        if is_batched:
            loads["8 connections x 16 streams"] = Load(connections=8, streams=16, body=body)
        for title, load in loads.items():
            samples = stage.time_under_h2load(request, check, load)
            answer[title] = report.cpu_table(f"Echo {size}, {title}", samples)
            added = report.cpu_ratio(samples, runner.PENSTOCK, _IN_PROCESS)
            print(f"  a process of its own takes {added} times the CPU")
        runs = latency.one_stream(stage, request, body, check)
        answer["latency"] = latency.table(f"Echo {size}, latency of one at a time", runs)
        return answer


def main() -> None:
    """Answer the question."""
    opts = runner.options(__doc__ or "", has_rivals=False)
    small = _measure(opts, _WIDTH, is_batched=True)
    large = _measure(opts, _LARGE_WIDTH, is_batched=False)
    with runner.stage(opts) as stage:
        stage.keep("isolation", {"16 floats": small, "1 MiB": large})


if __name__ == "__main__":
    main()
