# SPDX-License-Identifier: Apache-2.0
"""How fast does `penstock predict` answer a table, and in how much memory?

Ten million rows of 30 columns of float32 in Parquet, as pyarrow writes it, by 500 x 31 trees of
LightGBM: compiled, for the native executor, and a fiftieth of the rows as ONNX, for ONNX Runtime.
The
command is timed as a whole, its start and its writing included. Beside it stand, in the same run,
the executor that it uses, LightGBM and ONNX Runtime, each with as many threads as there are cores
and rows that lie in memory already. Answers are checked against LightGBM's.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import record, report, runner
from benchmarks.compare import Spread, spread
from benchmarks.ensembles import FEATURES, Ensemble, ensembles
from benchmarks.tree_onnx import write_onnx
from penstock.local_model import LocalModel
from penstock.native.artifact import read_artifact
from penstock.predict import open_model
from penstock.predict.options import CHUNK_ROWS

_ROWS = 10_000_000
_BLOCK = 250_000
#: Rows in memory that the offline contestants are given, again and again.
_IN_MEMORY = 8 * CHUNK_ROWS
_COLUMNS = [f"f{place}" for place in range(FEATURES)]
_RATIO = 0.9
_MEMORY_MIB_MAX = 600

#: The command, which tells at its end the most that was resident. What wait4() says would count
#: what this process held when it started the other.
_COMMAND = """
import atexit
from penstock.cli import main
status = lambda: open("/proc/self/status").read().splitlines()
atexit.register(lambda: print(next(line for line in status() if line.startswith("VmHWM"))))
main()
"""

Rows = npt.NDArray[np.float32]


def _write_rows(path: Path, rows: int) -> Rows:
    """Write the table; return its first rows."""
    draws = np.random.default_rng(3)
    first = np.empty((0, FEATURES), np.float32)
    schema = pa.schema([(name, pa.float32()) for name in _COLUMNS])
    with pq.ParquetWriter(path, schema) as writer:
        for begin in range(0, rows, _BLOCK):
            block = draws.standard_normal((min(_BLOCK, rows - begin), FEATURES), np.float32)
            writer.write_table(pa.table(list(block.T), schema=schema))
            if len(first) < _IN_MEMORY:
                first = np.concatenate([first, block])[:_IN_MEMORY]
    return np.ascontiguousarray(first)


def _predict(model: Path, rows: Path, output: Path) -> tuple[float, float]:
    """Run the command; return its seconds and the most memory that it held, in MiB."""
    arguments = ["predict", str(model), "--input", str(rows), "--output", str(output)]
    arguments += ["--overwrite", "--feature-columns", ",".join(_COLUMNS)]
    began = time.perf_counter()
    run = subprocess.run(
        [sys.executable, "-c", _COMMAND, *arguments], capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - began
    if run.returncode:
        sys.exit(f"penstock predict failed: {run.stderr}")
    return seconds, int(run.stdout.split()[-2]) / 1024


def _chunked(local: LocalModel, rows: Rows, threads: int) -> Callable[[], object]:
    """What answers all rows by the server's executor, chunks side by side."""
    datatype = np.float64 if local.inputs[0].datatype == "FP64" else np.float32
    chunks = [
        np.ascontiguousarray(rows[begin : begin + CHUNK_ROWS], datatype)
        for begin in range(0, len(rows), CHUNK_ROWS)
    ]
    pool = ThreadPoolExecutor(threads)
    return lambda: list(pool.map(lambda chunk: local.run(len(chunk), [chunk]), chunks))


def _rows_per_second(answer: Callable[[], object], rows: int, repeats: int) -> Spread:
    """Return rows per second of several calls; the first one is not counted."""
    answer()
    found = []
    for _ in range(repeats):
        began = time.perf_counter()
        answer()
        found.append(rows / (time.perf_counter() - began))
    return spread(found)


def _check(output: Path, rows: Rows, booster: Any, count: int) -> None:
    """Refuse answers that are not LightGBM's: probabilities, or sums of leaves."""
    table = pq.read_table(output)
    if table.num_rows != count:
        sys.exit(f"{output} has {table.num_rows} rows, wanted {count}")
    found = np.asarray(table.column(table.column_names[-1]).slice(0, len(rows)), np.float64)
    for is_raw in (False, True):
        if np.allclose(found, booster.predict(rows, raw_score=is_raw), atol=2e-5):
            return
    sys.exit(f"{output} has wrong answers")


def _measure(one: Ensemble, folder: Path, count: int, repeats: int) -> dict[str, Any]:
    import lightgbm
    import onnxruntime

    threads = os.cpu_count() or 1
    print(f"writing {count:,} rows ...", flush=True)
    rows = _write_rows(folder / "rows.parquet", count)
    _write_rows(folder / "some.parquet", count // 50)
    onnx = folder / "trees.onnx"
    write_onnx(read_artifact(one.exact), onnx)
    booster = lightgbm.Booster(model_file=str(one.source))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(onnx), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    small = rows[:CHUNK_ROWS]
    offline = {
        "native executor": (_chunked(open_model(str(one.artifact)).local, rows, threads), rows),
        "onnxruntime executor": (
            _chunked(open_model(str(onnx)).local, rows[: 2 * CHUNK_ROWS], threads),
            rows[: 2 * CHUNK_ROWS],
        ),
        "LightGBM": (lambda: booster.predict(small, num_threads=threads), small),
        "ONNX Runtime": (lambda: session.run(None, {name: small}), small),
    }
    speeds = {
        who: _rows_per_second(answer, len(given), repeats)
        for who, (answer, given) in offline.items()
    }
    told: dict[str, Any] = {"rows": count, "threads": threads, "runs": {}}
    memory = {}
    for what, model, table, wanted in (
        ("predict, native", one.artifact, "rows.parquet", count),
        ("predict, onnxruntime", onnx, "some.parquet", count // 50),
    ):
        output = folder / "out.parquet"
        runs = [_predict(model, folder / table, output) for _ in range(min(3, repeats))]
        _check(output, rows[: min(len(small), wanted)], booster, wanted)
        speeds[what] = spread([wanted / seconds for seconds, _ in runs])
        memory[what] = max(mib for _, mib in runs)
        told["runs"][what] = [{"seconds": s, "memory_mib": mib} for s, mib in runs]
    report.table(
        f"{one.name}, {threads} threads",
        ["who", "rows/s", "MiB at most"],
        [
            [who, f"{speed.median:,.0f} ({speed.least:,.0f}-{speed.greatest:,.0f})",
             f"{memory[who]:.0f}" if who in memory else "rows in memory"]
            for who, speed in speeds.items()
        ],
    )  # fmt: skip
    for who, speed in speeds.items():
        told[who] = {"median": speed.median, "least": speed.least, "greatest": speed.greatest}
    ratios = (
        ("predict, native", "native executor"),
        ("predict, onnxruntime", "onnxruntime executor"),
        ("predict, native", "LightGBM"),
        ("predict, native", "ONNX Runtime"),
    )
    told["goals"] = [
        report.Goal(what=f"{ours} over {theirs}", limit=_RATIO, is_floor=True).verdict(
            speeds[ours].median / speeds[theirs].median
        )
        for ours, theirs in ratios
    ]
    told["goals"].append(
        report.Goal(what="memory of predict, native, in MiB", limit=_MEMORY_MIB_MAX).verdict(
            memory["predict, native"]
        )
    )
    return told


def main() -> None:
    """Answer the question."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=_ROWS)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a smoke run; nothing is recorded")
    parser.add_argument("--discard", action="store_true", help="record nothing")
    given = parser.parse_args()
    machine = record.machine()
    rows, repeats = (200_000, 2) if given.quick else (given.rows, given.repeats)
    one = next(found for found in ensembles() if found.name.startswith("lightgbm"))
    runner.BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="predict-", dir=runner.BUILD) as folder:
        answer = _measure(one, Path(folder), rows, repeats)
    if not (given.quick or given.discard):
        print(record.record("predict", {"machine": machine, **answer}))


if __name__ == "__main__":
    main()
