# SPDX-License-Identifier: Apache-2.0
"""`penstock rollout explain`: what the server decided, event by event, and the same anew."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from penstock.commands.rollout.told import json_line, shown_day, shown_share, shown_time
from penstock.errors import RolloutError, StoreError
from penstock.rollout.explain import explain
from penstock.rollout.store import FILE_NAME, SqliteStore

__all__ = ["agrees", "explained_offline", "print_explanation"]


def explained_offline(folder: Path, model: str, rollout: str) -> Mapping[str, Any]:
    """The explanation of what a server has kept in its state folder. It must not run meanwhile.

    Raises RolloutError or StoreError.
    """
    if not (folder / FILE_NAME).is_file():
        raise RolloutError(
            f"{folder / FILE_NAME} is not there: wanted the --state-dir of a server.",
            code="NOT_FOUND",
        )
    try:
        store = SqliteStore(folder)
    except StoreError as error:
        raise StoreError(f"{error} Without --state-dir, a running server is asked.") from None
    try:
        for record in reversed(store.records()):
            if record.model == model and rollout in ("", record.id):
                return explain(record, store.events(record.id))
    finally:
        store.close()
    which = f"no rollout {rollout!r}" if rollout else "no rollout"
    raise RolloutError(f"{model!r} has {which} in {folder}.", code="NOT_FOUND")


def agrees(told: Mapping[str, Any]) -> bool:
    """Whether nothing speaks against what the server decided."""
    return told["verdict"]["agrees"] is not False


def print_explanation(
    console: Console, told: Mapping[str, Any], *, events_max: int, as_json: bool
) -> None:
    """Prints all of it as JSON, or for people with the last `events_max` events."""
    if as_json:
        print(json_line(told, indent=2))
        return
    for line in _head(told):
        console.print(line, soft_wrap=True)
    console.print(_guardrails(told["guardrails"], told.get("split")))
    for line in _verdict(told["verdict"]):
        console.print(line, soft_wrap=True)
    shown = told["events"][-events_max:] if events_max else []
    total = told["events_before"] + len(told["events"])
    if shown:
        console.print(Text(f"\nEvents {total - len(shown) + 1} to {total}", "bold"))
        console.print(_events(shown, first=total - len(shown) + 1))
    elif not total:
        console.print(Text("\nThere was no bad event."))
    console.print(Text("\nLog", "bold"))
    for line in told["transitions"]:
        share = f" {shown_share(line['canary_bp'])}" if line["state"] == "canary" else ""
        words = f"{line['state'].replace('_', ' ')}{share}"
        text = f"{shown_time(line['wall_ms'])}  {words}  {line['by']}: {line['why']}"
        console.print(Text(text), soft_wrap=True)


def _head(told: Mapping[str, Any]) -> Iterator[Text]:
    state = told["state"].replace("_", " ")
    yield Text.assemble(
        (told["model"], "bold"), f": version {told['stable']} → {told['candidate']}, {state}"
    )
    ended = f", ended {shown_day(told['ended_ms'])}" if told["ended_ms"] else ""
    restarts = f", {told['restarts']} restarts" if told["restarts"] else ""
    began = f"{told['rollout']}, began {shown_day(told['started_ms'])}{ended}{restarts}"
    yield Text(f"{began}, salt {told['salt']}", "dim")
    yield Text(told["why"])
    yield Text("\nEvidence", "bold")


def _guardrails(rails: Sequence[Mapping[str, Any]], split: Mapping[str, Any] | None) -> Table:
    """Of each guardrail the counts that its evidence is computed of, by the canary's share."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("")
    for title in ("ln E", "limit", "Share", "Canary's", "Baseline's"):
        table.add_column(title, justify="right")
    for one in rails:
        numbers = (_number(one["log_e"]), _number(one["log_limit"]))
        for row, counted in enumerate(one["counted"] or [None]):
            counts = ("", "", "")
            if counted is not None:
                share = f"{100 * counted['share']:.4g} %"
                counts = (share, f"{counted['canary']:,}", f"{counted['baseline']:,}")
            table.add_row(*((one["name"], *numbers) if not row else ("", "", "")), *counts)
    if split is not None:
        table.add_row("split", _number(split["log_e"]), _number(split["log_limit"]))
    return table


def _verdict(verdict: Mapping[str, Any]) -> Iterator[Text]:
    yield Text("\nVerdict", "bold")
    yield Text(f"of the server  {_decided(verdict['core'])}")
    yield Text(f"computed anew  {_decided(verdict['computed'])}")
    match verdict["agrees"]:
        case True:
            yield Text("They agree.", "green")
        case False:
            yield Text("They do not agree: keep the state folder, and report it.", "bold red")
        case _:
            yield Text("The server held it for want of room, which kept events cannot tell.")


def _decided(one: Mapping[str, Any] | None) -> str:
    if one is None:
        return "nothing"
    done = "rolls back" if one["rolls_back"] else "holds"
    limits = f"ln E {_number(one['log_e'])} of {_number(one['log_limit'])}"
    cause = str(one["cause"]).replace("_", " ")
    return f"{done} at {_precise(one['wall_ms'])} by {one['guardrail']}: {cause}, {limits}"


def _events(events: Sequence[Mapping[str, Any]], *, first: int) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("", justify="right", style="dim")
    for title in ("Time", "Kind", "Arm"):
        table.add_column(title)
    for title in ("Share", "ln E"):
        table.add_column(title, justify="right")
    table.add_column("Key")
    for number, one in enumerate(events, first):
        arm = Text("canary", "yellow") if one["is_canary"] else Text("baseline")
        again = "" if one["counts"] else " again"
        table.add_row(
            f"{number:,}", _precise(one["wall_ms"]), Text(f"{one['kind'].replace('_', ' ')}"), arm,
            f"{100 * one['share']:.4g} %", _number(one["log_e"]),
            Text(f"{one['key_hash'][:8]}{again}", "dim" if again else ""),
        )  # fmt: skip
    return table


def _precise(wall_ms: int) -> str:
    return f"{shown_time(wall_ms)}.{wall_ms % 1000:03}"


def _number(value: float | None) -> str:
    return "∞" if value is None else f"{value:.2f}"
