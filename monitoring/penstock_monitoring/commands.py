# SPDX-License-Identifier: Apache-2.0
"""The commands that monitoring adds to `penstock drift`. Cheap to import: what they need, they
import.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from penstock.cli_drift import ALARM, EXIT_HELP, FAILED, Version, Window, drift_app
from penstock.commands.options import LOCAL, AsJson, Timeout, Url
from penstock.commands.sentences import Debug, sentences

__all__ = ["add_to"]

COMPARE_HELP = (
    "Exit status: 0 compared; 1 an alarm, with --fail-on-alarm; 2 wrong usage; 4 they cannot be "
    "compared, and a sentence says why."
)

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
    drift_app.command(epilog=COMPARE_HELP)(compare)
    drift_app.command(epilog=EXIT_HELP)(report)


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


def compare(
    reference: Annotated[
        str, typer.Argument(metavar="REFERENCE", help="Parquet or Arrow, or a profile.json.")
    ],
    current: Annotated[str, typer.Argument(metavar="CURRENT", help="Parquet or Arrow.")],
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the report here.")
    ] = None,
    as_json: AsJson = False,
    fail_on_alarm: Annotated[
        bool, typer.Option("--fail-on-alarm", help="Exit 1 where there is one.")
    ] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Show every column; else the 20 that differ most.")
    ] = False,
    prediction: Prediction = None,
    sensitive: Sensitive = None,
    categorical: Categorical = None,
    exclude: Exclude = None,
    time: Time = "",
    false_discovery_rate: Annotated[
        float,
        typer.Option(metavar="SHARE", help="Of the columns told of, so many may be false ones."),
    ] = 0.05,
    p_values: Annotated[bool, typer.Option("--p-values", help="Show these too.")] = False,
    debug: Debug = False,
) -> None:
    """Show which columns of a table differ from a reference, by how much, and what is broken."""
    with sentences(debug, FAILED):
        from penstock_monitoring.command_verbs import predictions_of, show_comparison
        from penstock_monitoring.compare_tables import compare as compare_tables

        found = compare_tables(
            reference,
            current,
            predictions=predictions_of(prediction or ()),
            sensitive=sensitive or (),
            categorical=categorical or (),
            exclude=exclude or (),
            time=time,
            false_discovery_rate=false_discovery_rate,
            p_values=p_values,
        )
        show_comparison(Console(), found, html=html, as_json=as_json, every=every)
    if fail_on_alarm and found.is_alarmed:
        raise typer.Exit(ALARM)


def report(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="As clients ask for it.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="Write the report here.")
    ] = Path("report.html"),
    version: Version = 0,
    window: Window = 0.0,
    url: Url = LOCAL,
    timeout: Timeout = 10.0,
    debug: Debug = False,
) -> None:
    """Write how live rows of a model stand as a page of HTML that needs no other file."""
    with sentences(debug, FAILED):
        from penstock_client import Client
        from penstock_monitoring.command_verbs import write_report

        with Client(url) as client:
            status = client.drift.status(model, version=version, window_s=window, timeout=timeout)
        found = write_report(Console(), status, out)
    if found.is_alarmed:
        raise typer.Exit(ALARM)
