# SPDX-License-Identifier: Apache-2.0
"""`penstock rollout start`, `status`, and the verbs that move one."""

from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.text import Text

from penstock.commands.rollout.following import follow
from penstock.commands.rollout.pairs import Tolerance, print_examples
from penstock.commands.rollout.picture import picture, rollouts_table
from penstock.commands.rollout.told import examples_told, json_line, status_told
from penstock.rollout.read import read_rollout
from penstock_client import Client, RolloutStatus

__all__ = ["list_rollouts", "show_examples", "show_rollout", "start_rollout", "tell_moved"]


def start_rollout(
    console: Console,
    client: Client,
    begin: Callable[[str | None], RolloutStatus],
    spec: Path | None,
    *,
    waits: bool,
    as_json: bool,
) -> RolloutStatus:
    """Starts a rollout by `begin`, which is given the text of `spec`, and may see it through.

    Raises RolloutError for a file that is no rollout.toml, before anything is asked.
    """
    if spec is not None:
        read_rollout(spec)
    status = begin(spec.read_text() if spec is not None else None)
    if not waits:
        _show(console, status, as_json)
        return status
    return follow(console, client, status.model, status.id, as_json=as_json, ends_when_held=True)


def show_rollout(
    console: Console,
    client: Client,
    model: str,
    rollout: str,
    *,
    timeout: float,
    watches: bool,
    as_json: bool,
) -> RolloutStatus:
    """Shows one rollout, once or to its end."""
    if watches:
        return follow(console, client, model, rollout, as_json=as_json)
    status = client.rollouts.status(model, rollout, timeout=timeout)
    _show(console, status, as_json)
    return status


def list_rollouts(
    console: Console,
    client: Client,
    *,
    ongoing_only: bool,
    limit: int,
    timeout: float,
    as_json: bool,
) -> None:
    """Shows those that are kept, newest first."""
    found = client.rollouts.list(ongoing_only=ongoing_only, limit=limit, timeout=timeout)
    if as_json:
        print(json_line([status_told(one) for one in found], indent=2))
    elif found:
        console.print(rollouts_table(found))
    else:
        none = "No rollout goes on; --all shows those that have ended."
        console.print(Text(none if ongoing_only else "No rollout is kept."))


def show_examples(
    console: Console,
    client: Client,
    model: str,
    rollout: str,
    *,
    limit: int,
    timeout: float,
    as_json: bool,
) -> None:
    """Shows the pairs that a rollout's shadow has kept, newest first."""
    found = client.rollouts.examples(model, rollout, limit=limit, timeout=timeout)
    if as_json:
        print(json_line(examples_told(found), indent=2))
        return
    status = client.rollouts.status(model, found.rollout, timeout=timeout)
    spec = status.spec.get("shadow") or {}
    assert isinstance(spec, dict)
    if not spec.get("examples"):
        console.print(Text(f"{found.rollout} keeps no examples: its shadow.examples is 0."))
        return
    tolerance = Tolerance(relative=spec["relative"], absolute=spec["absolute"])
    print_examples(console, found, {spec["name"]: tolerance}, whose=found.rollout)


def tell_moved(console: Console, status: RolloutStatus, done: str, *, as_json: bool) -> None:
    """Says what a verb has made of a rollout."""
    if as_json:
        _show(console, status, as_json)
        return
    console.print(Text(f"{status.model}: version {status.candidate} {done}."), soft_wrap=True)
    console.print(Text(status.why), soft_wrap=True)


def _show(console: Console, status: RolloutStatus, as_json: bool) -> None:
    if as_json:
        print(json_line(status_told(status), indent=2))
    else:
        console.print(picture(status))
