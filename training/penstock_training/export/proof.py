# SPDX-License-Identifier: Apache-2.0
"""The parity that a model must have before it is packaged: of held-out rows, whole and with holes.

Holes are what serving meets and a test part may lack: missing numbers, and empty texts.
"""

from dataclasses import asdict
from typing import Any

import pandas as pd

from penstock_training.errors import CandidateError
from penstock_training.export.parity import Parity, compare
from penstock_training.features import FeaturePlan, holed

__all__ = ["prove"]


def prove(
    pipeline: Any, model: bytes, rows: pd.DataFrame, plan: FeaturePlan, *, seed: int
) -> dict[str, Any]:
    """The content of parity.json: a Parity of the rows, and one of them with holes.

    The latter is None where the pipeline itself takes no missing values.

    Raises:
        CandidateError: the graph answers otherwise.
    """
    whole = compare(pipeline, model, rows, plan)
    _refuse(whole, "held-out rows")
    with_holes = holed(rows, plan, seed)
    try:
        pipeline.predict(with_holes.iloc[:1])
        pipeline.predict(with_holes)
    except ValueError:
        return {"rows": asdict(whole), "holed": None}
    parity = compare(pipeline, model, with_holes, plan)
    _refuse(parity, "held-out rows with missing values")
    return {"rows": asdict(whole), "holed": asdict(parity)}


def _refuse(parity: Parity, what: str) -> None:
    if not parity.is_kept:
        raise CandidateError(
            f"the exported graph answers {parity.rows_beyond or parity.labels_beyond} of "
            f"{parity.rows} {what} otherwise than the pipeline does, by up to "
            f"{parity.difference:.3g}: wanted at most {parity.tolerance:g} ([features] parity)."
        )
