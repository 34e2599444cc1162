# SPDX-License-Identifier: Apache-2.0
"""How rollouts and routes are written: numbers, shares, moments, and JSON. Pure."""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from penstock_client import RolloutStatus
from penstock_client.routes import RouteStatus
from penstock_client.shadows import ShadowExamples

__all__ = [
    "examples_told",
    "finite",
    "json_line",
    "route_told",
    "shown_day",
    "shown_rate",
    "shown_share",
    "shown_time",
    "status_told",
]


def status_told(status: RolloutStatus) -> dict[str, Any]:
    """A rollout as JSON has it: the same as over REST."""
    told = asdict(status)
    if told["ended_ms"] is None:
        del told["ended_ms"]
    if told["evidence"]["verdict"] is None:
        del told["evidence"]["verdict"]
    for shadow in told["evidence"]["shadows"]:
        _leave_out_unset(shadow["worst"], "low", "high")
    plain: dict[str, Any] = finite(told)
    return plain


def route_told(status: RouteStatus) -> dict[str, Any]:
    """A route as JSON has it: the same as over REST."""
    told = asdict(status)
    _leave_out_unset([*told["arms"], *told["shadows"]], "version")
    for shadow in told["shadows"]:
        _leave_out_unset(shadow["counts"]["worst"], "low", "high")
    plain: dict[str, Any] = finite(told)
    return plain


def examples_told(found: ShadowExamples) -> dict[str, Any]:
    """Examples as JSON has them: the same as over REST."""
    told = asdict(found)
    for one, example in zip(told["examples"], found.examples, strict=True):
        del one["pair_json"]
        one["pair"] = example.pair
    return told


def json_line(told: Any, *, indent: int | None = None) -> str:
    """JSON, on one line without `indent`."""
    return json.dumps(told, ensure_ascii=False, allow_nan=False, indent=indent)


def shown_share(bp: int) -> str:
    """Basis points as percent: 500 is 5 %, 25 is 0.25 %."""
    return f"{bp / 100:g} %"


def shown_rate(bad: int, requests: int) -> str:
    """A part of requests in percent, with three digits; empty if there are none."""
    return f"{100 * bad / requests:.3g} %" if requests else ""


def shown_day(wall_ms: int) -> str:
    """Day and time of milliseconds since 1970."""
    return _moment(wall_ms).strftime("%Y-%m-%d %H:%M:%S UTC")


def shown_time(wall_ms: int) -> str:
    """The time alone, UTC."""
    return _moment(wall_ms).strftime("%H:%M:%S")


def _leave_out_unset(values: Iterable[dict[str, Any]], *names: str) -> None:
    for one in values:
        for name in names:
            if one[name] is None:
                del one[name]


def _moment(wall_ms: int) -> datetime:
    return datetime.fromtimestamp(wall_ms / 1000, UTC)


def finite(value: Any) -> Any:
    """A plain value with protobuf's texts for numbers that JSON does not have."""
    match value:
        case float() if not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        case dict():
            return {name: finite(inner) for name, inner in value.items()}
        case list() | tuple():
            return [finite(inner) for inner in value]
    return value
