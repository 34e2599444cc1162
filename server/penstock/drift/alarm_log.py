# SPDX-License-Identifier: Apache-2.0
"""Alarms as events of the log."""

import logging

from penstock.drift.status import Alarm
from penstock.drift.watched import Told, Watched

__all__ = ["log_alarms"]

log = logging.getLogger(__name__)

#: Columns that one event names.
COLUMNS_MAX = 10


def log_alarms(watched: Watched, told: Told) -> None:
    """Tells of alarms that were raised, of those that still go on, and that were cleared."""
    for one in told.raised:
        log.warning("drift_alarm", extra={**_told(watched, one), "what": one.message})
    for one in told.reminded:
        again = {"what": one.message, "reminders": one.reminders}
        log.warning("drift_alarm_goes_on", extra={**_told(watched, one), **again})
    for one in told.cleared:
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
