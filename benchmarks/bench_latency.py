# SPDX-License-Identifier: Apache-2.0
"""How long does a lone request take?

Identity of [1,16] floats, one connection, one stream: p50 and p99 of Penstock, of the bare HTTP/2
echo and of the gRPC C++ callback server, each request timed by h2load.
"""

import numpy as np

from benchmarks import latency, messages, models, report, runner
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
        stage.rival("bare_h2_echo", request)
        stage.rival("grpc_cpp_echo", request)
        body = stage.body("request", request)
        runs = latency.one_stream(stage, request, body, echoes(rows))
        answer = latency.table("Identity [1,16], one connection, one stream", runs)
        ratio = latency.p50_ratio(runs, "bare_h2_echo")
        goal = report.Goal(what="times the bare echo's p50", limit=1.3).verdict(ratio.median)
        stage.keep("latency", {"servers": answer, "goals": [goal]})


if __name__ == "__main__":
    main()
