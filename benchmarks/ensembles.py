# SPDX-License-Identifier: Apache-2.0
"""The ensembles of trees that are timed: trained once, and kept in benchmarks/build.

Thirty features of 60 000 made-up rows: 500 LightGBM trees of 31 leaves, 300 XGBoost trees of depth
6, and a scikit-learn forest of 200 trees of depth 12.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks import runner
from penstock.native.artifact import write_artifact
from penstock.native.compiler import compile_file
from penstock.native.options import CompileOptions

FEATURES = 30
ROWS = 8192
_TRAINED = 60_000
_TRAINED_FOREST = 20_000

Rows = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """A trained model as its library has it and compiled, and what the library answers."""

    name: str
    source: Path
    #: Sums of float32 in whatever order is fastest, as rivals that compile trees have them too.
    artifact: Path
    #: Sums bit for bit the library's.
    exact: Path
    #: Sums of leaves, before any link.
    answers: Path


def rows_file(folder: Path) -> Path:
    """Write the rows that are asked for."""
    path = folder / "rows.f32"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        np.random.default_rng(11).standard_normal((ROWS, FEATURES), np.float32).tofile(path)
    return path


def read_rows(folder: Path) -> Rows:
    """Return them."""
    return np.fromfile(rows_file(folder), np.float32).reshape(-1, FEATURES)


def _data() -> tuple[Rows, npt.NDArray[np.float64]]:
    random = np.random.default_rng(7)
    x = random.standard_normal((_TRAINED, FEATURES), np.float32)
    y = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + np.where(x[:, 3] > 0.3, x[:, 4], -x[:, 5])
    y = y + (0.2 * x[:, 6:] * random.standard_normal(FEATURES - 6)).sum(axis=1)
    return x, y + 0.3 * random.standard_normal(_TRAINED)


def _lightgbm(path: Path, rows: Rows) -> npt.NDArray[np.float64]:
    import lightgbm

    x, y = _data()
    settings = {"objective": "binary", "num_leaves": 31, "verbose": -1, "seed": 1}
    booster = lightgbm.train(settings, lightgbm.Dataset(x, y > 0), 500)
    booster.save_model(path)
    return np.asarray(booster.predict(rows, raw_score=True), np.float64)


def _xgboost(path: Path, rows: Rows) -> npt.NDArray[np.float64]:
    import xgboost

    x, y = _data()
    settings = {"objective": "binary:logistic", "max_depth": 6, "eta": 0.1, "seed": 1}
    booster = xgboost.train(settings, xgboost.DMatrix(x, y > 0), 300)
    booster.save_model(path)
    margins = booster.predict(xgboost.DMatrix(rows), output_margin=True)
    return np.asarray(margins, np.float64)


def _forest(path: Path, rows: Rows) -> npt.NDArray[np.float64]:
    from skl2onnx import to_onnx
    from sklearn.ensemble import RandomForestRegressor

    x, y = _data()
    forest = RandomForestRegressor(200, max_depth=12, random_state=1, n_jobs=2)
    forest.fit(x[:_TRAINED_FOREST], y[:_TRAINED_FOREST])
    path.write_bytes(to_onnx(forest, x[:1], target_opset=17).SerializeToString())
    return np.asarray(forest.predict(rows), np.float64)


_TRAINERS: dict[str, tuple[str, Callable[[Path, Rows], npt.NDArray[np.float64]]]] = {
    "lightgbm-500x31": ("txt", _lightgbm),
    "xgboost-300-depth-6": ("json", _xgboost),
    "forest-200-depth-12": ("onnx", _forest),
}


def ensembles() -> list[Ensemble]:
    """Train and compile what is not there yet; return all three."""
    folder = runner.BUILD / "ensembles"
    rows = read_rows(folder)
    made = []
    for name, (suffix, train) in _TRAINERS.items():
        one = Ensemble(
            name=name,
            source=folder / f"{name}.{suffix}",
            artifact=folder / f"{name}.pnst",
            exact=folder / f"{name}.exact.pnst",
            answers=folder / f"{name}.npy",
        )
        if not one.answers.exists():
            print(f"training {name} ...", flush=True)
            np.save(one.answers, train(one.source, rows))
        write_artifact(
            compile_file(one.source, options=CompileOptions(is_exact=False)), one.artifact
        )
        write_artifact(compile_file(one.source), one.exact)
        made.append(one)
    return made
