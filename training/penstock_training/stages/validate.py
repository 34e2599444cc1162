# SPDX-License-Identifier: Apache-2.0
"""`validate` holds rows against the spec and the schema file, and looks for what would deceive.

rows.parquet         the accepted rows, ROW being their places in the source
quarantine.parquet   the others, with `reasons`
doubted.parquet      rows whose labels the other rows contradict, if [data.checks] asks for them
validation.json      counts, reasons and findings
columns.json         what each column is
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from penstock_training.data.check_rows import check_rows
from penstock_training.data.columns import Columns
from penstock_training.data.doubted import doubted_table, findings_of, labels_in_doubt
from penstock_training.data.findings import Finding, answered, as_json
from penstock_training.data.leakage import identifiers, leaks
from penstock_training.data.quarantine import (
    quarantined,
    reasons_of,
    refuse_too_many,
    refuse_without_rules,
)
from penstock_training.data.repeats import duplicates
from penstock_training.data.rules import digest_of_rules, read_rules
from penstock_training.data.same_rows import kinds_of_rows
from penstock_training.data.tables import digest_of_table, write_table
from penstock_training.data.target import checked_target
from penstock_training.errors import DataError
from penstock_training.files import read_json, write_json
from penstock_training.spec import PipelineSpec
from penstock_training.stages.ingest import read_ingested
from penstock_training.steps import Step, StepRun

__all__ = ["STEP", "read_columns"]

NAME = "validate"
#: Of samples and folds. What is found does not depend on the pipeline's seed.
_SEED = 0


def _run(run: StepRun) -> None:
    spec = run.spec
    loaded = read_ingested(run.inputs["ingest"])
    path = _schema_path(spec)
    rules = None if path is None else read_rules(path)
    good, columns, problems = check_rows(loaded.table, spec, rules)
    if rules is None:
        refuse_without_rules(problems, loaded.malformed, loaded.origins)
    aside = len({problem.row for problem in problems}) + len(loaded.malformed)
    rows = len(loaded.table) + len(loaded.malformed)
    reasons = reasons_of(problems, loaded.malformed)
    refuse_too_many(aside, rows, spec.data.quarantine_max, reasons)
    if not len(good):
        raise DataError(f"none of {rows} rows is left: all are put aside.")
    good = checked_target(good, spec.problem)
    findings = _findings(run, good, columns)
    write_table(good, run.folder / "rows.parquet")
    others = quarantined(
        loaded.table,
        problems,
        loaded.malformed,
        loaded.origins,
        sensitive=spec.features.sensitive,
    )
    write_table(others, run.folder / "quarantine.parquet")
    write_json(run.folder / "columns.json", asdict(columns))
    write_json(
        run.folder / "validation.json",
        {
            "rows": rows,
            "accepted": len(good),
            "quarantined": aside,
            "reasons": dict(reasons),
            "digest": digest_of_table(good),
            "schema_digest": None if path is None else digest_of_rules(path),
            "findings": as_json(findings),
        },
    )
    if aside:
        run.note(NAME, f"{aside} of {rows} rows are put aside: see quarantine.parquet")


def _findings(run: StepRun, table: Any, columns: Columns) -> list[Finding]:
    """What the checks found. The cheap ones answer first."""
    spec, checks = run.spec, run.spec.data.checks
    found = identifiers(table, columns)
    if checks.duplicates != "ignore":
        kinds = kinds_of_rows(table, columns)
        found += answered(duplicates(table, kinds, columns, answer=checks.duplicates))
    is_classes = spec.problem.task != "regression"
    with threadpool_limits(spec.threads):
        if checks.leakage != "ignore":
            leaking = leaks(
                table, columns, is_classes=is_classes, answer=checks.leakage, seed=_SEED
            )
            found += answered(leaking)
        if checks.labels != "ignore":
            found += _doubts(run, table, columns, is_classes=is_classes)
    for finding in found:
        if finding.severity == "warn":
            run.note(NAME, finding.sentence)
    return found


def _doubts(run: StepRun, table: Any, columns: Columns, *, is_classes: bool) -> list[Finding]:
    checks = run.spec.data.checks
    doubts = labels_in_doubt(table, columns, is_classes=is_classes, seed=_SEED)
    if doubts is None:
        return []
    write_table(doubted_table(table, doubts, columns), run.folder / "doubted.parquet")
    found = findings_of(
        doubts,
        columns,
        answer=checks.labels,
        share_max=checks.doubted_labels_max,
        is_classes=is_classes,
    )
    return answered(found)


def _schema_path(spec: PipelineSpec) -> Path | None:
    name = spec.data.schema_file
    return None if name is None else spec.folder / name


def read_columns(folder: Path) -> Columns:
    """What each column is, from the step's folder."""
    found = read_json(folder / "columns.json")
    lists = ("numeric", "categorical", "others", "sensitive")
    return Columns(target=found["target"], **{name: tuple(found[name]) for name in lists})


def _settings(spec: PipelineSpec) -> Any:
    return {
        "problem": spec.problem.model_dump(include={"task", "target", "positive"}),
        "groups": [group.column for group in spec.problem.groups],
        "slices": spec.evaluate.slices,
        "split_column": spec.split.column,
        "quarantine_max": spec.data.quarantine_max,
        "checks": spec.data.checks.model_dump(exclude={"contamination"}),
        "threads": spec.threads,
        "features": spec.features.model_dump(
            include={"numeric", "categorical", "drop", "sensitive"}
        ),
        "step_columns": [step.columns for step in spec.features.step],
    }


def _reads(spec: PipelineSpec) -> Any:
    path = _schema_path(spec)
    return None if path is None else digest_of_rules(path)


STEP = Step(name=NAME, needs=("ingest",), run=_run, settings=_settings, reads=_reads)
