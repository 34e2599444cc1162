# SPDX-License-Identifier: Apache-2.0
"""What does a row cost a dense layer or a small net, without a server?

Penstock's kernels on every instruction set beside oneDNN and ONNX Runtime by their C functions: one
pinned core, one thread, warm and with cold caches. Of each contestant the best of many trials of
0.3 ms counts, since whatever else runs can only make one slower; what this core can multiply at
best is measured in turns with them. Every contestant's answers are checked first. Ensembles of
trees are timed by bench_trees.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import record, report, runner
from benchmarks.dense_nets import (
    DenseCase,
    write_case,
    write_nibbles_onnx,
    write_onnx,
    write_quantized_onnx,
)
from penstock.native.quantize.forms import FormName

_LAYERS = (
    (1, 30, 128),
    (1, 128, 64),
    (64, 128, 64),
    (1, 768, 768),
    (8, 768, 3072),
    (64, 768, 768),
    (64, 3072, 768),
    (256, 1024, 1024),
    (1, 4096, 4096),
    (64, 4096, 4096),
)
_NIBBLES = ((1, 768, 768), (1, 4096, 4096), (64, 768, 768))
_NETS = ((30, 128, 64, 1), (784, 512, 256, 10))
_NET_BATCHES = (1, 8, 64)
#: Of such many rows and operations, and weights that caches hold, a layer's time is that of its
#: products. Those of 64,4096,4096 come from memory: there parity is the goal.
_COMPUTE_BOUND_ROWS = 64
_COMPUTE_BOUND_OPERATIONS = 5e7
_COMPUTE_BOUND_WEIGHTS = 8 << 20
#: Of the answers' spread. Rivals round in their own ways, and an inner byte of a net may differ.
_TOLERANCE = 0.15
_EXACT = 1e-3
#: A round takes about two minutes.
_ROUNDS_MAX = 3

_OWN = "penstock avx512 int8-static"

#: Billions of operations a second by kind.
Peaks = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """A program to run on a case, and whose answers it must give."""

    name: str
    command: list[str]
    answers: Path
    given: Path
    tolerance: float
    environment: Mapping[str, str] = field(default_factory=dict)


Maker = Callable[[DenseCase], Iterator[Contestant]]


@dataclass(slots=True)
class Times:
    """ns per row by batch: the best of all rounds."""

    warm: dict[int, float] = field(default_factory=dict)
    cold: dict[int, float] = field(default_factory=dict)


def _run(command: Sequence[str], environment: Mapping[str, str]) -> list[list[str]]:
    printed = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    if printed.returncode != 0:
        sys.exit(f"{' '.join(command)}: {printed.stderr}")
    return [line.split("\t") for line in printed.stdout.splitlines()]


def _penstock(case: DenseCase, form: FormName, isa: str = "avx512") -> Contestant:
    return Contestant(
        name=f"penstock {isa} {form}",
        command=[
            str(runner.BUILD / "penstock_dense"),
            *(str(case.path(f"{form}.pnst")), str(case.path("rows")), isa),
            *(str(case.path("given")), *map(str, case.batches)),
        ],
        answers=case.path(f"{form}.npy"),
        given=case.path("given"),
        tolerance=_EXACT if case.is_layer else _TOLERANCE,
    )


def _onednn(case: DenseCase, form: FormName, name: str, isa: str) -> Contestant:
    return Contestant(
        name=f"oneDNN {name}",
        command=[
            str(runner.BUILD / "onednn_dense"),
            *(str(case.path(f"{form}.pnst")), str(case.path("rows")), str(case.path("given"))),
            *map(str, case.batches),
        ],
        answers=case.path(f"{form}.npy"),
        given=case.path("given"),
        tolerance=_EXACT,
        environment={"ONEDNN_MAX_CPU_ISA": isa, "OMP_NUM_THREADS": "1"},
    )


def _onnxruntime(case: DenseCase, name: str, graph: str, form: FormName) -> Contestant:
    return Contestant(
        name=f"ONNX Runtime {name}",
        command=[
            str(runner.BUILD / "onnxruntime_dense"),
            *(str(runner.onnxruntime_library()), str(case.path(graph)), str(case.path("rows"))),
            *(str(case.widths[0]), str(case.widths[-1]), str(case.path("given"))),
            *map(str, case.batches),
        ],
        answers=case.path(f"{form}.npy"),
        given=case.path("given"),
        tolerance=_TOLERANCE,
    )


def _has_amx() -> bool:
    return "amx_int8" in Path("/proc/cpuinfo").read_text()


def _layer_contestants(case: DenseCase) -> Iterator[Contestant]:
    write_case(case, ("int8-static", "fp32"))
    write_onnx(case)
    yield _penstock(case, "int8-static")
    yield _penstock(case, "int8-static", "avx2")
    yield _penstock(case, "fp32")
    yield _onednn(case, "int8-static", "u8s8", "AVX512_CORE_VNNI")
    if _has_amx():
        yield _onednn(case, "int8-static", "u8s8 by AMX", "ALL")
    yield _onednn(case, "fp32", "fp32", "ALL")
    yield _onnxruntime(case, "fp32", "onnx", "fp32")


def _nibble_contestants(case: DenseCase) -> Iterator[Contestant]:
    write_case(case, ("int4",))
    write_nibbles_onnx(case)
    yield _penstock(case, "int4")
    yield _penstock(case, "int4", "avx2")
    yield _onnxruntime(case, "MatMulNBits", "int4.onnx", "int4")


def _net_contestants(case: DenseCase) -> Iterator[Contestant]:
    write_case(case, ("int8-static", "int8-dynamic", "bf16", "fp32"))
    write_onnx(case)
    write_quantized_onnx(case)
    yield _penstock(case, "int8-static")
    yield _penstock(case, "int8-static", "avx2")
    yield _penstock(case, "int8-static", "scalar")
    yield _penstock(case, "int8-dynamic")
    yield _penstock(case, "bf16")
    yield _penstock(case, "fp32")
    yield _onnxruntime(case, "int8 static", "static.onnx", "fp32")
    yield _onnxruntime(case, "int8 dynamic", "dynamic.onnx", "fp32")
    yield _onnxruntime(case, "fp32", "onnx", "fp32")


def _check(contestant: Contestant) -> None:
    given = np.fromfile(contestant.given, np.float32)
    wanted = np.load(contestant.answers).ravel()
    worst = float(np.max(np.abs(given - wanted)) / np.ptp(wanted))
    if not worst <= contestant.tolerance:
        sys.exit(f"{contestant.name} answers {worst:.1e} away from {contestant.answers}")


def _measure(contestants: Sequence[Contestant], rounds: int) -> tuple[dict[str, Times], Peaks]:
    """In turns, forwards and backwards. A line's kind is told in its contestant's name."""
    times: dict[str, Times] = {}
    peaks: Peaks = {}
    for turn in range(rounds):
        for contestant in contestants if turn % 2 == 0 else reversed(contestants):
            for kind, gops in _run([str(runner.BUILD / "peak")], {}):
                peaks[kind] = max(peaks.get(kind, 0.0), float(gops))
            lines = _run(contestant.command, contestant.environment)
            if not lines:
                continue  # an instruction set that this machine has not
            _check(contestant)
            for what, batch, best, _ in lines:
                kind, _, cold = what.partition(" ")
                name = f"{contestant.name}, u8 rows" if kind == "u8" else contestant.name
                of = times.setdefault(name, Times())
                found = of.cold if cold else of.warm
                found[int(batch)] = min(found.get(int(batch), float("inf")), float(best))
    return times, peaks


def _recorded(case: DenseCase, times: Mapping[str, Times], peaks: Peaks) -> dict[str, Any]:
    return {
        "case": case.name,
        "peak_gops": peaks,
        "ns_per_row": {n: {"warm": t.warm, "cold": t.cold} for n, t in times.items()},
    }


def _layers(
    title: str, shapes: Sequence[tuple[int, int, int]], rounds: int, make: Maker
) -> list[dict[str, Any]]:
    """Print us of a call, billions of operations a second and their share of the peak."""
    recorded = []
    for m, k, n in shapes:
        case = DenseCase(widths=(k, n), batches=(m,))
        times, peaks = _measure(list(make(case)), rounds)
        lines = []
        for name, time in times.items():
            gops = case.operations / time.warm[m]
            peak = peaks["avx512 int8"]
            lines.append(
                [
                    name,
                    f"{time.warm[m] * m / 1000:.3f}",
                    f"{time.cold[m] * m / 1000:.1f}",
                    f"{gops:.0f}",
                    f"{gops / peak:.0%}" if "fp32" not in name else "-",
                ]
            )
        head = ["us a call", "warm", "cold", "GOPS", "of int8's peak"]
        report.table(f"{title} {case.name}", head, lines)
        recorded.append(_recorded(case, times, peaks) | {"goals": _layer_goals(case, times, peaks)})
    return recorded


def _layer_goals(case: DenseCase, times: Mapping[str, Times], peaks: Peaks) -> list[dict[str, Any]]:
    """Of layers whose time is that of their products."""
    (m,) = case.batches
    own, rival = times.get(f"{_OWN}, u8 rows"), times.get("oneDNN u8s8, u8 rows")
    is_bound = m >= _COMPUTE_BOUND_ROWS and case.operations * m >= _COMPUTE_BOUND_OPERATIONS
    if own is None or rival is None or not is_bound:
        return []
    share = report.Goal(what=f"of int8's peak, {case.name}", limit=0.97, is_floor=True)
    parity = report.Goal(what=f"times oneDNN's time, {case.name}", limit=1.02)
    if case.operations / 2 > _COMPUTE_BOUND_WEIGHTS:
        return [parity.verdict(own.warm[m] / rival.warm[m])]
    return [
        share.verdict(case.operations / own.warm[m] / peaks["avx512 int8"]),
        parity.verdict(own.warm[m] / rival.warm[m]),
    ]


def _nets(rounds: int) -> list[dict[str, Any]]:
    recorded = []
    for widths in _NETS:
        case = DenseCase(widths=widths, batches=_NET_BATCHES)
        times, peaks = _measure(list(_net_contestants(case)), rounds)
        own = times[_OWN]
        lines = [
            [name]
            + [f"{time.warm[batch]:.0f}" for batch in _NET_BATCHES]
            + [f"{time.cold[1]:.0f}"]
            + [f"{time.warm[batch] / own.warm[batch]:.1f}x" for batch in _NET_BATCHES]
            for name, time in times.items()
        ]
        head = ["ns a row", *(f"batch {batch}" for batch in _NET_BATCHES), "cold, 1"]
        report.table(case.name, [*head, *(f"x at {batch}" for batch in _NET_BATCHES)], lines)
        floor = case.operations / peaks["avx512 int8"]
        print(f"  its products alone, at the peak: {floor:.0f} ns a row")
        goals = []
        if widths == _NETS[0]:
            rivals = [time.warm[1] for name, time in times.items() if "ONNX" in name]
            goal = report.Goal(what="times ONNX Runtime's best, batch 1", limit=15, is_floor=True)
            goals.append(goal.verdict(min(rivals) / own.warm[1]))
        recorded.append(_recorded(case, times, peaks) | {"goals": goals})
    return recorded


def main() -> None:
    """Answer the question."""
    opts = runner.options(__doc__ or "", has_rivals=False)
    if not (runner.BUILD / "penstock_dense").exists():
        sys.exit("the programs are not built: run benchmarks/kernels/build.sh")
    machine = record.machine()
    os.sched_setaffinity(0, {opts.load_core})
    rounds = min(opts.repeats, _ROUNDS_MAX)
    answer = {
        "machine": machine,
        "layers": _layers("layer", _LAYERS, rounds, _layer_contestants),
        "four_bits": _layers("4-bit weights,", _NIBBLES, rounds, _nibble_contestants),
        "nets": _nets(rounds),
    }
    if opts.is_recorded:
        print(record.record("kernels", answer))


if __name__ == "__main__":
    main()
