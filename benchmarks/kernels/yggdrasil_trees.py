# SPDX-License-Identifier: Apache-2.0
"""Yggdrasil's trees: yggdrasil_trees WHAT MODEL ROWS COLUMNS ANSWERS.

MODEL is a folder that benchmarks/tree_yggdrasil.py wrote. WHAT is `yggdrasil`, which is
`model.predict` of a numpy array and spends nearly all of its time on what it makes of the array, or
`yggdrasil_engine`, which is `model.benchmark`: the library's own count of its fastest C++ engine,
whose rows lie in the engine's own layout already. That one tells means over some passes; the best
of them counts. One thread each. ANSWERS gets what `model.predict` says.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import ydf

from benchmarks.kernels.timing import BATCHES, TRIALS, Rows, tell, time_calls, time_cold
from benchmarks.tree_yggdrasil import INPUT

# Of a pass: enough that no branch predictor knows them by heart.
_ENGINE_ROWS = 256
_ENGINE_SECONDS = 0.002


def _time_engine(model: Any, rows: Rows, batch: int) -> list[float]:
    """Return how many ns a batch took on the mean, of each of many short counts."""
    taken = []
    for _ in range(TRIALS // 5):
        counted = model.benchmark(
            {INPUT: rows.next(max(batch, _ENGINE_ROWS))},
            benchmark_duration=_ENGINE_SECONDS,
            warmup_duration=_ENGINE_SECONDS,
            batch_size=batch,
            num_threads=1,
        )
        taken.append(counted.duration_per_example * 1e9 * batch)
    return taken


def main(what: str, folder: str, rows_file: str, columns: str, answers_file: str) -> None:
    """Write the answers, then time."""
    ydf.verbose(0)  # it writes to standard output
    model = ydf.load_model(folder)
    rows = Rows(Path(rows_file), int(columns))
    answers = model.predict({INPUT: rows.all}, num_threads=1)
    np.asarray(answers, np.float64).tofile(answers_file)
    for batch in BATCHES:
        if what == "yggdrasil_engine":
            tell("warm", batch, _time_engine(model, rows, batch))
            continue

        def work(batch: int = batch) -> None:
            model.predict({INPUT: rows.next(batch)}, num_threads=1)

        tell("warm", batch, time_calls(work))
        if batch == 1:
            tell("cold", batch, time_cold(work))


if __name__ == "__main__":
    main(*sys.argv[1:])
