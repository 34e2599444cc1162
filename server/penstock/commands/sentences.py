# SPDX-License-Identifier: Apache-2.0
"""How a command says what went wrong."""

import sys
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
def sentences(debug: bool, status: int = 1) -> Iterator[None]:
    """Turns what can go wrong into a sentence on standard error and an exit status."""
    try:
        yield
    except Exception as error:
        if debug or not _is_told(error):
            raise
        Console(stderr=True).print(
            f"[bold red]penstock:[/] {escape(str(error))}", highlight=False, soft_wrap=True
        )
        raise typer.Exit(status) from None


def _is_told(error: Exception) -> bool:
    """Whether the error is a sentence: ours, or the client's, which whoever raised it imported."""
    client = sys.modules.get("penstock_client")
    return isinstance(error, PenstockError) or (
        client is not None and isinstance(error, client.PenstockError)
    )
