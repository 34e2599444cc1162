# SPDX-License-Identifier: Apache-2.0
"""`penstock routes`. Cheap to import: what it needs, it imports."""

from typing import Annotated

import typer
from rich.console import Console

from penstock.commands.options import LOCAL, AsJson, Timeout, Url
from penstock.commands.sentences import Debug, sentences

__all__ = ["routes"]


def routes(
    model: Annotated[
        str, typer.Argument(metavar="[MODEL]", help="Of this model; none: list all routes.")
    ] = "",
    examples: Annotated[
        bool, typer.Option("--examples", help="Pairs of answers that its shadows have kept.")
    ] = False,
    url: Url = LOCAL,
    timeout: Timeout = 10.0,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show how requests are shared out among versions, and what shadows have shown."""
    if examples and not model:
        raise typer.BadParameter("--examples wants a MODEL.")
    with sentences(debug):
        from penstock.commands.rollout.routes import list_routes, show_route, show_route_examples
        from penstock_client import Client

        with Client(url) as client:
            if not model:
                list_routes(Console(), client, timeout=timeout, as_json=as_json)
                return
            show = show_route_examples if examples else show_route
            show(Console(), client, model, timeout=timeout, as_json=as_json)
