# SPDX-License-Identifier: Apache-2.0
"""What does a request cost when the model costs nothing?

Identity of [1,16] floats, 8 connections x 16 streams: Penstock beside a bare HTTP/2 echo, a gRPC
C++ callback server and a Python grpc.aio server.
"""

import numpy as np

from benchmarks import messages, models, report, runner
from benchmarks.h2load import Load
from benchmarks.tensors import echoes

_WIDTH = 16


def main() -> None:
    """Answer the question."""
    opts = runner.options(__doc__ or "")
    rows = np.random.default_rng(7).standard_normal((1, _WIDTH)).astype(np.float32)
    request = messages.encode_request("identity", rows.shape, rows.tobytes())
    with runner.stage(opts) as stage:
        models.add_identity(stage.folder / "models", "identity", _WIDTH)
        stage.penstock(stage.folder / "models", request)
        for rival in ("bare_h2_echo", "grpc_cpp_echo", "grpc_aio_echo"):
            stage.rival(rival, request)
        load = Load(connections=8, streams=16, body=stage.body("request", request))
        samples = stage.time_under_h2load(request, echoes(rows), load)
        answer = report.cpu_table("Identity [1,16], 8 connections x 16 streams", samples)
        own = answer[runner.PENSTOCK]["cpu_us_per_request"]["median"]
        goals = [
            report.Goal(what="times below grpc.aio", limit=60, is_floor=True).verdict(
                report.cpu_ratio(samples, "grpc_aio_echo", runner.PENSTOCK).median
            ),
            report.Goal(what="times below gRPC C++", limit=5, is_floor=True).verdict(
                report.cpu_ratio(samples, "grpc_cpp_echo", runner.PENSTOCK).median
            ),
            report.Goal(what="CPU us per request", limit=4).verdict(own),
        ]
        stage.keep("echo", {"servers": answer, "goals": goals})


if __name__ == "__main__":
    main()
