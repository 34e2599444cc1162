# SPDX-License-Identifier: Apache-2.0
"""`penstock predict`: what a model says of the rows of files."""

import time

from rich.console import Console
from rich.text import Text

from penstock.predict import Outcome, PredictOptions, predict_file
from penstock.predict.progress import shown_progress

__all__ = ["predict_to_file", "print_outcome"]


def predict_to_file(console: Console, options: PredictOptions) -> Outcome:
    """Runs, shows how far it is, and prints how it went. Raises PenstockError."""
    began = time.monotonic()
    with shown_progress(console) as progress:
        outcome = predict_file(options, progress)
    print_outcome(console, options, outcome, time.monotonic() - began)
    return outcome


def print_outcome(
    console: Console, options: PredictOptions, outcome: Outcome, seconds: float
) -> None:
    """Prints a line for the output, and one for the rows that have no answer."""
    here = outcome.rows - outcome.resumed_rows
    earlier = f", {outcome.resumed_rows:,} of them by an earlier run" if here < outcome.rows else ""
    console.print(
        f"{options.output}: {outcome.rows:,} rows by {outcome.model} version {outcome.version}"
        f"{earlier}; {here / max(seconds, 1e-9):,.0f} rows/s",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )
    if outcome.bad:
        console.print(
            Text(
                f"{outcome.bad:,} rows have no answer: their outputs are null, and "
                f"{options.bad_rows_file} says why.",
                style="yellow",
            ),
            soft_wrap=True,
        )
