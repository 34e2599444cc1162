# SPDX-License-Identifier: Apache-2.0
"""How fast does `penstock predict` answer a table, and in how much memory?

Ten million rows of 30 columns of float32 in Parquet, as pyarrow writes it, by 500 x 31 trees of
LightGBM: compiled, for the native executor, and a fiftieth of the rows as ONNX, for ONNX Runtime.
The command is timed as a whole, its start and its writing included. Beside it stand, in turns with
it, scripts that read the same file, answer it and write a file (offline_predict.py), and what those
rows cost without a file: the executors, given rows in memory, and pyarrow's reader alone. All have
as many threads as there are cores. Time is the clock's; CPU time, which a machine that is busy with
other work disturbs least, stands beside it. Answers are checked against LightGBM's.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import record, report, runner
from benchmarks.compare import paired_ratios, spread, turns
from benchmarks.ensembles import FEATURES, Ensemble, ensembles
from benchmarks.tree_onnx import write_onnx
from penstock.native.artifact import read_artifact
from penstock.predict import open_model
from penstock.predict.options import CHUNK_ROWS
from penstock.predict.source.parquet import BUFFER_BYTES

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of one contestant. `memory_mib`: the most that was resident; 0: nobody asked."""

    rows: int
    seconds: float
    cpu_seconds: float
    memory_mib: float = 0

    @property
    def rows_per_second(self) -> float:
        """Return the speed by the clock."""
        return self.rows / self.seconds

    @property
    def cpu_ns(self) -> float:
        """Return the CPU time of a row."""
        return self.cpu_seconds / self.rows * 1e9


def _timed(rows: int, work: Callable[[], object], who: int = resource.RUSAGE_SELF) -> Run:
    """Time `work`, which answers `rows` rows; `who` as getrusage() has it."""
    before, began = resource.getrusage(who), time.perf_counter()
    work()
    seconds, after = time.perf_counter() - began, resource.getrusage(who)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(rows=rows, seconds=seconds, cpu_seconds=cpu)


def _command(arguments: Sequence[str]) -> str:
    run = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, cwd=runner.ROOT
    )
    if run.returncode:
        sys.exit(f"{arguments} failed: {run.stderr}")
    return run.stdout


def _predict(model: Path, table: Path, output: Path, rows: int) -> Run:
    """Run the command."""
    arguments = ["predict", str(model), "--input", str(table), "--output", str(output)]
    arguments += ["--overwrite", "--feature-columns", ",".join(_COLUMNS)]
    told: list[str] = []
    run = _timed(
        rows, lambda: told.append(_command(["-c", _COMMAND, *arguments])), resource.RUSAGE_CHILDREN
    )
    return replace(run, memory_mib=int(told[0].split()[-2]) / 1024)


def _script(kind: str, model: Path, table: Path, output: Path, rows: int) -> Run:
    """Run offline_predict.py."""
    arguments = ["-m", "benchmarks.offline_predict", kind, str(model), str(table), str(output)]
    threads = str(os.cpu_count() or 1)
    return _timed(rows, lambda: _command([*arguments, threads]), resource.RUSAGE_CHILDREN)


def _executor(model: Path, rows: Rows, threads: int, wanted: int) -> Callable[[], Run]:
    """Let the server's executor answer about `wanted` rows that lie in memory, chunks side by side;
    `rows` again and again.
    """
    local = open_model(str(model)).local
    datatype = np.float64 if local.inputs[0].datatype == "FP64" else np.float32
    chunks = [
        np.ascontiguousarray(rows[begin : begin + CHUNK_ROWS], datatype)
        for begin in range(0, len(rows), CHUNK_ROWS)
    ]
    repeats = max(1, wanted // len(rows))
    pool = ThreadPoolExecutor(threads)

    def answer() -> None:
        for _ in pool.map(lambda chunk: local.run(len(chunk), [chunk]), chunks * repeats):
            pass

    answer()
    return lambda: _timed(len(rows) * repeats, answer)


def _decoding(table: Path, rows: int) -> Run:
    """Read the table with pyarrow, by chunks as the command does it, and do nothing with it."""

    def read() -> None:
        file = pq.ParquetFile(table, pre_buffer=False, buffer_size=BUFFER_BYTES)
        for _ in file.iter_batches(CHUNK_ROWS, columns=_COLUMNS):
            pass

    return _timed(rows, read)


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

    threads, some = os.cpu_count() or 1, count // 50
    print(f"writing {count:,} rows ...", flush=True)
    table, small = folder / "rows.parquet", folder / "some.parquet"
    rows = _write_rows(table, count)
    _write_rows(small, some)
    onnx = folder / "trees.onnx"
    write_onnx(read_artifact(one.exact), onnx)
    booster = lightgbm.Booster(model_file=str(one.source))
    native, ort = one.artifact, "onnxruntime"
    out = folder / "out.parquet"
    contestants: dict[str, Callable[[], Run]] = {
        "predict, native": lambda: _predict(native, table, out, count),
        "script, native": lambda: _script("native", native, table, out, count),
        "in memory, native": _executor(native, rows, threads, count),
        "reading alone": lambda: _decoding(table, count),
        "predict, ONNX Runtime": lambda: _predict(onnx, small, out, some),
        "script, ONNX Runtime": lambda: _script(ort, onnx, small, out, some),
        "in memory, ONNX Runtime": _executor(onnx, rows[: 2 * CHUNK_ROWS], threads, some),
        "script, LightGBM": lambda: _script("lightgbm", one.source, small, out, some),
    }
    runs: dict[str, list[Run]] = {who: [] for who in contestants}
    for order in turns(list(contestants), repeats):
        for who in order:
            out.unlink(missing_ok=True)
            run = contestants[who]()
            runs[who].append(run)
            if out.exists():
                _check(out, rows[: min(CHUNK_ROWS, run.rows)], booster, run.rows)
            print(f"  {who}: {run.rows_per_second:,.0f} rows/s", flush=True)
    speeds = {who: spread([run.rows_per_second for run in found]) for who, found in runs.items()}
    costs = {who: spread([run.cpu_ns for run in found]) for who, found in runs.items()}
    report.table(
        f"{one.name}, {threads} threads",
        ["who", "rows/s", "CPU ns a row", "MiB at most"],
        [
            [who, f"{speed.median:,.0f} ({speed.least:,.0f}-{speed.greatest:,.0f})",
             f"{costs[who].median:,.0f} ({costs[who].least:,.0f}-{costs[who].greatest:,.0f})",
             f"{max(run.memory_mib for run in runs[who]):.0f}" if runs[who][0].memory_mib else ""]
            for who, speed in speeds.items()
        ],
    )  # fmt: skip
    return {
        "rows": count,
        "threads": threads,
        "runs": {who: [asdict(run) for run in found] for who, found in runs.items()},
        "rows_per_second": {who: asdict(speed) for who, speed in speeds.items()},
        "cpu_ns_per_row": {who: asdict(cost) for who, cost in costs.items()},
        **_verdicts(runs),
    }


def _verdicts(runs: Mapping[str, Sequence[Run]]) -> dict[str, Any]:
    """Print and return ratios of neighbours in time, and which goals they meet."""
    ratios: dict[str, Any] = {}
    goals = []
    for backend in ("native", "ONNX Runtime"):
        ours = runs[f"predict, {backend}"]
        for rival in (f"script, {backend}", f"in memory, {backend}"):
            by_clock = paired_ratios(
                [run.rows_per_second for run in ours],
                [run.rows_per_second for run in runs[rival]],
            )
            by_cpu = paired_ratios(
                [run.cpu_ns for run in runs[rival]], [run.cpu_ns for run in ours]
            )
            what = f"predict, {backend} over {rival}"
            ratios[what] = {"clock": asdict(by_clock), "cpu": asdict(by_cpu)}
            print(f"  {what}: {by_clock} by the clock, {by_cpu} by CPU time")
            if rival.startswith("script"):
                goal = report.Goal(what=what, limit=_RATIO, is_floor=True)
                goals.append(goal.verdict(by_clock.median))
    memory = max(run.memory_mib for run in runs["predict, native"])
    goal = report.Goal(what="memory of predict, native, in MiB", limit=_MEMORY_MIB_MAX)
    return {"ratios": ratios, "goals": [*goals, goal.verdict(memory)]}


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
