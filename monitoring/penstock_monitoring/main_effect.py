# SPDX-License-Identifier: Apache-2.0
"""By which of its effects a column is told of. Pure."""

from penstock.drift import ColumnDrift, Effect
from penstock_monitoring.effects import ALARM

__all__ = ["main_effect"]


def main_effect(column: ColumnDrift) -> Effect | None:
    """PSI, but Wasserstein's distance where that alone is enough for an alarm."""
    by_name = {effect.name: effect for effect in column.effects}
    psi, distance = by_name.get("psi"), by_name.get("wasserstein")
    is_distance = distance is not None and distance.low > ALARM and (not psi or psi.low <= ALARM)
    return distance if is_distance else psi
