# SPDX-License-Identifier: Apache-2.0
"""A report for people at a terminal. Pure."""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from penstock.drift import ColumnDrift
from penstock.plain_text import escaped
from penstock_monitoring.main_effect import main_effect
from penstock_monitoring.report.drift_report import DriftReport
from penstock_monitoring.report.verdict import by_severity
from penstock_monitoring.report.words import (
    EFFECT_NAMES,
    RATE_NAMES,
    plural,
    shown_effect,
    shown_p_value,
    shown_share,
)

__all__ = ["report_picture"]

COLUMNS_SHOWN = 20
STYLES = {"alarm": "bold red", "warn": "yellow", "ok": "green", "learning": "dim"}
#: A rate is told where it is above the reference's by so much.
RATE_RISE = 0.01


def report_picture(report: DriftReport, *, every: bool) -> RenderableType:
    """The verdict, what is alarming, and the columns that differ most."""
    status = report.status
    shown = by_severity(status.columns)
    left_out = 0 if every else max(0, len(shown) - COLUMNS_SHOWN)
    parts: list[RenderableType] = [Text(escaped(report.verdict), "bold")]
    going_on = [alarm for alarm in status.alarms if alarm.cleared_at is None]
    parts += [
        Text.assemble(("  ▲ ", "red"), (f"{alarm.kind}: ", "bold"), escaped(alarm.message))
        for alarm in going_on
    ]
    parts += [Text(), _columns(shown[: len(shown) - left_out], report)]
    if left_out:
        parts.append(
            Text(f"{plural(left_out, 'column')} that differ less: --all shows them.", "dim")
        )
    said = [status.bound] if status.bound else []
    parts += [Text(), *(Text(escaped(note), "dim") for note in [*said, *status.notes])]
    return Group(*parts)


def _columns(columns: Iterable[ColumnDrift], report: DriftReport) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("Column", "State", "Effect (95 %)"):
        table.add_column(name, overflow="fold")
    for name in ("ln E", "Rows"):
        table.add_column(name, justify="right")
    p_values = report.log_p_values
    if p_values is not None:
        table.add_column("p", justify="right")
    table.add_column("Rates", overflow="fold")
    for one in columns:
        p_value = [] if p_values is None else [shown_p_value(p_values.get(one.name, 0.0))]
        table.add_row(
            Text(escaped(one.name) + (" (output)" if one.is_output else "")),
            Text(f"{one.state}{', suspected' * one.is_suspected}", STYLES[one.state]),
            _effect(one),
            f"{one.log_e:,.1f} of {one.log_limit:.1f}",
            f"{one.rows:,}",
            *p_value,
            Text("\n".join(_rates(one))),
        )
    return table


def _effect(column: ColumnDrift) -> str:
    effect = main_effect(column)
    if effect is None:
        return ""
    return (
        f"{EFFECT_NAMES[effect.name]} {shown_effect(effect.value)} "
        f"({shown_effect(effect.low)} to {shown_effect(effect.high)})"
    )


def _rates(column: ColumnDrift) -> Iterable[str]:
    for rate in column.rates:
        if rate.live - (rate.reference or 0.0) >= RATE_RISE:
            yield f"{RATE_NAMES.get(rate.name, rate.name).lower()} {shown_share(rate.live)}"
