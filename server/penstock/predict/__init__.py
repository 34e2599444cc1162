# SPDX-License-Identifier: Apache-2.0
"""Tables of any size through the server's executors, without a server.

    from penstock.predict import PredictOptions, predict_file, predict_table

    answers = predict_table("packages/churn", table)
    options = PredictOptions(model="packages/churn", input="rows.parquet", output=Path("out.csv"))
    predict_file(options)

Importing this imports neither pyarrow nor MLflow.
"""

from penstock.predict.model import OpenModel, open_model
from penstock.predict.options import PredictOptions, ReadingBounds
from penstock.predict.rows import BadRow
from penstock.predict.run import Outcome, predict_file
from penstock.predict.table import TableAnswers, predict_table

__all__ = [
    "BadRow",
    "OpenModel",
    "Outcome",
    "PredictOptions",
    "ReadingBounds",
    "TableAnswers",
    "open_model",
    "predict_file",
    "predict_table",
]
