# SPDX-License-Identifier: Apache-2.0
"""`penstock data`: what is done with rows before a pipeline runs."""

from pathlib import Path
from typing import Annotated

import typer

from penstock.commands.sentences import Debug, sentences

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the tree. They import what they need when they are called."""
    group = typer.Typer(no_args_is_help=True, help="Look at a pipeline's rows.")
    group.command("schema")(_schema)
    app.add_typer(group, name="data")


def _schema(
    pipeline: Annotated[Path, typer.Argument(metavar="FILE", help="The pipeline's TOML file.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write here; none: print."),
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="Of more rows a sample is looked at.")] = 100_000,
    force: Annotated[
        bool, typer.Option("--force", help="Write over a file that is there.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Draft the schema of a pipeline's rows: types, ranges and values, to be mended and kept."""
    with sentences(debug):
        from penstock_training.data.draft_schema import draft_schema
        from penstock_training.spec import read_spec

        draft = draft_schema(read_spec(pipeline), rows_max=rows)
        if output is None:
            typer.echo(draft.text, nl=False)
            return
        draft.write(output, may_replace=force)
        typer.echo(
            f"{output}: rules of {draft.columns} columns, from {draft.rows} rows. Mend them, and "
            f"name the file by [data] schema, as seen from {pipeline}."
        )
