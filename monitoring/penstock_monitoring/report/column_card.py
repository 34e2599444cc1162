# SPDX-License-Identifier: Apache-2.0
"""One column of a page: a line that says how it is, and behind it pictures and numbers. Pure."""

from collections.abc import Mapping, Sequence
from html import escape

from penstock.drift import ColumnDrift
from penstock.drift.status import ColumnState
from penstock_monitoring.effects import ALARM, WARN
from penstock_monitoring.main_effect import main_effect
from penstock_monitoring.report.charts import bars, effect_meter, line, lying_bars
from penstock_monitoring.report.words import (
    EFFECT_NAMES,
    RATE_NAMES,
    plural,
    shown_count,
    shown_effect,
    shown_number,
    shown_share,
    shown_time,
)

__all__ = ["MARKS", "column_card", "column_line"]

#: A shape for each state, for those who do not tell colours apart.
MARKS: Mapping[ColumnState, str] = {"alarm": "▲", "warn": "◆", "ok": "●", "learning": "○"}
KINDS = {
    "numeric": "number",
    "categorical": "category",
    "length": "length of text",
    "norm": "norm",
    "projection": "projection",
    "sensitive": "sensitive",
}
QUANTILES = ("5%", "25%", "50%", "75%", "95%")


def column_card(
    column: ColumnDrift,
    *,
    side: str,
    onset: float | None = None,
    is_open: bool = False,
    p_value: str = "",
) -> str:
    """A column with everything that is known of it.

    `side`: what rows beside the reference are called; `onset`: when the alarm about it began.
    """
    return (
        f'<details class="column {column.state}" data-state="{column.state}" '
        f'data-name="{escape(column.name.lower())}"{" open" if is_open else ""}>'
        f"<summary>{_summary(column)}</summary>"
        f'<div class="inside"><div>{_figure(column, side)}{_times(column, onset)}'
        f"{_numbers(column, side)}</div><div>{_facts(column, side, onset, p_value)}</div>"
        "</div></details>"
    )


def column_line(column: ColumnDrift) -> str:
    """A column without pictures, where there are too many for them."""
    return (
        f'<div class="column plain {column.state}" data-state="{column.state}" '
        f'data-name="{escape(column.name.lower())}">'
        f'<div class="summary">{_summary(column)}</div></div>'
    )


def _summary(column: ColumnDrift) -> str:
    kind = KINDS[column.kind] + (", output" if column.is_output else "")
    kind += ", suspected" if column.is_suspected else ""
    effect = main_effect(column)
    meter = effect_meter(effect, warn=WARN, alarm=ALARM) if effect else ""
    value = f"{EFFECT_NAMES[effect.name]} {shown_effect(effect.value)}" if effect else "no rows"
    return (
        f'<span class="state"><span aria-hidden="true">{MARKS[column.state]}</span> '
        f'{column.state}</span><span class="name">{escape(column.name)}</span>'
        f'<span class="kind">{kind}</span><span class="meter">{meter}</span>'
        f'<span class="psi">{value}</span>'
    )


def _figure(column: ColumnDrift, side: str) -> str:
    if column.kind == "sensitive":
        return (
            '<div class="figure"><p class="soft">A sensitive column: of its values nothing is '
            "counted but whether there is one.</p></div>"
        )
    if not column.bins:
        return '<div class="figure"><p class="soft">There are no rows to be shown.</p></div>'
    chart = lying_bars if column.kind == "categorical" else bars
    what = f"{column.name}: share of rows by bin, {side} beside the reference"
    picture = chart(column.bins, column.live, column.reference, what=what, side=side)
    return f'<div class="figure">{picture}{_unseen(column)}</div>'


def _numbers(column: ColumnDrift, side: str) -> str:
    """The same as the picture, to be read."""
    if not column.bins:
        return ""
    rows = "".join(
        f"<tr><th>{escape(name)}<td>{shown_share(live)}<td>{shown_share(reference)}"
        for name, live, reference in zip(column.bins, column.live, column.reference, strict=True)
    )
    return (
        '<details class="numbers"><summary>The same in numbers</summary><table><thead><tr>'
        f"<th>Bin<th>{side.capitalize()}<th>Reference<tbody>{rows}</table></details>"
    )


def _unseen(column: ColumnDrift) -> str:
    if not column.unseen:
        return ""
    told = ", ".join(f"{escape(name)} ({shown_count(rows)})" for name, rows in column.unseen)
    return f"<p><b>Not in the reference:</b> {told}</p>"


def _times(column: ColumnDrift, onset: float | None) -> str:
    history = column.history
    if len(history) < 2:
        return ""
    spans = [(point.begin, point.end) for point in history]
    parts = [
        _titled(
            "PSI over time",
            line(
                spans,
                [point.psi for point in history],
                what=f"{column.name}: PSI over time",
                limit=ALARM,
                onset=onset,
                is_told=True,
            ),
        )
    ]
    means = [point.mean for point in history if point.mean is not None]
    if len(means) == len(history):
        parts.append(
            _titled(
                "Mean over time",
                line(spans, means, what=f"{column.name}: mean over time", starts_at_zero=False),
            )
        )
    if any(point.missing for point in history):
        parts.append(
            _titled(
                "Missing over time",
                line(
                    spans,
                    [point.missing for point in history],
                    what=f"{column.name}: share of missing values over time",
                    is_share=True,
                ),
            )
        )
    return f'<div class="times">{"".join(parts)}</div>'


def _titled(title: str, picture: str) -> str:
    return f"<figure><figcaption>{title}</figcaption>{picture}</figure>"


def _facts(column: ColumnDrift, side: str, onset: float | None, p_value: str) -> str:
    effects = [
        (
            EFFECT_NAMES[effect.name],
            shown_effect(effect.value),
            f"{shown_effect(effect.low)} to {shown_effect(effect.high)}",
        )
        for effect in column.effects
    ]
    rates = [
        (
            RATE_NAMES.get(rate.name, rate.name),
            shown_share(rate.live),
            "" if rate.reference is None else shown_share(rate.reference),
        )
        for rate in column.rates
        if rate.live or rate.reference
    ]
    return (
        _table(("Effect", "Size", "95% interval"), effects)
        + _table(("Rate", side.capitalize(), "Reference"), rates)
        + _quantiles(column, side)
        + _evidence(column, side, onset, p_value)
    )


def _table(head: Sequence[str], rows: Sequence[tuple[str, str, str]]) -> str:
    if not rows:
        return ""
    heads = "".join(f"<th>{title}" for title in head)
    body = "".join(f"<tr><th>{escape(a)}<td>{b}<td>{c}" for a, b, c in rows)
    return f"<table><thead><tr>{heads}<tbody>{body}</table>"


def _quantiles(column: ColumnDrift, side: str) -> str:
    if not column.quantiles:
        return ""
    heads = "".join(f"<th>{name}" for name in QUANTILES)
    values = "".join(f"<td>{shown_number(value)}" for value in column.quantiles)
    return (
        f'<table class="quantiles"><caption>Quantiles, {side}</caption><thead><tr>{heads}'
        f"<tbody><tr>{values}</table>"
    )


def _evidence(column: ColumnDrift, side: str, onset: float | None, p_value: str) -> str:
    is_anew = side == "live" and column.state == "alarm"
    evidence = "Since the alarm evidence is gathered anew:" if is_anew else "Evidence"
    told = [
        f"{plural(column.rows, 'row')} beside {shown_count(column.reference_rows)} of "
        f"{'the reference' if column.against == 'reference' else 'the same hours last week'}.",
        f"{evidence} ln E {shown_number(column.log_e)}; alone it would need "
        f"{shown_number(column.log_limit)}.",
        f"The least PSI that so many rows show: {shown_number(column.smallest_psi)}.",
    ]
    if column.calibrated_limit is not None:
        is_one = "It is suspected" if column.is_suspected else "It would be suspected"
        told.insert(
            2,
            f"{is_one} from {shown_number(column.calibrated_limit)} on, which rows of the very "
            "reference reach as rarely as an alarm may be false; no alarm goes by that.",
        )
    if onset is not None:
        told.insert(0, f"Began {shown_time(onset)}.")
    if p_value:
        told.append(f"p-value {p_value}.")
    return f'<p class="soft">{" ".join(told)}</p>'
