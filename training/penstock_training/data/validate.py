# SPDX-License-Identifier: Apache-2.0
"""The step that holds rows against the spec and the schema file, and brings them to their form."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock_training.data.columns import (
    Columns,
    Problem,
    assign_columns,
    in_form,
    refuse_unknown,
    retyped,
)
from penstock_training.data.ingest import read_ingested
from penstock_training.data.parts import ROW, write_columns
from penstock_training.data.quarantine import (
    reasons_of,
    refuse_too_many,
    refuse_without_rules,
    write_quarantine,
)
from penstock_training.data.rules import Rules, read_rules
from penstock_training.data.tables import as_frame, digest_of_table, write_table
from penstock_training.data.target import encode_target, target_problems
from penstock_training.errors import DataError
from penstock_training.spec import PipelineSpec
from penstock_training.steps import Step, StepRun
from penstock_training.steps.digest import digest_of_file

__all__ = ["VALIDATE"]

NAME = "validate"


def _settings(spec: PipelineSpec) -> Any:
    return {
        "problem": spec.problem.model_dump(include={"task", "target", "positive"}),
        "groups": [group.column for group in spec.problem.groups],
        "slices": spec.evaluate.slices,
        "split_column": spec.split.column,
        "quarantine_max": spec.data.quarantine_max,
        "features": spec.features.model_dump(
            include={"numeric", "categorical", "drop", "sensitive"}
        ),
        "step_columns": [step.columns for step in spec.features.step],
    }


def _reads(spec: PipelineSpec) -> Any:
    if spec.data.schema_file is None:
        return None
    path = spec.folder / spec.data.schema_file
    read_rules(path)
    return digest_of_file(path)


def _run(run: StepRun) -> None:
    loaded = read_ingested(run.inputs["ingest"])
    spec = run.spec
    rules = None
    if spec.data.schema_file is not None:
        rules = read_rules(spec.folder / spec.data.schema_file)
    formed, columns, problems = check_rows(loaded.table, spec, rules)
    malformed = loaded.malformed
    if rules is None:
        refuse_without_rules(problems, malformed, loaded.origins)
    aside = len({problem.row for problem in problems}) + len(malformed)
    reasons = reasons_of(problems, malformed)
    rows = len(loaded.table) + len(malformed)
    refuse_too_many(aside, rows, spec.data.quarantine_max, reasons)
    if not len(formed):
        raise DataError(f"none of {rows} rows is left: all are put aside.")
    formed, columns = encode_target(formed, columns, spec.problem)
    write_table(formed, run.folder / "rows.parquet")
    write_columns(columns, run.folder)
    write_quarantine(
        run.folder / "quarantine.csv",
        loaded.table,
        problems,
        malformed,
        loaded.origins,
        sensitive=spec.features.sensitive,
    )
    found = {
        "rows": rows,
        "accepted": len(formed),
        "quarantined": aside,
        "reasons": dict(sorted(reasons.items())),
        "digest": digest_of_table(formed),
    }
    text = json.dumps(found, indent=1, ensure_ascii=False)
    (run.folder / "validation.json").write_text(text + "\n")
    if aside:
        run.note(NAME, f"{aside} of {rows} rows are put aside: see {NAME}/quarantine.csv")


def check_rows(
    table: Any, spec: PipelineSpec, rules: Rules | None
) -> tuple[Any, Columns, Sequence[Problem]]:
    """The good rows in their form with their places in ROW, and what is wrong with the others.

    Raises:
        DataError: something is wrong that is no single row's.
    """
    refuse_unknown(spec, table.column_names)
    if ROW in table.column_names:
        raise DataError(f"the data have a column {ROW!r}, which is this program's: rename it.")
    problems: list[Problem] = []
    places = np.arange(len(table))
    if rules is not None:
        problems += rules.problems(as_frame(table), sensitive=spec.features.sensitive)
        table, places = _without(table, places, problems)
        table = retyped(table, rules.dtypes)
    columns = assign_columns(spec, table)
    if not len(table):
        return table, columns, problems
    formed, more = in_form(table, columns)
    more = [*target_problems(table, spec.problem), *more]
    formed, kept = _without(formed, np.arange(len(table)), more)
    problems += [replace(problem, row=int(places[problem.row])) for problem in more]
    return _numbered(formed, places[kept]), columns, problems


def _without(
    table: Any, places: NDArray[np.int64], problems: Sequence[Problem]
) -> tuple[Any, NDArray[np.int64]]:
    """`table` and `places` without the rows that have problems."""
    is_good = np.ones(len(table), bool)
    is_good[[problem.row for problem in problems]] = False
    if is_good.all():
        return table, places
    kept = np.flatnonzero(is_good)
    return table.take(kept), places[kept]


def _numbered(table: Any, places: NDArray[np.int64]) -> Any:
    import pyarrow

    return table.append_column(ROW, pyarrow.array(places))


VALIDATE = Step(name=NAME, needs=("ingest",), run=_run, settings=_settings, reads=_reads)
