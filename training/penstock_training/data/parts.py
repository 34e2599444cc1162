# SPDX-License-Identifier: Apache-2.0
"""What the steps of the data leave for later ones, and how those read it.

The split's folder:

    train.parquet, validation.parquet, test.parquet   features, target, others, and ROW
    columns.json                                      what each column is: Columns
    split.json                                        method, rows, classes of each part, digests
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from penstock_training.data.columns import Columns
from penstock_training.data.tables import as_frame, read_table

__all__ = ["PARTS", "ROW", "Part", "PartName", "read_columns", "read_part", "write_columns"]

PartName = Literal["train", "validation", "test"]
PARTS: tuple[PartName, ...] = ("train", "validation", "test")
#: The column with a row's place in the source, from 0.
ROW = "__row__"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Rows that train, that choose, or that judge."""

    name: PartName
    columns: Columns
    #: A pandas frame: features, target and others. The index, `row`, is the place in the source.
    frame: Any

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def features(self) -> Any:
        """A pandas frame: float64 columns, then columns of text."""
        return self.frame[list(self.columns.features)]

    @property
    def target(self) -> NDArray[Any]:
        """int64 codes into columns.classes; of a regression, float64."""
        return np.asarray(self.frame[self.columns.target].to_numpy())


def read_columns(folder: Path) -> Columns:
    """What the columns are, from the folder of validate or of split."""
    read = json.loads((folder / "columns.json").read_text())
    lists = ("numeric", "categorical", "others", "sensitive", "classes")
    return Columns(target=read["target"], **{name: tuple(read[name]) for name in lists})


def write_columns(columns: Columns, folder: Path) -> None:
    """What read_columns reads."""
    text = json.dumps(asdict(columns), indent=1, ensure_ascii=False)
    (folder / "columns.json").write_text(text + "\n")


def read_part(folder: Path, name: PartName) -> Part:
    """One part of the rows, from the split's folder."""
    frame = as_frame(read_table(folder / f"{name}.parquet")).set_index(ROW)
    frame.index.name = "row"
    return Part(name=name, columns=read_columns(folder), frame=frame)
