# SPDX-License-Identifier: Apache-2.0
"""How much throughput does the server take from a model that fills the core?

A transformer encoder of about 10 ms a batch of eight, random weights: rows per second through
Penstock, all of it on one core, beside ONNX Runtime alone in a loop on that core at the same batch
and threads. Runs are paired and interleaved; the answer is the median of their ratios.
"""

import subprocess
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnxruntime

from benchmarks import messages, models, report, runner
from benchmarks.compare import paired_ratios, spread
from benchmarks.h2load import Load, WrongAnswersError
from benchmarks.servers import Server, verify
from benchmarks.tensors import Floats, is_close_to

_BATCH = models.ENCODER_ROWS
_ROW = (models.ENCODER_TOKENS, models.ENCODER_WIDTH)


class _Offline:
    """ONNX Runtime in a loop, in a process of its own that waits between runs."""

    def __init__(self, stage: runner.Stage, model: Path, row: Floats, wanted: Floats) -> None:
        batch = stage.folder / "batch"
        batch.write_bytes(row.tobytes() * _BATCH)
        shapes = [",".join(map(str, (_BATCH, *row.shape[1:]))), f"{_BATCH},{wanted.shape[1]}"]
        program = [str(runner.BUILD / "ort_loop"), str(runner.onnxruntime_library())]
        command = ["taskset", "-c", str(stage.options.server_core), *program]
        command += [str(model), "1", str(batch), *shapes]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._wanted = float(wanted.sum()) * _BATCH

    def rows_per_second(self, seconds: float) -> float:
        """Run for about that long. Raises WrongAnswersError for a wrong output."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        batches, taken, total = map(float, self._process.stdout.readline().split())
        if not np.isclose(total, self._wanted, rtol=1e-3, atol=1e-3):
            raise WrongAnswersError(f"ort_loop: a sum of {self._wanted} was wanted, {total} came")
        return batches * _BATCH / taken

    def end(self) -> None:
        """End the process."""
        self._process.communicate(timeout=20)


def main() -> None:
    """Answer the question."""
    opts = runner.options(__doc__ or "")
    row = np.random.default_rng(7).standard_normal((1, *_ROW)).astype(np.float32)
    request = messages.encode_request("encoder", row.shape, row.tobytes())
    with runner.stage(opts) as stage:
        model = models.add_encoder(stage.folder / "models", "encoder")
        (wanted,) = onnxruntime.InferenceSession(model).run(None, {"INPUT0": row})
        check = is_close_to(wanted)
        server = stage.penstock(stage.folder / "models", request)
        answer_bytes = verify(server, request, check)
        # Four batches in flight: one computes, the next is already whole.
        load = Load(connections=4, streams=8, body=stage.body("request", request))
        offline = _Offline(stage, model, row, wanted)
        alone, served = _paired_runs(stage, server, load, answer_bytes, offline)
        offline.end()
        verify(server, request, check)

        ratio = paired_ratios(served, alone)
        batch_ms = 1e3 * _BATCH / spread(alone).median
        rows = [["ONNX Runtime alone", str(spread(alone))], ["penstock", str(spread(served))]]
        report.table(f"Encoder, {batch_ms:.1f} ms a batch of {_BATCH}", ["", "rows/s"], rows)
        print(f"  ratio {ratio}")
        goal = report.Goal(what="of ONNX Runtime's own throughput", limit=0.97, is_floor=True)
        answer = {
            "alone_rows_per_second": alone,
            "served_rows_per_second": served,
            "ratio": asdict(ratio),
            "batch_ms": batch_ms,
            "goals": [goal.verdict(ratio.median)],
        }
        stage.keep("onnx-encoder", answer)


def _paired_runs(
    stage: runner.Stage, server: Server, load: Load, answer_bytes: int, offline: _Offline
) -> tuple[list[float], list[float]]:
    seconds = stage.options.seconds
    rate = offline.rows_per_second(seconds)
    requests = max(int(rate * seconds) // _BATCH, 8) * _BATCH
    stage.load_once(server, load, requests, answer_bytes)
    alone: list[float] = []
    served: list[float] = []

    def run_alone() -> None:
        alone.append(offline.rows_per_second(seconds))

    def run_served() -> None:
        sample = stage.load_once(server, load, requests, answer_bytes)
        served.append(sample.requests_per_second)

    for repeat in range(stage.options.repeats):
        first, second = (run_alone, run_served) if repeat % 2 == 0 else (run_served, run_alone)
        first()
        second()
    return alone, served


if __name__ == "__main__":
    main()
