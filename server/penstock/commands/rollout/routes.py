# SPDX-License-Identifier: Apache-2.0
"""`penstock routes`: how requests are shared out, and what shadows of routes have shown."""

from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from penstock.commands.rollout.pairs import Tolerance, print_examples
from penstock.commands.rollout.shadow_picture import outputs_table, shadow_line, slices_table
from penstock.commands.rollout.told import examples_told, json_line, route_told, shown_share
from penstock_client import Client
from penstock_client.routes import RouteArm, RouteShadow, RouteStatus

__all__ = ["list_routes", "route_picture", "show_route", "show_route_examples"]

ORIGINS = {"file": "route.toml", "pin": "left by a rollout", "rollout": "a rollout"}


def list_routes(console: Console, client: Client, *, timeout: float, as_json: bool) -> None:
    """Shows the arms of all routes."""
    found = client.routes.list(limit=1000, timeout=timeout)
    if as_json:
        print(json_line([route_told(one) for one in found], indent=2))
    elif found:
        console.print(_routes(found))
    else:
        console.print(Text("No model has a route: of each the highest version answers."))


def show_route(
    console: Console, client: Client, model: str, *, timeout: float, as_json: bool
) -> None:
    """Shows one route, with its shadows."""
    found = client.routes.status(model, timeout=timeout)
    if as_json:
        print(json_line(route_told(found), indent=2))
    else:
        console.print(route_picture(found))


def show_route_examples(
    console: Console, client: Client, model: str, *, timeout: float, as_json: bool
) -> None:
    """Shows pairs that the shadows of a route have kept, newest first."""
    found = client.routes.examples(model, timeout=timeout)
    if as_json:
        print(json_line(examples_told(found), indent=2))
        return
    status = client.routes.status(model, timeout=timeout)
    tolerances = {
        one.counts.name: Tolerance(relative=one.relative, absolute=one.absolute)
        for one in status.shadows
    }
    print_examples(console, found, tolerances, whose=model)


def route_picture(status: RouteStatus) -> RenderableType:
    """One route for people."""
    origin = ORIGINS.get(status.origin, status.origin)
    parts: list[RenderableType] = [
        Text.assemble((status.model, "bold"), f": {origin}"),
        *(Text(line) for line in _lines(status)),
        Text(),
        _arms(status.arms),
    ]
    for shadow in status.shadows:
        parts += _shadow(shadow)
    return Group(*parts)


def _lines(status: RouteStatus) -> Iterator[str]:
    if status.sticky_source == "request_id":
        yield "Keys are the requests' ids."
    elif status.sticky_source:
        yield f"Keys are in the {status.sticky_source} {status.sticky_name}."
    if status.holdout_bp:
        yield f"Held out for the first arm: {shown_share(status.holdout_bp)} of the keys."
    if status.overrides:
        yield f"Keys with an arm of somebody's choice: {status.overrides:,}."
    if status.can_force:
        yield "A signed header may choose an arm."


def _arms(arms: Sequence[RouteArm]) -> Table:
    table = _table("Arm", "Model")
    table.add_column("Version", justify="right")
    table.add_column("Share", justify="right")
    for one in arms:
        table.add_row(
            Text(one.name), Text(one.model), _version(one.version), shown_share(one.share_bp)
        )
    return table


def _shadow(one: RouteShadow) -> Iterator[RenderableType]:
    version = "the highest version" if one.version is None else f"version {one.version}"
    share = shown_share(one.sample_bp)
    yield Text(f"\nCopies of {share} of the requests go to {version} of {one.model}.")
    yield Text(shadow_line(one.counts))
    if one.counts.outputs:
        yield Text("\nOutputs of the shadow", "bold")
        yield outputs_table(one.counts.outputs)
    if one.counts.worst:
        yield Text("\nWhere they disagree most", "bold")
        yield slices_table(one.counts.worst)


def _routes(routes: Sequence[RouteStatus]) -> Table:
    table = _table("Model", "Origin", "Arm", "Of")
    table.add_column("Version", justify="right")
    table.add_column("Share", justify="right")
    table.add_column("Shadows", overflow="fold")
    for one in routes:
        shadows = ", ".join(shadow.counts.name for shadow in one.shadows)
        for row, arm in enumerate(one.arms):
            first = (Text(one.model), one.origin) if not row else (Text(), "")
            of = Text("" if arm.model == one.model else arm.model)
            table.add_row(
                *first, Text(arm.name), of, _version(arm.version), shown_share(arm.share_bp),
                Text(shadows if not row else ""),
            )  # fmt: skip
    return table


def _version(version: int | None) -> str:
    return "highest" if version is None else str(version)


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name, overflow="fold")
    return table
