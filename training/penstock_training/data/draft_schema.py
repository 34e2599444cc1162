# SPDX-License-Identifier: Apache-2.0
"""A draft of a schema file from the rows of a pipeline's source."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from penstock_training.data.infer_rules import rules_of, schema_text
from penstock_training.data.source import load, shown_source
from penstock_training.errors import DataError
from penstock_training.spec import PipelineSpec

__all__ = ["Draft", "draft_schema"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The file's text, and what it was made of."""

    text: str
    columns: int
    rows: int

    def write(self, path: Path, *, may_replace: bool) -> None:
        """Write the file.

        Raises:
            DataError: it is there and may not be replaced, or cannot be written.
        """
        try:
            with path.open("w" if may_replace else "x", encoding="utf-8") as file:
                file.write(self.text)
        except FileExistsError:
            raise DataError(
                f"{path} is there, and somebody may have mended it: name another file, or give "
                "--force to write over it."
            ) from None
        except OSError as error:
            raise DataError(f"{path} cannot be written: {error.strerror}.") from None


def draft_schema(spec: PipelineSpec, *, rows_max: int) -> Draft:
    """Read the source, and draft rules from at most `rows_max` of its rows.

    Raises:
        DataError: the source cannot be read, or lacks a column that the spec names.
    """
    table = load(spec).table
    if len(table) > rows_max:
        chosen = np.random.default_rng(spec.seed).choice(len(table), rows_max, replace=False)
        table = table.take(np.sort(chosen))
    rules = rules_of(table, spec)
    text = schema_text(rules, source=shown_source(spec.data), rows=len(table))
    return Draft(text=text, columns=len(rules), rows=len(table))
