# SPDX-License-Identifier: Apache-2.0
"""A status as one page of HTML that needs no other file and asks no network. Pure."""

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from html import escape
from importlib.resources import files

from penstock.drift import Alarm, DriftStatus
from penstock_monitoring.report.column_card import MARKS, column_card, column_line
from penstock_monitoring.report.verdict import (
    by_severity,
    has_times,
    is_of_tables,
    onsets_of,
    verdict_of,
)
from penstock_monitoring.report.words import (
    EFFECT_NAMES,
    live_word,
    plural,
    shown_count,
    shown_number,
    shown_p_value,
    shown_share,
    shown_span,
    shown_time,
)

__all__ = ["page_html"]

#: Columns with pictures; of more, the rest have a line each.
CARDS_MAX = 200
#: Columns that can be seen at once without being opened.
OPEN_MAX = 3
#: What an alarm's kind is called.
KINDS = {
    "drift": "Drift",
    "missing": "Missing values",
    "range": "Out of range",
    "infinite": "Infinite values",
    "unseen": "New categories",
    "constant": "Constant",
    "unit": "Unit changed",
    "repeated": "Repeated rows",
    "silence": "Silence",
    "schema": "Schema",
}


def page_html(status: DriftStatus, *, log_p_values: Mapping[str, float] | None = None) -> str:
    """The page. `log_p_values`: by column, shown if given."""
    folder = files("penstock_monitoring.report")
    style = folder.joinpath("page.css").read_text(encoding="utf-8")
    script = folder.joinpath("page.js").read_text(encoding="utf-8")
    title = f"Drift of {_name(status)}"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        f"style-src '{_hash(style)}'; script-src '{_hash(script)}'\">\n"
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n<main>\n"
        f"{_header(status)}{_alarms(status)}{_notes(status)}"
        f"{_columns(status, log_p_values or {})}</main>\n<script>{script}</script>\n"
        "</body>\n</html>\n"
    )


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _name(status: DriftStatus) -> str:
    return status.model if is_of_tables(status) else f"{status.model}, version {status.version}"


def _header(status: DriftStatus) -> str:
    verdict = verdict_of(status)
    when = shown_span(status.begin, status.end) if has_times(status) else shown_time(status.end)
    return (
        f'<header class="{verdict.state}"><p class="kicker">Drift report'
        f"<span>{escape(_name(status))}</span><span>{when}</span></p>"
        f'<h1><span class="mark" aria-hidden="true">{MARKS[verdict.state]}</span>'
        f"{escape(verdict.sentence)}</h1>"
        f"<p>{escape(verdict.detail)}</p>{_figures(status)}</header>\n"
    )


def _figures(status: DriftStatus) -> str:
    """A few numbers that all else rests on."""
    count = {
        state: sum(column.state == state for column in status.columns)
        for state in ("alarm", "warn", "ok", "learning")
    }
    told = [(state, shown_count(number)) for state, number in count.items() if number]
    told.append(("rows", shown_count(status.rows)))
    told.append(("reference rows", shown_count(status.reference_rows)))
    if not is_of_tables(status):
        told.append(("tested rows", shown_count(status.tested_rows)))
        told.append(("dropped rows", shown_count(status.dropped_rows)))
        told.append(("of requests looked at", shown_share(status.share)))
        told.append(
            (
                "false alarm in 30 days"
                if status.false_alarms_per_30_days == 1
                else "false alarms in 30 days",
                shown_number(status.false_alarms_per_30_days),
            )
        )
    items = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in told)
    return f"<dl>{items}</dl>"


def _alarms(status: DriftStatus) -> str:
    going_on = [alarm for alarm in status.alarms if alarm.cleared_at is None]
    past = [alarm for alarm in status.alarms if alarm.cleared_at is not None]
    parts = []
    if going_on:
        items = "".join(_alarm(alarm, status) for alarm in going_on)
        parts.append(f'<section><h2>Alarms</h2><ol class="alarms">{items}</ol></section>\n')
    if past:
        items = "".join(_alarm(alarm, status) for alarm in past)
        title = f"{plural(len(past), 'alarm')} that ended"
        parts.append(
            f'<section><details class="past"><summary>{title}</summary>'
            f'<ol class="alarms">{items}</ol></details></section>\n'
        )
    return "".join(parts)


def _alarm(alarm: Alarm, status: DriftStatus) -> str:
    facts = []
    if has_times(status):
        facts.append(f"Began {shown_time(alarm.onset)}")
        if not is_of_tables(status):
            facts.append(f"told {shown_time(alarm.raised_at)}")
            if alarm.reminders:
                facts.append(f"and again on {plural(alarm.reminders, 'day')} since")
        if alarm.cleared_at is not None:
            facts.append(f"ended {shown_time(alarm.cleared_at)}")
    if effect := alarm.effect:
        facts.append(
            f"largest effect: {EFFECT_NAMES[effect.name]} {shown_number(effect.value)} "
            f"({shown_number(effect.low)} to {shown_number(effect.high)})"
        )
    state = "ok" if alarm.cleared_at is not None else "alarm"
    told = f'<p class="soft">{" · ".join(facts)}</p>' if facts else ""
    kind = escape(KINDS.get(alarm.kind, alarm.kind))
    return (
        f'<li class="{state}"><span class="badge">{kind}</span>'
        f"<div><p>{escape(alarm.message)}</p>{told}</div></li>"
    )


def _notes(status: DriftStatus) -> str:
    if not status.notes:
        return ""
    items = "".join(f"<li>{escape(note)}</li>" for note in status.notes)
    return f'<section class="notes"><h2>Notes</h2><ul>{items}</ul></section>\n'


def _columns(status: DriftStatus, log_p_values: Mapping[str, float]) -> str:
    ordered = by_severity(status.columns)
    onsets = onsets_of(status)
    side = live_word(is_of_tables=is_of_tables(status))
    cards = [
        column_card(
            column,
            side=side,
            onset=onsets.get(column.name),
            is_open=place < OPEN_MAX and column.state in ("alarm", "warn"),
            p_value=shown_p_value(log_p_values[column.name]) if column.name in log_p_values else "",
        )
        for place, column in enumerate(ordered[:CARDS_MAX])
    ]
    cards += [column_line(column) for column in ordered[CARDS_MAX:]]
    states = [state for state in MARKS if any(column.state == state for column in ordered)]
    buttons = "".join(
        f'<button type="button" data-state="{state}" aria-pressed="false" class="{state}">'
        f'<span aria-hidden="true">{MARKS[state]}</span> {state}</button>'
        for state in states
    )
    return (
        '<section class="columns"><div class="bar"><h2>Columns</h2>'
        '<div class="legend"><span class="ref"></span>reference<span class="live"></span>'
        + side
        + "</div>"
        '<form role="search" hidden><input type="search" placeholder="Find a column" '
        f'aria-label="Find a column">{buttons}</form></div>\n'
        f'{chr(10).join(cards)}<p class="none soft" hidden>No column is like that.</p></section>\n'
    )
