# SPDX-License-Identifier: Apache-2.0
"""oneDAL's trees, which have no entry but Python's: onedal_trees MODEL ROWS COLUMNS ANSWERS.

MODEL is a binary classifier of LightGBM (text) or XGBoost (JSON), which daal4py converts. One
thread; what predicts is prepared once for each batch. ANSWERS gets probabilities: there is no way
to ask a classifier for its sums.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import daal4py
import daal4py.mb
import numpy as np

from benchmarks.kernels.timing import BATCHES, Floats, Rows, tell, time_calls, time_cold


def _booster(path: Path) -> Any:
    if path.suffix == ".txt":
        import lightgbm

        return lightgbm.Booster(model_file=path)
    import xgboost

    return xgboost.Booster(model_file=path)


def _prepared(model: Any) -> Callable[[Floats], Any]:
    """Return what predicts batches of one size, that of the first."""
    algorithm = daal4py.gbt_classification_prediction(
        nClasses=2, fptype="float", resultsToEvaluate="computeClassProbabilities"
    )
    return lambda rows: algorithm.compute(rows, model).probabilities


def main(source: str, rows_file: str, columns: str, answers_file: str) -> None:
    """Write the answers, then time."""
    daal4py.daalinit(1)
    model = daal4py.mb.convert_model(_booster(Path(source))).daal_model_
    rows = Rows(Path(rows_file), int(columns))
    _prepared(model)(rows.all)[:, 1].astype(np.float64).tofile(answers_file)
    for batch in BATCHES:
        predict = _prepared(model)

        def work(batch: int = batch, predict: Callable[[Floats], Any] = predict) -> None:
            predict(rows.next(batch))

        tell("warm", batch, time_calls(work))
        if batch == 1:
            tell("cold", batch, time_cold(work))


if __name__ == "__main__":
    main(*sys.argv[1:])
