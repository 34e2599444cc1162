# SPDX-License-Identifier: Apache-2.0
"""features: what happens to each feature, and whether the training rows take the steps.

Writes features.json, a FeaturePlan.
"""

from typing import Any

from penstock_training.files import write_json
from penstock_training.spec import PipelineSpec
from penstock_training.steps import Step, StepRun

__all__ = ["STEP"]


def _settings(spec: PipelineSpec) -> Any:
    return {
        "features": spec.features.model_dump(mode="json"),
        "task": spec.problem.task,
        "target": spec.problem.target,
        "families": list(spec.candidates.used),
        "feature_names": spec.package.feature_names,
    }


def _run(run: StepRun) -> None:
    import pandas as pd

    from penstock_training.candidates.tables import parts_of, transformed_for
    from penstock_training.errors import DataError
    from penstock_training.features import plan_of, target_of
    from penstock_training.features.rows import classes_of, column_types
    from penstock_training.stages.validate import read_columns

    spec = run.spec
    train, validation, test = (
        pd.read_parquet(run.inputs["split"] / f"{part}.parquet")
        for part in ("train", "validation", "test")
    )
    target = spec.problem.target
    is_classifier = spec.problem.task != "regression"
    classes = classes_of(train[target], target) if is_classifier else ()
    columns = read_columns(run.inputs["validate"])
    plan = plan_of(spec, columns, column_types(train), classes)
    if spec.problem.task == "binary" and len(classes) != 2:
        raise DataError(
            f"the task is binary, and the target {target} has {len(classes)} classes: "
            "set task to multiclass, or mend the data."
        )
    if not is_classifier and train[target].nunique() < 2:
        raise DataError(f"the target {target} is the same in all rows that train.")
    target_of(test, plan)
    parts = parts_of(train, validation, plan)
    widths = {
        family: transformed_for(family, parts, plan, class_weight=None).train.x.shape[1]
        for family in spec.candidates.used
    }
    narrow = [family for family, width in widths.items() if width == 0]
    if narrow:
        raise DataError(f"[features] leaves no features for the family {', '.join(narrow)}.")
    write_json(run.folder / "features.json", plan.to_json())
    run.note(
        "features",
        f"{len(plan.numeric)} numeric and {len(plan.categorical)} categorical columns, "
        f"{max(widths.values())} numbers a row",
    )


STEP = Step(name="features", needs=("validate", "split"), run=_run, settings=_settings)
