# SPDX-License-Identifier: Apache-2.0
"""How many bytes does one core move?

Identity of 16 KiB and 1 MiB, 8 connections x 16 streams: Penstock beside a bare HTTP/2 echo that
copies once on the way in and not at all on the way out; and both beside memcpy.
"""

from dataclasses import asdict

import numpy as np

from benchmarks import messages, models, report, runner
from benchmarks.compare import paired_ratios, spread
from benchmarks.h2load import Load
from benchmarks.tensors import echoes

_WIDTHS = {"16 KiB": 4096, "1 MiB": 262144}
# HTTP/2's least frame limit, which h2load has unless told otherwise, and one that holds the tensor.
_CASES = (("16 KiB", 1 << 14), ("1 MiB", 1 << 14), ("1 MiB", 1 << 20))
_LIMIT = 1.2


def _measure(stage: runner.Stage, size: str, frame: int) -> dict[str, object]:
    width = _WIDTHS[size]
    rows = np.random.default_rng(7).standard_normal((1, width)).astype(np.float32)
    request = messages.encode_request(size.replace(" ", ""), rows.shape, rows.tobytes())
    body = stage.body(f"request-{width}", request)
    load = Load(connections=8, streams=16, body=body, frame_bytes_max=frame)
    samples = stage.time_under_h2load(request, echoes(rows), load)
    title = f"Identity {size}, frames of at most {frame >> 10} KiB back"
    servers = report.cpu_table(title, samples)
    copied = float(stage.run_load([str(runner.BUILD / "memory_copy"), str(rows.nbytes), "0.5"]))
    moved = {}
    for name, runs in samples.items():
        # A tensor that comes in and goes out has been moved twice.
        rate = spread([2 * rows.nbytes / (run.cpu_us_per_request * 1e-6) for run in runs])
        moved[name] = asdict(rate)
        print(f"  {name}: {rate.median / 1e9:.2f} GB/s in and out per core")
    print(f"  memcpy of {size}: {copied / 1e9:.2f} GB/s")
    ratio = paired_ratios(
        [run.cpu_us_per_request for run in samples[runner.PENSTOCK]],
        [run.cpu_us_per_request for run in samples["bare_h2_echo"]],
    )
    goal = report.Goal(what=f"times the bare echo's CPU, {title}", limit=_LIMIT)
    return {
        "title": title,
        "servers": servers,
        "bytes_per_core_second": moved,
        "memcpy_bytes_per_second": copied,
        "goal": goal.verdict(ratio.median),
    }


def main() -> None:
    """Answer the question."""
    opts = runner.options(__doc__ or "")
    with runner.stage(opts) as stage:
        repository = stage.folder / "models"
        for size, width in _WIDTHS.items():
            models.add_identity(repository, size.replace(" ", ""), width)
        probe = messages.encode_request("16KiB", (1, 4096), bytes(4 * 4096))
        stage.penstock(repository, probe)
        stage.rival("bare_h2_echo", probe)
        cases = [_measure(stage, size, frame) for size, frame in _CASES]
        stage.keep("large-tensors", {"cases": cases})


if __name__ == "__main__":
    main()
