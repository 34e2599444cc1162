# SPDX-License-Identifier: Apache-2.0
"""What does it cost to count the rows that a model answers?

Natively, on one pinned core: ns per value of the thread that answers (one copy into a ring) and of
the thread that counts (bins, moments, what is outside, repeated rows), of 100 features with 63
edges, beside the sketches of datasketches, which are given the same values as an array, so that
Python is no part of it; each must find the median's rank. Of each case the best of many trials
counts.

Served: identity of [1,100] floats, `watched` beside `plain` in one server with one io thread: p50
and p99, the CPU time of the io thread and of the whole server a request, one request at a time,
4000 a second, and a closed loop of 8 connections x 16 streams.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import datasketches
import numpy as np

from benchmarks import compare, latency, messages, models, report, runner
from benchmarks.h2load import Load
from benchmarks.load_shape import FULL, LOADS, Shape
from benchmarks.servers import Server, cpu_ns, verify
from benchmarks.tensors import echoes

_PROGRAM = runner.BUILD / "drift_cost"
_WIDTH = 100
_PLAIN, _WATCHED = "plain", "watched"
_TAP = "tap, a row into the ring"
_COUNTING = "counting, one row a request"
_HOLED = "counting, one row a request, a tenth missing"
#: ns a value.
_LIMITS = {_TAP: 0.3, _COUNTING: 4.0, _HOLED: 4.0}
_SKETCH_VALUES = 1_000_000
_RATIO_MAX, _MORE_US_MAX = 1.01, 20.0


def main() -> None:
    """Answer the question."""
    opts = runner.options(__doc__ or "", has_rivals=False)
    if not _PROGRAM.exists():
        sys.exit("the program is not built: run benchmarks/drift/build.sh")
    with runner.stage(opts) as stage:
        native, goals = natively(opts)
        served, more = as_served(stage)
        stage.keep("drift-cost", {"native_ns": native, "served": served, "goals": goals + more})


# --- natively -----------------------------------------------------------------------------------


def natively(opts: runner.Options) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """Time what a value costs each thread, and what it would cost in a sketch."""
    rounds = [native_round(opts) for _ in range(max(opts.repeats // 3, 1))]
    best = {name: min(one[name] for one in rounds) for name in rounds[0]}
    report.table(
        "one value",
        ["", "ns", "x counting"],
        [[name, f"{ns:.3f}", f"{ns / best[_COUNTING]:.2f}"] for name, ns in best.items()],
    )
    print()
    goals = [
        report.Goal(what=f"ns a value, {name}", limit=limit).verdict(best[name])
        for name, limit in _LIMITS.items()
    ]
    kll = report.Goal(what="x counting, a value in KLL", limit=10.0, is_floor=True)
    return best, [*goals, kll.verdict(best["KLL"] / best[_COUNTING])]


def native_round(opts: runner.Options) -> dict[str, float]:
    """The best of each case, in ns a value."""
    core = ["taskset", "-c", str(opts.load_core)]
    printed = subprocess.run([*core, _PROGRAM], capture_output=True, text=True, check=False)
    if printed.returncode != 0:
        sys.exit(f"{_PROGRAM}: {printed.stderr}")
    lines = [line.split("\t") for line in printed.stdout.splitlines()]
    return {name: float(best) for name, best, _ in lines} | sketches(opts)


def sketches(opts: runner.Options) -> dict[str, float]:
    """The same of datasketches, each fed a million values at once."""
    values = np.random.default_rng(7).standard_normal(_SKETCH_VALUES).astype(np.float32)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {opts.load_core})
    found = {}
    made: dict[str, Callable[[], Any]] = {
        "KLL": lambda: datasketches.kll_floats_sketch(200),
        "REQ": lambda: datasketches.req_floats_sketch(12),
        "t-digest": lambda: datasketches.tdigest_float(100),
    }
    for name, make in made.items():
        best = float("inf")
        for _ in range(3):
            sketch = make()
            began = time.perf_counter_ns()
            sketch.update(values)
            best = min(best, (time.perf_counter_ns() - began) / len(values))
        if abs(sketch.get_rank(0.0) - 0.5) > 0.02:
            sys.exit(f"{name} does not find the median's rank: {sketch.get_rank(0.0)}")
        found[name] = best
    os.sched_setaffinity(0, before)
    return found


# --- served -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One of the models under load."""

    request: bytes
    body: Path
    answer_bytes: int


def as_served(stage: runner.Stage) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Time both models in turns under each load."""
    rows = np.random.default_rng(7).standard_normal((1, _WIDTH)).astype(np.float32)
    repository = stage.folder / "models"
    for name in (_PLAIN, _WATCHED):
        models.add_identity(repository, name, _WIDTH)
    requests = {
        name: messages.encode_request(name, rows.shape, rows.tobytes())
        for name in (_PLAIN, _WATCHED)
    }
    server = stage.rival("watched_penstock", requests[_PLAIN], str(repository), str(_WIDTH))
    asked = {
        name: Asked(
            request=request,
            body=stage.body(name, request),
            answer_bytes=verify(server, request, echoes(rows)),
        )
        for name, request in requests.items()
    }
    loads = {}
    goals = []
    for title, shape in LOADS.items():
        loads[title] = in_turns(stage, server, asked, title, shape)
        if title != FULL:
            goals.append(goal_of(title, loads[title]))
    for one in asked.values():
        verify(server, one.request, echoes(rows))
    return loads, goals


def io_cpu_ns(pid: int) -> int:
    """Return the CPU time in ns that the io threads of a server have used."""
    tasks = [
        task
        for task in Path(f"/proc/{pid}/task").iterdir()
        if (task / "comm").read_text().strip() == "penstock-io"
    ]
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)


def in_turns(
    stage: runner.Stage, server: Server, asked: dict[str, Asked], title: str, shape: Shape
) -> dict[str, Any]:
    """Run each model as often as is wanted; print and return what each took."""
    runs: dict[str, list[latency.Run]] = {name: [] for name in asked}
    io_us: dict[str, list[float]] = {name: [] for name in asked}
    all_us: dict[str, list[float]] = {name: [] for name in asked}

    def once(name: str, count: int) -> latency.Run:
        load = Load(
            connections=shape.connections,
            streams=shape.streams,
            rate=shape.rate,
            body=asked[name].body,
        )
        return latency.once(stage, server, load, count, asked[name].answer_bytes)

    trial = once(_PLAIN, 2000)
    count = max(int(stage.options.seconds * shape.per_second(trial.p50)), 2000)
    for turn in compare.turns(list(runs), stage.options.repeats):
        for name in turn:
            io_ns, all_ns = io_cpu_ns(server.pid), cpu_ns(server.pid)
            runs[name].append(once(name, count))
            io_us[name].append((io_cpu_ns(server.pid) - io_ns) / count / 1e3)
            all_us[name].append((cpu_ns(server.pid) - all_ns) / count / 1e3)
    p50 = {name: compare.spread([run.p50 for run in of]) for name, of in runs.items()}
    p99 = {name: compare.spread([run.p99 for run in of]) for name, of in runs.items()}
    io = {name: compare.spread(of) for name, of in io_us.items()}
    whole = {name: compare.spread(of) for name, of in all_us.items()}
    more = compare.spread(
        [one.p99 - other.p99 for one, other in zip(runs[_WATCHED], runs[_PLAIN], strict=True)]
    )
    report.table(
        title,
        ["", "p50 us", "p99 us", "io thread's CPU us", "CPU us"],
        [[name, str(p50[name]), str(p99[name]), str(io[name]), str(whole[name])] for name in runs],
    )
    return {
        "runs": {name: [asdict(run) for run in of] for name, of in runs.items()},
        "p50_us": {name: asdict(one) for name, one in p50.items()},
        "p99_us": {name: asdict(one) for name, one in p99.items()},
        "p99_more_us": asdict(more),
        "io_cpu_us": {name: asdict(one) for name, one in io.items()},
        "cpu_us": {name: asdict(one) for name, one in whole.items()},
    }


def goal_of(title: str, load: dict[str, Any]) -> dict[str, Any]:
    """Whether p99 is within 1 % or 20 us."""
    limit = max(_MORE_US_MAX, (_RATIO_MAX - 1) * load["p99_us"][_PLAIN]["median"])
    goal = report.Goal(what=f"us of p99 more while rows are counted, {title}", limit=limit)
    return goal.verdict(load["p99_more_us"]["median"])


if __name__ == "__main__":
    main()
