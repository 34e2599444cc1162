# SPDX-License-Identifier: Apache-2.0
"""What may be asked of monitoring, once for all ways to ask.

Lives on the control thread's event loop.
"""

import math
from collections.abc import Sequence

from penstock.control.parts import DriftControl
from penstock.control.rollout_verbs import LIST_DEFAULT, LIST_MAX
from penstock.drift.status import DriftStatus
from penstock.errors import MonitoringError

__all__ = ["DriftVerbs", "WINDOW_S_MAX"]

#: As far back as anything is kept.
WINDOW_S_MAX = 28 * 86_400.0


class DriftVerbs:
    """What a client may ask of how live rows stand. Every refusal is a PenstockError."""

    def __init__(self, control: DriftControl | None) -> None:
        """None: this server watches no model, and every verb is refused."""
        self._drift = control

    async def status(self, model: str, version: int = 0, *, window_s: float = 0.0) -> DriftStatus:
        """Of a version, 0: the highest one that is watched; of the last `window_s` seconds, 0: of
        the window that alarms are judged by.
        """
        if not model:
            raise MonitoringError("monitoring wants the name of a model, found none.")
        if version < 0:
            raise MonitoringError(f"wanted the number of a version, or 0, found {version}.")
        if not (math.isfinite(window_s) and 0 <= window_s <= WINDOW_S_MAX):
            raise MonitoringError(
                f"a window may have {WINDOW_S_MAX:.0f} seconds, found window_s {window_s:g}."
            )
        return await self._control.status(model, version or None, window_s=window_s or None)

    def statuses(self, *, limit: int = 0) -> tuple[Sequence[DriftStatus], int]:
        """The first `limit` by model and version, and how many there are besides; 0: LIST_DEFAULT.

        As they were found last.
        """
        if not 0 <= limit <= LIST_MAX:
            raise MonitoringError(f"a list has at most {LIST_MAX} versions, found limit {limit}.")
        found = self._control.statuses()
        told = found[: limit or LIST_DEFAULT]
        return told, len(found) - len(told)

    @property
    def _control(self) -> DriftControl:
        if self._drift is None:
            raise MonitoringError(
                "this server watches no model: it was started with --monitoring off.",
                code="UNIMPLEMENTED",
            )
        return self._drift
