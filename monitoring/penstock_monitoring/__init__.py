# SPDX-License-Identifier: Apache-2.0
"""What watches models that are served, and compares tables: docs/drift_report.md.

Nothing here is imported before it is used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock_monitoring.compare_tables import compare
    from penstock_monitoring.held_out import Column, Reference
    from penstock_monitoring.profile import build_profile, write_profile
    from penstock_monitoring.reference_table import profile_of_table
    from penstock_monitoring.report import DriftReport

_HOMES = {
    "Column": "penstock_monitoring.held_out",
    "DriftReport": "penstock_monitoring.report",
    "Reference": "penstock_monitoring.held_out",
    "build_profile": "penstock_monitoring.profile",
    "compare": "penstock_monitoring.compare_tables",
    "profile_of_table": "penstock_monitoring.reference_table",
    "write_profile": "penstock_monitoring.profile",
}

__all__ = [
    "Column",
    "DriftReport",
    "Reference",
    "build_profile",
    "compare",
    "profile_of_table",
    "write_profile",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
