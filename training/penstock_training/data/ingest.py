# SPDX-License-Identifier: Apache-2.0
"""The step that reads the source, and does nothing else: later steps see the rows as they came."""

import json
from dataclasses import asdict
from pathlib import Path

from penstock_training.data.formats import Malformed
from penstock_training.data.source import Loaded, Origin, load, marks_of, shown_source
from penstock_training.data.tables import digest_of_table, read_table, write_table
from penstock_training.spec import PipelineSpec
from penstock_training.steps import Step, StepRun

__all__ = ["ingest_step", "read_ingested"]

NAME = "ingest"


def ingest_step(spec: PipelineSpec) -> Step:
    """`ingest`. Kept while the source's files are the same; a source that does not say so, such as
    a database, is read each time, and what follows is kept if the rows are the same.

    Raises:
        DataError: the source cannot be found.
    """
    marks = marks_of(spec)
    return Step(
        name=NAME,
        run=_run,
        settings=lambda spec: spec.data.model_dump(include={"path", "sql", "database", "sklearn"}),
        reads=lambda _: marks,
        is_kept=marks is not None,
    )


def _run(run: StepRun) -> None:
    loaded = load(run.spec)
    write_table(loaded.table, run.folder / "rows.parquet")
    found = {
        "source": shown_source(run.spec.data),
        "rows": len(loaded.table),
        "digest": digest_of_table(loaded.table),
        "columns": {field.name: str(field.type) for field in loaded.table.schema},
        "origins": [asdict(origin) for origin in loaded.origins],
        "malformed": [asdict(line) for line in loaded.malformed],
    }
    text = json.dumps(found, indent=1, ensure_ascii=False)
    (run.folder / "source.json").write_text(text + "\n")
    run.note(NAME, f"{len(loaded.table)} rows of {len(loaded.table.column_names)} columns")


def read_ingested(folder: Path) -> Loaded:
    """What the step wrote."""
    found = json.loads((folder / "source.json").read_text())
    return Loaded(
        table=read_table(folder / "rows.parquet"),
        origins=[Origin(**origin) for origin in found["origins"]],
        malformed=[Malformed(**line) for line in found["malformed"]],
    )
