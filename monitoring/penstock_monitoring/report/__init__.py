# SPDX-License-Identifier: Apache-2.0
"""How live rows, or those of a table, stand to their reference: a page for people.

The page needs no other file, no network and no script to be read.
"""

from penstock_monitoring.report.drift_report import DriftReport

__all__ = ["DriftReport"]
