# SPDX-License-Identifier: Apache-2.0
"""Small real tables, split into parts, and what the steps from features to select make of them."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
from sklearn import datasets

from penstock_training.data.columns import Columns, assign_columns
from penstock_training.features import FeaturePlan, plan_of
from penstock_training.features.rows import classes_of, column_types
from penstock_training.files import read_json, write_json
from penstock_training.spec import PipelineSpec, spec_of
from penstock_training.stages import candidates, features, select
from penstock_training.steps import QuietProgress, StepRun

TASKS = {"breast_cancer": "binary", "wine": "multiclass", "diabetes": "regression"}
METRICS = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}


class Notes(QuietProgress):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.counts: list[tuple[int, int]] = []

    def note(self, step: str, text: str) -> None:
        self.lines.append(f"{step}: {text}")

    def count(self, step: str, done: int, total: int) -> None:
        self.counts.append((done, total))


def table(name: str, *, with_text: bool = False, rows: int = 300) -> pd.DataFrame:
    """A set of scikit-learn; with text, columns of text and of whole numbers, and names of classes.

    A number in thirteen of the first column is missing, and one text in seventeen.
    """
    found = getattr(datasets, f"load_{name}")(as_frame=True)
    frame = found.frame.rename(columns=lambda one: str(one).replace(" ", "_"))
    frame = frame.sample(n=min(rows, len(frame)), random_state=0).reset_index(drop=True)
    chance = np.random.default_rng(0)
    frame.iloc[::13, 0] = np.nan
    if with_text:
        above = frame.iloc[:, 2] > frame.iloc[:, 2].median()
        frame["size"] = np.where(above, "large", "small")
        frame["colour"] = chance.choice(["red", "grün", "blue"], len(frame))
        frame.loc[::17, "colour"] = None
        frame["rank"] = chance.integers(0, 4, len(frame))
        if TASKS[name] != "regression":
            frame["target"] = [str(found.target_names[one]) for one in frame["target"]]
    return frame


def write_split(frame: pd.DataFrame, folder: Path) -> None:
    """The parts, as the step split writes them."""
    folder.mkdir()
    ends = [int(0.6 * len(frame)), int(0.8 * len(frame)), len(frame)]
    for part, first, end in zip(("train", "validation", "test"), [0, *ends], ends, strict=False):
        frame.iloc[first:end].to_parquet(folder / f"{part}.parquet")


def spec_for(name: str, *, with_text: bool = False, **tables: Any) -> PipelineSpec:
    """A spec of one trial of a quick family."""
    task = TASKS[name]
    given: dict[str, Any] = {
        "name": name,
        "problem": {"task": task, "target": "target", "metric": METRICS[task]},
        "data": {"sklearn": name},
        "features": {"categorical": ["rank"] if with_text else []},
        "candidates": {"families": ["linear"]},
        "search": {"trials": 1},
    }
    for key, value in tables.items():
        given[key] = {**given.get(key, {}), **value} if isinstance(value, dict) else value
    return spec_of(given)


def columns_of(spec: PipelineSpec, frame: pd.DataFrame) -> Columns:
    """What the columns of `frame` are."""
    return assign_columns(spec, pyarrow.Table.from_pandas(frame, preserve_index=False))


def planned(spec: PipelineSpec, train: pd.DataFrame) -> FeaturePlan:
    """The plan for rows that train."""
    target = spec.problem.target
    is_classifier = spec.problem.task != "regression"
    classes = classes_of(train[target], target) if is_classifier else ()
    return plan_of(spec, columns_of(spec, train), column_types(train), classes)


def run_steps(
    spec: PipelineSpec, frame: pd.DataFrame, root: Path, *, until: str = "select"
) -> Notes:
    """Run the steps after split; each writes to ROOT/NAME."""
    write_split(frame, root / "split")
    (root / "validate").mkdir()
    write_json(root / "validate/columns.json", asdict(columns_of(spec, frame)))
    notes = Notes()
    for step in (features.STEP, candidates.STEP, select.STEP):
        folder = root / step.name
        folder.mkdir()
        inputs = {name: root / name for name in step.needs}
        step.run(StepRun(spec=spec, folder=folder, inputs=inputs, progress=notes))
        if step.name == until:
            break
    return notes


def record_figures(root: Path, trials: int, record: Callable[[str, object], None]) -> None:
    """Give what the steps below `root` reached to pytest's `record_property`.

    Scores are of the spec's metric on the validation rows; `parity` is the greatest difference of
    the graph's answers from the pipeline's, as `penstock_training.export.Parity` has it.
    """
    for family, best in read_json(root / "candidates/best.json").items():
        record(f"score {family}", best["score"])
    record("trials", trials)
    record("chosen", read_json(root / "select/selection.json")["family"])
    record("parity", read_json(root / "select/parity.json")["rows"]["difference"])
