# SPDX-License-Identifier: Apache-2.0
"""The commands that monitoring adds to `penstock drift`. Cheap to import: what they need, they
import.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from penstock.cli_drift import drift_app
from penstock.commands.sentences import Debug, sentences

__all__ = ["add_to"]

FAILED = 4

Sensitive = Annotated[
    list[str] | None,
    typer.Option(metavar="COLUMN", help="Tell and keep nothing of its values. May be repeated."),
]
Categorical = Annotated[
    list[str] | None,
    typer.Option(metavar="COLUMN", help="Whole numbers that are categories. May be repeated."),
]
Exclude = Annotated[
    list[str] | None, typer.Option(metavar="COLUMN", help="Leave it out. May be repeated.")
]
Prediction = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN[=CLASS]",
        help="What the model answered: a number, or a class's probability. May be repeated.",
    ),
]
Time = Annotated[str, typer.Option(metavar="COLUMN", help="When each row came.")]


def add_to(app: typer.Typer) -> None:
    """Adds them; an entry point of group penstock.commands."""
    drift_app.command()(profile)


def profile(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="Parquet or Arrow: held-out rows.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="Write the profile here.")
    ] = Path("profile.json"),
    model: Annotated[str, typer.Option(help="Whose it is.")] = "",
    prediction: Prediction = None,
    target: Annotated[str, typer.Option(metavar="COLUMN", help="What was true.")] = "",
    importances: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON: by column, how much worse it is without."),
    ] = None,
    sensitive: Sensitive = None,
    categorical: Categorical = None,
    exclude: Exclude = None,
    time: Time = "",
    timezone: Annotated[str, typer.Option(help="IANA name, of the hours of the week.")] = "UTC",
    seasonal: Annotated[
        bool, typer.Option("--seasonal", help="Keep counts by hour of the week: 2 weeks or more.")
    ] = False,
    sketches: Annotated[
        bool, typer.Option("--sketches", help="Keep a sketch of each column, for quantiles.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Make the profile that live rows are compared with, of rows that no training has seen."""
    with sentences(debug, FAILED):
        from penstock_monitoring.command_verbs import (
            importances_of,
            predictions_of,
            write_reference,
        )

        write_reference(
            Console(),
            table,
            out,
            model=model,
            predictions=predictions_of(prediction or ()),
            target=target,
            importances=importances_of(importances),
            sensitive=sensitive or (),
            categorical=categorical or (),
            exclude=exclude or (),
            time=time,
            timezone=timezone,
            seasonal=seasonal,
            sketches=sketches,
        )
