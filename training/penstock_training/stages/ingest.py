# SPDX-License-Identifier: Apache-2.0
"""`ingest` reads the source, and does nothing else: later steps see the rows as they came.

It is kept while the source's files are the same. A source that does not say so, such as a database
or Feast, is read each time; what follows is kept if the rows are the same.
"""

from dataclasses import asdict
from pathlib import Path

from penstock_training.data.formats import Malformed
from penstock_training.data.source import (
    Loaded,
    Origin,
    is_marked,
    kind_of,
    load,
    marks_of,
    shown_source,
)
from penstock_training.data.tables import digest_of_table, read_table, write_table
from penstock_training.files import read_json, write_json
from penstock_training.steps import Step, StepRun

__all__ = ["STEP", "read_ingested"]

NAME = "ingest"


def _run(run: StepRun) -> None:
    loaded = load(run.spec)
    write_table(loaded.table, run.folder / "rows.parquet")
    columns = [{"name": field.name, "type": str(field.type)} for field in loaded.table.schema]
    write_json(
        run.folder / "source.json",
        {
            "kind": kind_of(run.spec.data),
            "source": shown_source(run.spec.data),
            "rows": len(loaded.table),
            "digest": digest_of_table(loaded.table),
            "columns": columns,
            "origins": [asdict(origin) for origin in loaded.origins],
            "malformed": [asdict(line) for line in loaded.malformed],
            "unmatched": dict(loaded.unmatched),
        },
    )
    run.note(NAME, f"{len(loaded.table)} rows of {len(columns)} columns")
    for view, count in loaded.unmatched.items():
        if count:
            run.note(NAME, f"{count} of {len(loaded.table)} rows have no value of {view}")


def read_ingested(folder: Path) -> Loaded:
    """What the step wrote."""
    found = read_json(folder / "source.json")
    return Loaded(
        table=read_table(folder / "rows.parquet"),
        origins=[Origin(**origin) for origin in found["origins"]],
        malformed=[Malformed(**line) for line in found["malformed"]],
    )


STEP = Step(
    name=NAME,
    run=_run,
    settings=lambda spec: spec.data.model_dump(
        mode="json", include={"path", "sql", "database", "sklearn", "feast"}
    ),
    reads=marks_of,
    is_kept=is_marked,
)
