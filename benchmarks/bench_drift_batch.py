# SPDX-License-Identifier: Apache-2.0
"""How long does it take to tell which columns of a table have drifted, and in how much memory?

Two files of Parquet, 8 columns of numbers and 2 of texts: a reference, and rows of which one column
has moved by 0.3 standard deviations, one is 1.5 times as wide and one has other shares of its
categories. Penstock's `penstock drift compare` beside Evidently's drift preset, each in a process
of its own, in turns; both must name these three columns and no other. Seconds are those of the
work, reading included, once all is imported; beside them the whole process. Penstock's answer has
intervals, evidence and rules of data quality besides; both write their page in a second round.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tests.story.client_environments import ClientEnvironment

from benchmarks import record, report
from benchmarks.compare import paired_ratios, spread, turns

HERE = Path(__file__).parent / "drift_batch"
DRIFTED = ["c1", "x1", "x2"]
ROWS = (100_000, 1_000_000)
EVIDENTLY = "evidently==0.7.23"
RIVAL = "Evidently"
OURS = "Penstock"
#: Times that Penstock's is at least below the rival's.
RATIO_MIN = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One comparison. `work_s`: without imports."""

    work_s: float
    wall_s: float
    cpu_s: float
    peak_mib: float


def write_table(path: Path, rows: int, *, is_drifted: bool) -> None:
    """Write one of the two files."""
    draws = np.random.default_rng(int(is_drifted))
    numbers = {f"x{place}": draws.standard_normal(rows) for place in range(8)}
    if is_drifted:
        numbers["x1"] += 0.3
        numbers["x2"] *= 1.5
    names = np.array(["north", "east", "south"])
    shares = [0.5, 0.3, 0.2]
    texts = {
        "c0": names[draws.choice(3, rows, p=shares)],
        "c1": names[draws.choice(3, rows, p=[0.3, 0.3, 0.4] if is_drifted else shares)],
    }
    pq.write_table(pa.table(numbers | texts), path)


def compared(command: Sequence[str]) -> Run:
    """One run of a contestant. Raises SystemExit if it names other columns."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    paths = {"PYTHONPATH": str(HERE.parents[1])}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | paths
    )
    wall = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    told = json.loads(done.stdout.splitlines()[-1])
    if told["drifted"] != DRIFTED:
        raise SystemExit(f"{' '.join(command)} names {told['drifted']}: wanted {DRIFTED}.")
    return Run(
        work_s=told["seconds"],
        wall_s=wall,
        cpu_s=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        peak_mib=told["peak_mib"],
    )


def round_of(
    rows: int, pythons: Mapping[str, str], repeats: int, *, has_page: bool
) -> dict[str, list[Run]]:
    """Runs of each contestant in turns, over the same two files."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = [folder / "reference.parquet", folder / "current.parquet"]
        for file, is_drifted in zip(files, (False, True), strict=True):
            write_table(file, rows, is_drifted=is_drifted)
        arguments = [*map(str, files), *([str(folder / "page.html")] if has_page else [])]
        runs: dict[str, list[Run]] = {one: [] for one in pythons}
        for contestant in [one for turn in turns(list(pythons), repeats) for one in turn]:
            script = str(HERE / f"{contestant.lower()}_compare.py")
            runs[contestant].append(compared([pythons[contestant], script, *arguments]))
    return runs


def told_of(title: str, runs: Mapping[str, list[Run]]) -> dict[str, Any]:
    """Print a round, and return it for the record."""
    table = []
    recorded: dict[str, Any] = {}
    for name, found in runs.items():
        ratios = {
            field: paired_ratios(
                [getattr(run, field) for run in found], [getattr(run, field) for run in runs[OURS]]
            )
            for field in ("work_s", "wall_s", "cpu_s", "peak_mib")
        }
        medians = {field: spread([getattr(run, field) for run in found]).median for field in ratios}
        table.append([name, *(f"{medians[one]:.2f} ({ratios[one].median:.1f}x)" for one in ratios)])
        recorded[name] = {
            "runs": [asdict(run) for run in found],
            "over_penstock": {field: asdict(ratio) for field, ratio in ratios.items()},
        }
    head = ["", "work s", "process s", "CPU s", "peak MiB"]
    report.table(f"{title}: median (x Penstock's)", head, table)
    return recorded


def main() -> None:
    """Answer the question."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a smoke run; nothing is recorded")
    parser.add_argument("--discard", action="store_true", help="record nothing")
    given = parser.parse_args()
    rival = ClientEnvironment("evidently", EVIDENTLY, "pandas<3")
    pythons = {OURS: sys.executable, RIVAL: rival.program("python")}
    machine = record.machine()
    rounds: dict[str, Any] = {}
    goals = []
    for rows in (20_000,) if given.quick else ROWS:
        for has_page in (False, True):
            repeats = 1 if given.quick else given.repeats
            runs = round_of(rows, pythons, repeats, has_page=has_page)
            title = f"{rows:,} rows x 10, {'with its page' if has_page else 'verdict alone'}"
            rounds[title] = told_of(title, runs)
            work = rounds[title][RIVAL]["over_penstock"]["work_s"]["median"]
            goal = report.Goal(what=f"times below, {title}", limit=RATIO_MIN, is_floor=True)
            goals.append(goal.verdict(work))
    answer = {
        "machine": machine,
        "rival": EVIDENTLY,
        "drifted": DRIFTED,
        "rounds": rounds,
        "goals": goals,
    }
    if not (given.quick or given.discard):
        print(record.record("drift-batch", answer, libraries=("numpy", "pyarrow", "scipy")))


if __name__ == "__main__":
    main()
