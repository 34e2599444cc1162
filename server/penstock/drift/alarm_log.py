# SPDX-License-Identifier: Apache-2.0
"""Alarms as events of the log."""

import logging
from collections.abc import Sequence

from penstock.drift.status import Alarm
from penstock.drift.watched import Watched

__all__ = ["log_alarms"]

log = logging.getLogger(__name__)

#: Columns that one event names.
COLUMNS_MAX = 10


def log_alarms(watched: Watched, raised: Sequence[Alarm], cleared: Sequence[Alarm]) -> None:
    """Tells of alarms that were raised, and of those that were cleared."""
    for one in raised:
        log.warning("drift_alarm", extra={**_told(watched, one), "what": one.message})
    for one in cleared:
        log.info("drift_alarm_cleared", extra=_told(watched, one))


def _told(watched: Watched, alarm: Alarm) -> dict[str, object]:
    names = ", ".join(alarm.columns[:COLUMNS_MAX])
    more = len(alarm.columns) - COLUMNS_MAX
    return {
        "model": watched.model,
        "version": watched.version,
        "alarm": alarm.id,
        "kind": alarm.kind,
        "columns": f"{names} and {more} more" if more > 0 else names,
    }
