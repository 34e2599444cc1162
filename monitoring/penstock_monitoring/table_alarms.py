# SPDX-License-Identifier: Apache-2.0
"""The messages about a table: columns that began to differ together are one. Pure."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from penstock.drift import Alarm, ColumnDrift, Effect
from penstock_monitoring.effects import ALARM
from penstock_monitoring.main_effect import main_effect
from penstock_monitoring.schema_changes import SchemaChanges
from penstock_monitoring.table_rules import Finding

__all__ = ["alarms_of"]

#: Columns of which a message tells the effect.
TOLD = 5
#: Columns that break one rule, of which a message tells how.
RULES_TOLD = 3
NAMES = {"psi": "PSI", "wasserstein": "Wasserstein distance"}


def alarms_of(
    columns: Sequence[ColumnDrift],
    broken: Sequence[Finding],
    changes: SchemaChanges,
    *,
    begin: float,
    now: float,
) -> tuple[Alarm, ...]:
    """What must be told of, the gravest first: the schema, broken rules, drift.

    `begin`: of the rows, which is the onset of what has no other; `now`: when they were compared.
    """
    found = [*_schema(changes, begin, now), *_rules(broken, columns, now), *_drift(columns, now)]
    return tuple(found)


def _schema(changes: SchemaChanges, begin: float, now: float) -> Iterator[Alarm]:
    messages = [((name,), f"{name} is not there any more.") for name in changes.vanished] + [
        ((one.name,), f"{one.name} is {one.now}, and the reference has {one.was}.")
        for one in changes.changed
    ]
    for number, (names, message) in enumerate(messages):
        yield _alarm(f"schema-{number}", "schema", names, now, message, onset=begin)


def _rules(
    broken: Sequence[Finding], columns: Sequence[ColumnDrift], now: float
) -> Iterator[Alarm]:
    onsets = {column.name: column.onset for column in columns}
    groups: dict[tuple[str, float | None], list[Finding]] = {}
    for finding in broken:
        groups.setdefault((finding.kind, onsets.get(finding.column)), []).append(finding)
    for number, ((kind, onset), found) in enumerate(groups.items()):
        told = [f"{one.column} {one.what}" for one in found[:RULES_TOLD]]
        if more := len(found) - len(told):
            told.append(f"and {more} more {'column' if more == 1 else 'columns'}")
        yield _alarm(
            f"{kind}-{number}",
            kind,
            tuple(dict.fromkeys(one.column for one in found)),
            now,
            f"{'; '.join(told)}.",
            onset=onset,
            log_e=max(one.log_e for one in found),
        )


def _drift(columns: Sequence[ColumnDrift], now: float) -> Iterator[Alarm]:
    drifted = [column for column in columns if column.state == "alarm" and _enough(column)]
    ordered = sorted(drifted, key=lambda column: column.onset or 0.0)
    groups = [
        sorted(group, key=_size, reverse=True)
        for _, group in groupby(ordered, key=lambda column: column.onset)
    ]
    for number, ranked in enumerate(sorted(groups, key=lambda one: _size(one[0]), reverse=True)):
        yield _alarm(
            f"drift-{number}",
            "drift",
            tuple(column.name for column in ranked),
            now,
            _message(ranked),
            onset=ranked[0].onset,
            log_e=max(column.log_e for column in ranked),
            effect=_enough(ranked[0]),
        )


def _message(ranked: Sequence[ColumnDrift]) -> str:
    told = []
    for column in ranked[:TOLD]:
        effect = _enough(column)
        assert effect is not None
        told.append(f"{column.name} ({NAMES[effect.name]} {effect.value:.2f})")
    more = f" and {len(ranked) - TOLD} more" if len(ranked) > TOLD else ""
    verb = "differs" if len(ranked) == 1 else "differ"
    return f"{', '.join(told)}{more} {verb} from the reference."


def _enough(column: ColumnDrift) -> Effect | None:
    """The effect that an alarm is told by, if one is large enough."""
    effect = main_effect(column)
    return effect if effect and effect.low > ALARM else None


def _size(column: ColumnDrift) -> float:
    effect = _enough(column)
    return effect.value if effect else 0.0


def _alarm(
    id: str,
    kind: str,
    columns: tuple[str, ...],
    now: float,
    message: str,
    *,
    onset: float | None = None,
    log_e: float = 0.0,
    effect: Effect | None = None,
) -> Alarm:
    return Alarm(
        id=id,
        kind=kind,
        columns=columns,
        raised_at=now,
        onset=now if onset is None else onset,
        cleared_at=None,
        log_e=log_e,
        effect=effect,
        message=message,
    )
