# SPDX-License-Identifier: Apache-2.0
"""`penstock drift status`."""

from rich.console import Console
from rich.text import Text

from penstock.commands.drift.picture import list_picture, status_picture
from penstock.commands.drift.told import status_told
from penstock.commands.rollout.told import json_line
from penstock_client import Client
from penstock_client.drift import DriftStatus

__all__ = ["list_statuses", "show_status"]


def show_status(console: Console, status: DriftStatus, *, every: bool, as_json: bool) -> bool:
    """Shows one version; whether an alarm goes on."""
    if as_json:
        print(json_line(status_told(status), indent=2))
    else:
        console.print(status_picture(status, every=every))
    return _has_alarm(status)


def show_others(console: Console, client: Client, shown: DriftStatus, *, timeout: float) -> bool:
    """Names the other versions of a model that are watched; whether an alarm of one goes on."""
    listed = client.drift.list(limit=1000, timeout=timeout)
    others = [one for one in listed if one.model == shown.model and one.version != shown.version]
    told = [f"{one.version}{' (an alarm goes on)' * _has_alarm(one)}" for one in others]
    if told:
        console.print(Text(f"Watched besides, by --version: {', '.join(told)}.", "dim"))
    return any(map(_has_alarm, others))


def list_statuses(console: Console, client: Client, *, timeout: float, as_json: bool) -> bool:
    """Shows all versions that are watched; whether an alarm of one goes on."""
    found = client.drift.list(limit=1000, timeout=timeout)
    if as_json:
        print(json_line([status_told(one) for one in found], indent=2))
    elif found:
        console.print(list_picture(found))
    else:
        console.print(Text("No version is watched."))
    return any(map(_has_alarm, found))


def _has_alarm(status: DriftStatus) -> bool:
    return any(one.cleared_at is None for one in status.alarms)
