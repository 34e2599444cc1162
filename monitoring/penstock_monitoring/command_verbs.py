# SPDX-License-Identifier: Apache-2.0
"""What `penstock drift profile`, `compare` and `report` do."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from penstock.errors import ProfileError
from penstock.plain_text import escaped
from penstock_client.drift import DriftStatus
from penstock_monitoring.profile import write_profile
from penstock_monitoring.reference_table import profile_of_table, remarks_of
from penstock_monitoring.report import DriftReport
from penstock_monitoring.report.terminal import report_picture

__all__ = [
    "importances_of",
    "predictions_of",
    "show_comparison",
    "write_reference",
    "write_report",
]


def write_reference(console: Console, table: str, out: Path, **given: Any) -> None:
    """Make a profile of a table, write it, and say what it is. Raises ProfileError."""
    profile = profile_of_table(table, **given)
    try:
        write_profile(profile, out)
        size = out.stat().st_size
    except OSError as error:
        raise ProfileError(f"{out} cannot be written: {error.strerror or error}.") from None
    console.print(
        Text(
            f"{out}: {len(profile.features)} columns of {profile.rows:,} rows, {size:,} bytes. "
            "Put it next to the model's file in its version's folder."
        )
    )
    for remark in remarks_of(profile):
        console.print(Text(f"Note: {escaped(remark)}", "yellow"))


def show_comparison(
    console: Console, report: DriftReport, *, html: Path | None, as_json: bool, every: bool
) -> None:
    """Print a report, and write it. Raises MonitoringError."""
    if as_json:
        print(report.to_json())
    else:
        console.print(report_picture(report, every=every))
    if html is not None:
        report.save(html)
        if not as_json:
            console.print(Text(f"{html}: the report."))


def write_report(console: Console, status: DriftStatus, out: Path) -> DriftReport:
    """Write what a server has said as a page. Raises MonitoringError."""
    report = DriftReport.from_client(status)
    report.save(out)
    console.print(Text(f"{out}: {escaped(report.verdict)}"))
    return report


def predictions_of(given: Sequence[str]) -> str | Mapping[str, str | int]:
    """COLUMN, or COLUMN=CLASS of each, as profile_of_table() takes them. Raises ProfileError."""
    if not given:
        return ""
    pairs = [one.partition("=") for one in given]
    if len(pairs) == 1 and not pairs[0][1]:
        return pairs[0][0]
    wrong = next((one for one, (name, sign, of) in zip(given, pairs, strict=True) if not of), None)
    if wrong is not None:
        raise ProfileError(f"--prediction {wrong} of several: wanted COLUMN=CLASS.")
    return {name: int(of) if of.lstrip("-").isdigit() else of for name, _, of in pairs}


def importances_of(file: Path | None) -> Mapping[str, float]:
    """A number for each column, of a JSON file. Raises ProfileError."""
    if file is None:
        return {}
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        return {str(name): float(value) for name, value in told.items()}
    except OSError as error:
        raise ProfileError(f"{file} cannot be read: {error.strerror or error}.") from None
    except (AttributeError, TypeError, ValueError):
        raise ProfileError(f"{file} is no JSON object of numbers by column.") from None
