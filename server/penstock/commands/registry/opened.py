# SPDX-License-Identifier: Apache-2.0
"""What all verbs of `penstock registry` share: opening it, and how things are written."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from penstock.registry import registry_place
from penstock.registry.registry import Registry
from penstock.registry.runs import Estimate

__all__ = ["opened", "print_json", "shown_estimate", "shown_number", "shown_time"]

#: Digits of a metric that are shown.
DIGITS = 4


def opened(console: Console, uri: str) -> Registry:
    """The registry at `uri`, which must be there. Raises RegistryError."""
    with console.status("opening the registry"):
        return Registry(registry_place(uri, folder=Path.cwd()))


def print_json(told: Any) -> None:
    """To standard output, without colours or wrapping."""
    print(json.dumps(told, indent=2, ensure_ascii=False))


def shown_number(value: float | None) -> str:
    """With DIGITS digits, and whole numbers whole; empty for None."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 10**DIGITS else f"{value:.{DIGITS}g}"


def shown_estimate(estimate: Estimate | None) -> str:
    """A metric, with its interval if it has one."""
    if estimate is None:
        return ""
    if estimate.low is None or estimate.high is None:
        return shown_number(estimate.value)
    low, high = shown_number(estimate.low), shown_number(estimate.high)
    return f"{shown_number(estimate.value)} ({low} to {high})"


def shown_time(milliseconds: int) -> str:
    """Of milliseconds since 1970."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
