# SPDX-License-Identifier: Apache-2.0
"""`split` deals rows into those that train, that choose and that judge.

train.parquet, validation.parquet, test.parquet   the columns of validate's rows
split.json                                        method, sizes, classes, digests, findings
"""

from collections.abc import Mapping
from typing import Any

from penstock_training.data.columns import Columns
from penstock_training.data.findings import Finding, answered, as_json
from penstock_training.data.repeats import contamination
from penstock_training.data.same_rows import kinds_of_rows
from penstock_training.data.tables import digest_of_table, read_table, write_table
from penstock_training.files import write_json
from penstock_training.spec import PipelineSpec
from penstock_training.split import PARTS, class_counts, method_of, split_rows
from penstock_training.stages.validate import read_columns
from penstock_training.steps import Step, StepRun

__all__ = ["STEP"]

NAME = "split"


def _run(run: StepRun) -> None:
    spec = run.spec
    folder = run.inputs["validate"]
    columns = read_columns(folder)
    table = read_table(folder / "rows.parquet")
    places = split_rows(table, columns, spec)
    parts = {name: table.take(places[name]) for name in PARTS}
    findings = _findings(run, table, columns, places)
    described: dict[str, Any] = {}
    for name, part in parts.items():
        write_table(part, run.folder / f"{name}.parquet")
        described[name] = {"rows": len(part), "digest": digest_of_table(part)}
        if spec.problem.task != "regression":
            described[name]["classes"] = class_counts(part, columns.target)
    write_json(
        run.folder / "split.json",
        {
            "method": method_of(spec),
            "column": spec.split.column,
            "seed": spec.seed,
            "parts": described,
            "findings": as_json(findings),
        },
    )
    sizes = ", ".join(f"{described[name]['rows']} {name}" for name in PARTS)
    run.note(NAME, f"{method_of(spec)}: {sizes}")


def _findings(
    run: StepRun, table: Any, columns: Columns, places: Mapping[str, Any]
) -> list[Finding]:
    answer = run.spec.data.checks.contamination
    if answer == "ignore":
        return []
    kinds = kinds_of_rows(table, columns)
    found = answered(contamination(kinds, places, columns, answer=answer))
    for finding in found:
        run.note(NAME, finding.sentence)
    return found


def _settings(spec: PipelineSpec) -> Any:
    return {
        "split": spec.split.model_dump(),
        "method": method_of(spec),
        "seed": spec.seed,
        "contamination": spec.data.checks.contamination,
    }


STEP = Step(name=NAME, needs=("validate",), run=_run, settings=_settings)
