# SPDX-License-Identifier: Apache-2.0
"""What does a row cost an ensemble of trees, without a server?

Penstock's forests on every instruction set, in float32 and, "exact", in the library's own
arithmetic, beside LightGBM, XGBoost and ONNX Runtime by their C functions, and beside tl2cgen,
lleaves, oneDAL and Yggdrasil where they are installed: one pinned core, one thread, batches of 1,
8, 64 and 1024 rows, and one row with cold caches. Of each contestant the best of many trials of
0.3 ms counts, since whatever else runs can only make one slower. Every contestant's answers for all
rows are checked first against the library that trained the model. oneDAL and Yggdrasil are called
from Python, which costs a call some microseconds; "yggdrasil_engine" is Yggdrasil's own count of
its C++ engine, without that.
"""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import record, report, runner
from benchmarks.ensembles import FEATURES, Ensemble, ensembles, rows_file
from benchmarks.tree_onnx import write_onnx
from penstock.native.artifact import read_artifact

_ISAS = ("avx512", "avx2", "scalar")
_BATCHES = (1, 8, 64, 1024)
#: ns per row at batch 1 and 64 on the machine that the kernels were designed on.
_GOALS = {
    "lightgbm-500x31": (1400, 560),
    "xgboost-300-depth-6": (800, 530),
    "forest-200-depth-12": (3700, 3000),
}
_RATIO = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """A program to run, and how far its answers may be from the library's."""

    name: str
    command: list[str]
    tolerance: float = 1e-5
    #: Rather than sums of leaves: where a library has no other way to tell what it found.
    tells_probabilities: bool = False


@dataclass(slots=True)
class Times:
    """ns per row by batch: the best of all rounds. `cold` is one row, where that can be told."""

    best: dict[int, float] = field(default_factory=dict)
    cold: float | None = None


def _library(package: str, path: str) -> str | None:
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        return None
    return str(Path(found.submodule_search_locations[0]) / path)


def _tl2cgen(one: Ensemble, *, quantizes: bool) -> str | None:
    """Compile the trees to C and that to a library; None where that cannot be done."""
    if one.source.suffix == ".onnx" or importlib.util.find_spec("tl2cgen") is None:
        return None
    library = one.source.with_suffix(".quantized.so" if quantizes else ".tl2cgen.so")
    if not library.exists():
        import tl2cgen
        import treelite

        load = (
            treelite.frontend.load_lightgbm_model
            if one.source.suffix == ".txt"
            else treelite.frontend.load_xgboost_model
        )
        tl2cgen.export_lib(
            load(str(one.source)),
            toolchain="gcc",
            libpath=str(library),
            params={"parallel_comp": 2, "quantize": int(quantizes)},
        )
    return str(library)


def _lleaves(one: Ensemble) -> str | None:
    """As above, of lleaves, which reads LightGBM's models."""
    if one.source.suffix != ".txt" or importlib.util.find_spec("lleaves") is None:
        return None
    library = one.source.with_suffix(".lleaves.so")
    if not library.exists():
        import lleaves

        compiled = library.with_suffix(".o")
        lleaves.Model(model_file=str(one.source)).compile(cache=str(compiled), raw_score=True)
        subprocess.run(["gcc", "-shared", "-o", library, compiled, "-lm"], check=True)
    return str(library)


def _yggdrasil(one: Ensemble) -> Path | None:
    """As above, of Yggdrasil, which is given the compiled trees."""
    if importlib.util.find_spec("ydf") is None:
        return None
    folder = one.source.with_suffix(".yggdrasil")
    if not folder.exists():
        from benchmarks.tree_yggdrasil import write_yggdrasil

        write_yggdrasil(read_artifact(one.artifact), folder)
    return folder


def _contestants_in_python(one: Ensemble, asked: list[str]) -> Iterator[Contestant]:
    """Yield those that have no entry for C; `asked` are rows, columns and answers."""
    python = [sys.executable, "-m"]
    if one.source.suffix != ".onnx" and importlib.util.find_spec("daal4py") is not None:
        command = [*python, "benchmarks.kernels.onedal_trees", str(one.source), *asked]
        yield Contestant(name="onedal", command=command, tells_probabilities=True)
    folder = _yggdrasil(one)
    if folder is not None:
        for name in ("yggdrasil", "yggdrasil_engine"):
            program = [*python, "benchmarks.kernels.yggdrasil_trees", name]
            yield Contestant(name=name, command=[*program, str(folder), *asked])


def _contestants(one: Ensemble, rows: Path) -> Iterator[Contestant]:
    out = str(rows.with_name("answers.f64"))
    own, rivals = str(runner.BUILD / "penstock_trees"), str(runner.BUILD / "tree_rivals")
    asked = [str(rows), str(FEATURES)]
    for what, artifact in (("", one.artifact), (", exact", one.exact)):
        for isa in _ISAS:
            name = f"penstock {isa}{what}"
            yield Contestant(name=name, command=[own, str(artifact), *asked, isa, out])

    def rival(
        name: str, library: str | None, model: Path, tolerance: float
    ) -> Iterator[Contestant]:
        if library is not None:
            command = [rivals, name, library, str(model), *asked, out]
            yield Contestant(name=name, command=command, tolerance=tolerance)

    if one.source.suffix == ".txt":
        lightgbm = _library("lightgbm", "lib/lib_lightgbm.so")
        yield from rival("lightgbm_fast", lightgbm, one.source, 1e-9)
        yield from rival("lightgbm", lightgbm, one.source, 1e-9)
    if one.source.suffix == ".json":
        yield from rival("xgboost", _library("xgboost", "lib/libxgboost.so"), one.source, 1e-5)
    graph = one.source.with_suffix(".rival.onnx")
    write_onnx(read_artifact(one.artifact), graph)
    yield from rival("onnxruntime", str(runner.onnxruntime_library()), graph, 1e-4)
    yield from rival("tl2cgen", _tl2cgen(one, quantizes=False), one.source, 1e-4)
    yield from rival("tl2cgen_quantized", _tl2cgen(one, quantizes=True), one.source, 1e-4)
    yield from rival("lleaves", _lleaves(one), one.source, 1e-9)
    yield from _contestants_in_python(one, [*asked, out])


def _run(contestant: Contestant, one: Ensemble, times: Times) -> None:
    printed = subprocess.run(
        contestant.command, capture_output=True, text=True, check=False, cwd=runner.ROOT
    )
    if printed.returncode != 0:
        sys.exit(f"{contestant.name}: {printed.stderr}")
    if not printed.stdout:
        return  # an instruction set that this machine has not
    given = np.fromfile(contestant.command[-1], np.float64)
    wanted = np.load(one.answers)
    if contestant.tells_probabilities:
        wanted = 1 / (1 + np.exp(-wanted))
    worst = float(np.max(np.abs(given - wanted) / (1 + np.abs(wanted))))
    if not worst <= contestant.tolerance:
        sys.exit(f"{contestant.name} answers {worst:.1e} away from {one.name}'s library")
    for line in printed.stdout.splitlines():
        kind, batch, best, _ = line.split("\t")
        if kind == "cold":
            times.cold = min(times.cold or float("inf"), float(best))
        else:
            times.best[int(batch)] = min(times.best.get(int(batch), float("inf")), float(best))


def _measure(one: Ensemble, rounds: int) -> dict[str, Any]:
    contestants = list(_contestants(one, rows_file(one.source.parent)))
    times = {contestant.name: Times() for contestant in contestants}
    for turn in range(rounds):
        for contestant in contestants if turn % 2 == 0 else reversed(contestants):
            _run(contestant, one, times[contestant.name])
    times = {name: time for name, time in times.items() if time.best}
    own = times[next(iter(times))]
    lines = [
        [name]
        + [f"{time.best[batch]:.0f}" for batch in _BATCHES]
        + ["-" if time.cold is None else f"{time.cold:.0f}"]
        + [f"{time.best[batch] / own.best[batch]:.1f}x" for batch in (1, 64)]
        for name, time in times.items()
    ]
    head = ["ns per row", *(f"batch {batch}" for batch in _BATCHES), "cold, 1", "x at 1", "x at 64"]
    report.table(one.name, head, lines)
    goals = []
    for batch, limit in zip((1, 64), _GOALS[one.name], strict=True):
        what = f"ns per row, {one.name} at batch {batch}"
        goals.append(report.Goal(what=what, limit=limit).verdict(own.best[batch]))
        rivals = [t.best[batch] for name, t in times.items() if not name.startswith("penstock")]
        what = f"times the fastest rival, {one.name} at batch {batch}"
        goal = report.Goal(what=what, limit=_RATIO, is_floor=True)
        goals.append(goal.verdict(min(rivals) / own.best[batch]))
    return {
        "ensemble": one.name,
        "ns_per_row": {n: {"best": t.best, "cold": t.cold} for n, t in times.items()},
        "goals": goals,
    }


def main() -> None:
    """Answer the question."""
    opts = runner.options(__doc__ or "", has_rivals=False)
    if not (runner.BUILD / "penstock_trees").exists():
        sys.exit("the programs are not built: run benchmarks/kernels/build.sh")
    machine = record.machine()
    made = ensembles()
    os.sched_setaffinity(0, {opts.load_core})
    answer = {"machine": machine, "ensembles": [_measure(one, opts.repeats) for one in made]}
    if opts.is_recorded:
        print(record.record("trees", answer))


if __name__ == "__main__":
    main()
