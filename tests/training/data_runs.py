# SPDX-License-Identifier: Apache-2.0
"""Pipelines of the data's steps alone, for tests."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from penstock_training.spec import PipelineSpec, spec_of
from penstock_training.stages import ingest, split, validate
from penstock_training.steps import QuietProgress, StepResult, StepStore, run_steps

METRICS = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "rmse"}


def pipeline(
    folder: Path, *, task: str = "binary", target: str = "y", **tables: Any
) -> PipelineSpec:
    """A spec in `folder`; `tables` are those of the file, `problem` and all.

    Checks that nobody asks for are left out: `data` may have a table `checks`.
    """
    ignored = dict.fromkeys(("leakage", "duplicates", "contamination", "labels"), "ignore")
    data = {**tables.pop("data", {})}
    data["checks"] = {**ignored, **data.get("checks", {})}
    problem = {"task": task, "target": target, "metric": METRICS[task], **tables.pop("problem", {})}
    return spec_of({"name": "t", "problem": problem, "data": data, **tables}).in_folder(folder)


def run_data(spec: PipelineSpec, work: Path) -> Mapping[str, StepResult]:
    """Run the data's steps, with what they keep below `work`."""
    steps = (ingest.STEP, validate.STEP, split.STEP)
    return run_steps(steps, spec, StepStore(work), QuietProgress(), libraries={})


def said_by(result: StepResult, name: str) -> Any:
    """What a step wrote as JSON."""
    return json.loads((result.folder / name).read_text())


def write_csv(path: Path, *lines: str) -> Path:
    """A file of `lines`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def two_classes(path: Path, rows: int = 40) -> Path:
    """Columns a (whole), b (fractions), c (text), y (text), with no row like another."""
    lines = [f"{i},{i / 7},{'xyz'[i % 3]},{'no' if i % 4 else 'yes'}" for i in range(rows)]
    return write_csv(path, "a,b,c,y", *lines)


def frame_of(result: StepResult, name: str) -> Any:
    """A parquet file of a step, as later steps read it."""
    import pandas as pd

    return pd.read_parquet(result.folder / f"{name}.parquet")
