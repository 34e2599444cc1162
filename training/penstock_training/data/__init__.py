# SPDX-License-Identifier: Apache-2.0
"""From a source to rows that train, choose and judge: ingest, validate, split.

Each step's folder says what it found; `parts.py` says how later steps read it.
"""

from penstock_training.data.columns import Columns
from penstock_training.data.parts import PARTS, Part, PartName, read_columns, read_part
from penstock_training.data.steps import data_steps

__all__ = ["PARTS", "Columns", "Part", "PartName", "data_steps", "read_columns", "read_part"]
