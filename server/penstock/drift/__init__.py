# SPDX-License-Identifier: Apache-2.0
"""Live rows of served versions, counted by the core and held against a reference.

The statistics are penstock_monitoring's; what both speak of stands here.
"""

from penstock.drift.layout import Layout, WatchedColumn
from penstock.drift.monitor import Monitor, Monitors
from penstock.drift.settings import MonitoringSettings
from penstock.drift.status import Alarm, ColumnDrift, DriftStatus, Effect, HistoryPoint, Rate
from penstock.drift.taken import Sample, Taken

__all__ = [
    "Alarm",
    "ColumnDrift",
    "DriftStatus",
    "Effect",
    "HistoryPoint",
    "Layout",
    "Monitor",
    "Monitors",
    "MonitoringSettings",
    "Rate",
    "Sample",
    "Taken",
    "WatchedColumn",
]
