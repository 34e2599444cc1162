# SPDX-License-Identifier: Apache-2.0
"""What does serving a small ONNX model cost?

A 30-128-64-1 MLP, single-row requests, one ONNX Runtime thread everywhere: at 8 connections x 16
streams Penstock (which batches) beside a gRPC C++ server and a Python grpc.aio server that run the
model once for each request; then one connection, one stream.
"""

import numpy as np
import onnxruntime

from benchmarks import latency, messages, models, report, runner
from benchmarks.h2load import Load
from benchmarks.tensors import is_close_to


def main() -> None:
    """Answer the question."""
    opts = runner.options(__doc__ or "")
    inputs, outputs = models.MLP_WIDTHS[0], models.MLP_WIDTHS[-1]
    rows = np.random.default_rng(7).standard_normal((1, inputs)).astype(np.float32)
    request = messages.encode_request("mlp", rows.shape, rows.tobytes())
    with runner.stage(opts) as stage:
        model = models.add_mlp(stage.folder / "models", "mlp")
        (wanted,) = onnxruntime.InferenceSession(model).run(None, {"INPUT0": rows})
        check = is_close_to(wanted)
        library = str(runner.onnxruntime_library())
        stage.penstock(stage.folder / "models", request)
        stage.rival("grpc_cpp_ort", request, library, str(model), str(inputs), str(outputs))
        slow = stage.rival("grpc_aio_ort", request, str(model))
        body = stage.body("request", request)
        load = Load(connections=8, streams=16, body=body)
        samples = stage.time_under_h2load(request, check, load)
        answer = report.cpu_table("MLP, 8 connections x 16 streams", samples)
        stage.servers.remove(slow)
        runs = latency.one_stream(stage, request, body, check)
        lone = latency.table("MLP, one connection, one stream", runs)
        own = answer[runner.PENSTOCK]["cpu_us_per_request"]["median"]
        goals = [
            report.Goal(what="times below grpc.aio + onnxruntime", limit=12, is_floor=True).verdict(
                report.cpu_ratio(samples, "grpc_aio_ort", runner.PENSTOCK).median
            ),
            report.Goal(what="CPU us per request", limit=15).verdict(own),
            report.Goal(what="times the p50 of gRPC C++ + ONNX Runtime", limit=1.3).verdict(
                latency.p50_ratio(runs, "grpc_cpp_ort").median
            ),
        ]
        stage.keep("onnx-mlp", {"servers": answer, "one_stream": lone, "goals": goals})


if __name__ == "__main__":
    main()
