# SPDX-License-Identifier: Apache-2.0
"""What a page says first: one sentence, and in what colour. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from penstock.drift import ColumnDrift, DriftStatus, Effect
from penstock.drift.status import ColumnState
from penstock_monitoring.main_effect import main_effect
from penstock_monitoring.report.words import EFFECT_NAMES, plural, shown_effect, shown_time

__all__ = ["Verdict", "by_severity", "has_times", "is_of_tables", "onsets_of", "verdict_of"]

#: The gravest first.
ORDER: Sequence[ColumnState] = ("alarm", "warn", "learning", "ok")
NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`state`: that of the whole; `sentence`: what it is; `detail`: what that rests on."""

    state: ColumnState
    sentence: str
    detail: str


def verdict_of(status: DriftStatus) -> Verdict:
    """How it stands, in a sentence."""
    going_on = [alarm for alarm in status.alarms if alarm.cleared_at is None]
    detail = " ".join(filter(None, [_detail(status), status.bound]))
    if going_on:
        return Verdict(state="alarm", sentence=_alarmed(status), detail=detail)
    warned = [column for column in by_severity(status.columns) if column.state == "warn"]
    if warned:
        verb = "differs" if len(warned) == 1 else "differ"
        return Verdict(
            state="warn",
            sentence=f"No alarm, but {_of(len(warned), status)} {verb} enough to be watched: "
            f"{_names(warned)}.",
            detail=detail,
        )
    if status.reference == "learning" or not status.columns or _all_learn(status.columns):
        return Verdict(
            state="learning", sentence="Too few rows yet to say anything.", detail=detail
        )
    count = plural(len(status.columns), "column")
    suspected = [column for column in by_severity(status.columns) if column.is_suspected]
    if suspected:
        verb = "is" if len(suspected) == 1 else "are"
        sentence = f"No alarm, but {_of(len(suspected), status)} {verb} suspected: "
        sentence += f"{_names(suspected)}."
        return Verdict(state="ok", sentence=sentence, detail=detail)
    sentence = f"No drift: {count} as in the reference."
    return Verdict(state="ok", sentence=sentence, detail=detail)


def by_severity(columns: Iterable[ColumnDrift]) -> list[ColumnDrift]:
    """The gravest first; of one state, outputs, and the largest PSI."""
    return sorted(
        columns, key=lambda one: (ORDER.index(one.state), not one.is_output, -_psi(one), one.name)
    )


def onsets_of(status: DriftStatus) -> dict[str, float]:
    """By column, when the first alarm about it that goes on began.

    Evidence starts anew at an alarm, so a column's own onset is not that of its alarm.
    """
    found: dict[str, float] = {}
    for alarm in status.alarms if has_times(status) else ():
        if alarm.cleared_at is None:
            for name in alarm.columns:
                found[name] = min(alarm.onset, found.get(name, alarm.onset))
    return found


def has_times(status: DriftStatus) -> bool:
    """Whether its rows have come at known times, and not all at once."""
    return status.end > status.begin


def is_of_tables(status: DriftStatus) -> bool:
    """Whether it is of two tables, rather than of a served version."""
    return status.version == 0 and status.ticks == 0


def _alarmed(status: DriftStatus) -> str:
    going_on = [alarm for alarm in status.alarms if alarm.cleared_at is None]
    drifted = {name for alarm in going_on if alarm.kind == "drift" for name in alarm.columns}
    broken = [alarm for alarm in going_on if alarm.kind != "drift"]
    parts = []
    if drifted:
        verb = "has" if len(drifted) == 1 else "have"
        columns = [column for column in status.columns if column.name in drifted]
        worst = _names([max(columns, key=_psi)]) if columns else ""
        named = f": {worst}" if len(columns) == 1 else f", most of all {worst}" if columns else ""
        since = ""
        if has_times(status):
            onset = min(alarm.onset for alarm in going_on if alarm.kind == "drift")
            since = f" since {shown_time(onset)}"
        parts.append(f"{_of(len(drifted), status)} {verb} drifted{since}{named}")
    if broken:
        verb = "is" if len(broken) == 1 else "are"
        what = plural(len(broken), "rule of data quality", "rules of data quality")
        parts.append(f"{what} {verb} broken")
    sentence = f"{'; '.join(parts)}."
    return sentence[0].upper() + sentence[1:]


def _detail(status: DriftStatus) -> str:
    reference = {
        "profile": "held-out rows",
        "self": "the first live rows, which is weaker: what was wrong from the start is not seen",
        "learning": "nothing yet: a reference is being gathered",
    }[status.reference]
    rows = plural(status.rows, "row")
    if is_of_tables(status):
        return f"{rows} beside {plural(status.reference_rows, 'row')} of the reference."
    if status.reference == "learning":
        return f"{rows} beside {reference}."
    return f"{rows} beside {plural(status.reference_rows, 'row')} of the reference: {reference}."


def _of(count: int, status: DriftStatus) -> str:
    return f"{count:,} of {plural(len(status.columns), 'column')}"


def _names(columns: Sequence[ColumnDrift]) -> str:
    told = [f"{column.name}{_shown(main_effect(column))}" for column in columns[:NAMED]]
    more = f" and {len(columns) - NAMED} more" if len(columns) > NAMED else ""
    return ", ".join(told) + more


def _shown(effect: Effect | None) -> str:
    return f" ({EFFECT_NAMES[effect.name]} {shown_effect(effect.value)})" if effect else ""


def _psi(column: ColumnDrift) -> float:
    return next((effect.value for effect in column.effects if effect.name == "psi"), 0.0)


def _all_learn(columns: Iterable[ColumnDrift]) -> bool:
    return all(column.state == "learning" for column in columns)
