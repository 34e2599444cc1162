# SPDX-License-Identifier: Apache-2.0
"""The commands that training adds to `penstock`. Cheap to import: what they need, they import."""

from pathlib import Path
from typing import Annotated

import typer

from penstock.commands.sentences import Debug, sentences
from penstock_training.commands.data import add_to as add_data_commands

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Adds them; an entry point of group penstock.commands."""
    app.command()(train)
    app.command()(init)
    app.command()(image)
    add_data_commands(app)


def train(
    pipeline: Annotated[Path, typer.Argument(help="The pipeline's TOML file.")],
    until: Annotated[str, typer.Option(help="Stop after this step.")] = "",
    work: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep finished steps here; none: .penstock beside FILE."),
    ] = None,
    feature_names: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="Names of the numeric columns, with commas between them, in the model's order; "
            "none: those of [package] feature_names, or of the data.",
        ),
    ] = "",
    debug: Debug = False,
) -> None:
    """Take data to a registered version. Exits 1 if a step fails, or the version misses its goals.

    Steps that have finished are not run again, unless something that they depend on has changed.
    """
    with sentences(debug):
        from rich.console import Console

        from penstock_training.commands.train import print_outcome, run_with_progress
        from penstock_training.pipeline import Pipeline

        console = Console()
        names = tuple(one.strip() for one in feature_names.split(",")) if feature_names else ()
        made = Pipeline.read(pipeline, work=work, feature_names=names)
        outcome = run_with_progress(console, made, until=until or None)
        print_outcome(console, made, outcome)
    if outcome.reasons:
        raise typer.Exit(1)


def init(
    folder: Annotated[Path, typer.Argument(help="A folder that is empty, or not there.")],
    debug: Debug = False,
) -> None:
    """Write an example project that trains at once, on data that scikit-learn ships."""
    with sentences(debug):
        from rich.console import Console

        from penstock_training.commands.init import write_project

        write_project(Console(), folder)


def image(
    package: Annotated[Path, typer.Argument(help="A version's package, or a model repository.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Write the build context here.")
    ],
    debug: Debug = False,
) -> None:
    """Write the build context of a serving image."""
    with sentences(debug):
        from rich.console import Console

        from penstock_training.commands.image import write_context

        write_context(Console(), package, output)
