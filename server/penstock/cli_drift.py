# SPDX-License-Identifier: Apache-2.0
"""`penstock drift`: what the server's package has of it. Cheap to import: what it needs, it
imports.

Other packages add commands to `drift_app` by an entry point of `penstock.commands`.
"""

from typing import Annotated

import typer
from rich.console import Console

from penstock.commands.options import LOCAL, AsJson, Timeout, Url
from penstock.commands.sentences import Debug, sentences

__all__ = ["ALARM", "EXIT_HELP", "FAILED", "Version", "Window", "drift_app"]

EXIT_HELP = (
    "Exit status: 0 no alarm goes on; 1 one does; 2 wrong usage; 4 it could not be asked or was "
    "refused, and a sentence says why."
)
ALARM, FAILED = 1, 4

Version = Annotated[
    int, typer.Option("--version", min=0, metavar="N", help="0: the highest that is watched.")
]
Window = Annotated[
    float,
    typer.Option(
        "--window", min=0, metavar="SECONDS", help="0: the window that alarms are judged by."
    ),
]

drift_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="See how live rows stand to the rows that a model was made for.",
)


@drift_app.callback()
def drift() -> None:
    """Keeps `status` a word of its own, also while it is the only command."""


@drift_app.command(epilog=EXIT_HELP)
def status(
    model: Annotated[
        str,
        typer.Argument(metavar="[MODEL]", help="As clients ask for it; none: list all."),
    ] = "",
    version: Version = 0,
    window: Window = 0.0,
    every: Annotated[
        bool, typer.Option("--all", help="Show every column; else the 20 that differ most.")
    ] = False,
    url: Url = LOCAL,
    timeout: Timeout = 10.0,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show alarms, and how far each column of a model is from its reference."""
    with sentences(debug, FAILED):
        from penstock.commands.drift.verbs import list_statuses, show_others, show_status
        from penstock_client import Client

        with Client(url) as client:
            if not model:
                has_alarm = list_statuses(Console(), client, timeout=timeout, as_json=as_json)
            else:
                found = client.drift.status(
                    model, version=version, window_s=window, timeout=timeout
                )
                has_alarm = show_status(Console(), found, every=every, as_json=as_json)
                if not (version or as_json):
                    has_alarm |= show_others(Console(), client, found, timeout=timeout)
    if has_alarm:
        raise typer.Exit(ALARM)
