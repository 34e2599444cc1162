# SPDX-License-Identifier: Apache-2.0
"""Monitoring for people at a terminal. Pure."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from penstock.commands.drift.told import effect_of, shown_effect, shown_moment, shown_percent
from penstock.plain_text import escaped
from penstock_client.drift import ColumnDrift, DriftAlarm, DriftStatus

__all__ = ["COLUMNS_SHOWN", "list_picture", "status_picture"]

#: Without a wish for all.
COLUMNS_SHOWN = 20
ALARMS_SHOWN = 10
#: A rate is shown where it is above the reference's by so much.
RATE_RISE = 0.01

SEVERITY = {"alarm": 0, "warn": 1, "learning": 3}
STYLES = {"alarm": "bold red", "warn": "yellow", "ok": "green", "learning": "dim"}
REFERENCES = {
    "profile": "the reference profile",
    "self": "its first live rows",
    "learning": "none yet",
}


def status_picture(status: DriftStatus, *, every: bool) -> RenderableType:
    """One version."""
    parts: list[RenderableType] = [
        Text.assemble(
            (escaped(status.model), "bold"), f" version {status.version}: {_verdict(status)}"
        ),
        *(Text(line) for line in _lines(status)),
        *(Text(f"Note: {escaped(note)}", "yellow") for note in status.notes),
    ]
    if status.alarms:
        parts += [Text("\nAlarms", "bold"), _alarms(status.alarms[:ALARMS_SHOWN])]
    if status.columns:
        shown = _by_severity(status.columns)
        left_out = 0 if every else max(0, len(shown) - COLUMNS_SHOWN)
        parts += [Text("\nColumns", "bold"), _columns(shown[: len(shown) - left_out])]
        if left_out:
            parts.append(Text(f"{left_out} columns that differ less: --all shows them.", "dim"))
    return Group(*parts)


def list_picture(found: Sequence[DriftStatus]) -> RenderableType:
    """All versions, a line each."""
    table = _table("Model")
    for name in ("Version", "Rows", "Columns", "Alarms"):
        table.add_column(name, justify="right")
    table.add_column("Against")
    for one in found:
        ongoing = _ongoing(one)
        table.add_row(
            Text(escaped(one.model)),
            str(one.version),
            f"{one.rows:,}",
            str(len(one.columns)),
            Text(str(len(ongoing)), STYLES["alarm"] if ongoing else ""),
            REFERENCES.get(one.reference, one.reference),
        )
    return table


def _verdict(status: DriftStatus) -> str:
    ongoing = _ongoing(status)
    if ongoing:
        return "an alarm goes on" if len(ongoing) == 1 else f"{len(ongoing)} alarms go on"
    if status.reference == "learning":
        return "gathering rows for a reference"
    warned = sum(one.state == "warn" for one in status.columns)
    suspected = sum(one.is_suspected for one in status.columns)
    told = [f"{warned} columns differ"] if warned else []
    told += [f"suspected: {suspected} of {len(status.columns)} columns"] if suspected else []
    return "; ".join(["no alarm", *told])


def _lines(status: DriftStatus) -> Iterator[str]:
    against = REFERENCES.get(status.reference, status.reference)
    rows = f" of {status.reference_rows:,} rows" if status.reference_rows else ""
    yield f"Held against {against}{rows}."
    if status.bound:
        yield status.bound
    if status.end > status.begin:
        seen = f"{status.rows:,} rows, {status.tested_rows:,} of them tested"
        yield f"{shown_moment(status.begin)} to {shown_moment(status.end)}: {seen}."
    if status.share < 1:
        yield f"{shown_percent(status.share)} of the requests are looked at."
    if status.dropped_rows:
        yield f"Rows that were answered and are not counted: {status.dropped_rows:,}."
    if status.repeated_rows:
        yield f"Rows that came before: {status.repeated_rows:,}."


def _alarms(alarms: Sequence[DriftAlarm]) -> Table:
    table = _table("Since", "Kind", "What")
    for one in alarms:
        ended = f"\ncleared {shown_moment(one.cleared_at)}" if one.cleared_at is not None else ""
        again = f"\ntold again {_times(one.reminders)}" if one.reminders else ""
        style = "dim" if ended else STYLES["alarm"]
        table.add_row(
            Text(shown_moment(one.onset) + again + ended),
            Text(one.kind, style),
            Text(escaped(one.message)),
        )
    return table


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _columns(columns: Sequence[ColumnDrift]) -> Table:
    table = _table("Column", "State", "PSI (95 %)")
    table.add_column("ln E", justify="right")
    table.add_column("Rows", justify="right")
    table.add_column("Rates", overflow="fold")
    for one in columns:
        table.add_row(
            Text(escaped(one.name) + (" (output)" if one.is_output else "")),
            Text(f"{one.state}{', suspected' * one.is_suspected}", STYLES.get(one.state, "")),
            shown_effect(effect_of(one, "psi")),
            f"{one.log_e:.1f} of {_limits(one)}",
            f"{one.rows:,}",
            Text("\n".join(_rates(one))),
        )
    return table


def _limits(one: ColumnDrift) -> str:
    """Where it is suspected, if that is known, and where it raises an alarm."""
    if one.calibrated_limit is None:
        return f"{one.log_limit:.1f}"
    return f"{one.calibrated_limit:.1f} to {one.log_limit:.1f}"


def _rates(column: ColumnDrift) -> Iterator[str]:
    for one in column.rates:
        if one.live - (one.reference or 0.0) >= RATE_RISE:
            named = one.name == "unseen" and column.unseen
            most = f", most {escaped(column.unseen[0].category)}" if named else ""
            yield f"{one.name} {shown_percent(one.live)}{most}"


def _by_severity(columns: Sequence[ColumnDrift]) -> list[ColumnDrift]:
    def place(one: ColumnDrift) -> tuple[int, float]:
        psi = effect_of(one, "psi")
        return SEVERITY.get(one.state, 2), -(psi.value if psi else 0.0)

    return sorted(columns, key=place)


def _ongoing(status: DriftStatus) -> list[DriftAlarm]:
    return [one for one in status.alarms if one.cleared_at is None]


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name, overflow="fold")
    return table
