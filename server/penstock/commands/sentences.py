# SPDX-License-Identifier: Apache-2.0
"""How a command says what went wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from penstock.errors import PenstockError

__all__ = ["Debug", "sentences"]

Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")]


@contextmanager
def sentences(debug: bool) -> Iterator[None]:
    """Turns what can go wrong into a sentence on standard error and exit status 1."""
    from penstock_client import PenstockError as CallError

    try:
        yield
    except (PenstockError, CallError) as error:
        if debug:
            raise
        Console(stderr=True).print(
            f"[bold red]penstock:[/] {escape(str(error))}", highlight=False, soft_wrap=True
        )
        raise typer.Exit(1) from None
