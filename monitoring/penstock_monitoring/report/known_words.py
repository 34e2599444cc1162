# SPDX-License-Identifier: Apache-2.0
"""Whether a status that came from elsewhere says only what a page has words for. Pure."""

from collections.abc import Iterator
from typing import get_args, get_type_hints

from penstock.drift import ColumnDrift, DriftStatus
from penstock.drift.status import ColumnState, EffectName
from penstock.errors import MonitoringError

__all__ = ["check_words"]


def check_words(status: DriftStatus) -> DriftStatus:
    """The status. Raises MonitoringError where a kind or a state in it is none that is known."""
    for what, word, known in _words(status):
        if word not in known:
            raise MonitoringError(
                f"it says {what} {word!r}: wanted one of {', '.join(known)}. Of a later Penstock, "
                "that one's command can read it."
            )
    return status


def _words(status: DriftStatus) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    hints = get_type_hints(ColumnDrift)
    kinds, sides = get_args(hints["kind"]), get_args(hints["against"])
    states, effects = get_args(ColumnState), get_args(EffectName)
    yield "reference", status.reference, get_args(get_type_hints(DriftStatus)["reference"])
    for column in status.columns:
        yield "kind", column.kind, kinds
        yield "state", column.state, states
        yield "against", column.against, sides
        yield from (("effect", effect.name, effects) for effect in column.effects)
    for alarm in status.alarms:
        if alarm.effect is not None:
            yield "effect", alarm.effect.name, effects
