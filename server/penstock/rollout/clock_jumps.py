# SPDX-License-Identifier: Apache-2.0
"""When the wall clock was set. It is told to people, and never reckoned with."""

from penstock.rollout.ports import Clock

__all__ = ["ClockJumps"]

#: Seconds that the wall clock may differ from the monotonic one between two looks.
JUMP_S = 5.0


class ClockJumps:
    """Compares the two clocks from look to look."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._times = (clock.monotonic_s(), clock.wall_ms())

    def look(self) -> float:
        """Seconds by which the wall clock was set since the last look; 0.0: it was not."""
        monotonic_s, wall_ms = self._times
        self._times = (self._clock.monotonic_s(), self._clock.wall_ms())
        jumped_s = (self._times[1] - wall_ms) / 1000.0 - (self._times[0] - monotonic_s)
        return jumped_s if abs(jumped_s) >= JUMP_S else 0.0
