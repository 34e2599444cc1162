# SPDX-License-Identifier: Apache-2.0
"""How monitoring is written: numbers, effects, moments, and JSON. Pure."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from penstock.commands.rollout.told import finite
from penstock_client.drift import ColumnDrift, DriftEffect, DriftStatus

__all__ = ["effect_of", "shown_effect", "shown_moment", "shown_percent", "status_told"]


def status_told(status: DriftStatus) -> dict[str, Any]:
    """A version as JSON has it: the same as over REST."""
    told: dict[str, Any] = finite(_without_unset(asdict(status)))
    return told


def effect_of(column: ColumnDrift, name: str) -> DriftEffect | None:
    """One of a column's effects."""
    return next((one for one in column.effects if one.name == name), None)


def shown_effect(effect: DriftEffect | None) -> str:
    """A value with its interval."""
    if effect is None:
        return ""
    return f"{effect.value:.3f} ({effect.low:.3f} to {effect.high:.3f})"


def shown_moment(seconds: float) -> str:
    """Day and time of seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def shown_percent(share: float) -> str:
    """A share of rows, with three digits."""
    return f"{100 * share:.3g} %"


def _without_unset(value: Any) -> Any:
    match value:
        case dict():
            return {
                name: _without_unset(inner) for name, inner in value.items() if inner is not None
            }
        case list() | tuple():
            return [_without_unset(inner) for inner in value]
    return value
