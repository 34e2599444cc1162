# SPDX-License-Identifier: Apache-2.0
"""What does it cost to judge a version of many columns? One process judges all versions.

100, 2000 and 10,000 columns of numbers, each held against 2000 rows; ticks of 64 rows, ten seconds
apart. A tenth of the columns has moved by a deviation: these must be in alarm, and no others.
CPU of this process: of a tick with its short status, which is what is told after each; of a full
status as somebody asks for it, with its bytes; of reading both again, as the server does; and of
what is kept each time that the monitor is saved. Medians of some.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from tests.doubles.live_rows import BEGIN, layout_of, profile_of_values, taken_of

from benchmarks import record, report
from penstock.drift import Monitor, MonitoringSettings, Taken
from penstock.drift.codec import status_bytes, status_of
from penstock_monitoring.monitor import monitors

_COLUMNS = (100, 2000, 10_000)
_QUICK = (100, 500)
_REFERENCE_ROWS = 2000
_TICK_ROWS = 64
_TICK_S = 10.0
#: Until all that moved is in alarm, and a look of the minute was due many times.
_TICKS = 60
_MOVED = 10
#: CPU seconds of a version as large as is allowed: no other is judged meanwhile.
_LIMITS = {"tick, with its short status": 1.5, "full status": 2.0}


@dataclass(slots=True)
class Costs:
    """CPU seconds of each kind of work, as they came."""

    found: dict[str, list[float]] = field(default_factory=dict)

    def of(self, what: str, work: Callable[[], Any]) -> Any:
        """What the work gives, timed."""
        began = time.process_time()
        given = work()
        self.found.setdefault(what, []).append(time.process_time() - began)
        return given

    def medians(self) -> dict[str, float]:
        """Of each kind the median."""
        return {what: float(np.median(seconds)) for what, seconds in self.found.items()}


def _tick(monitor: Monitor, taken: Taken) -> bytes:
    monitor.take(taken)
    return status_bytes(monitor.status(is_short=True))


def _full_status(monitor: Monitor) -> bytes:
    return status_bytes(monitor.status())


def _judged(columns: int, ticks: int) -> dict[str, float]:
    random = np.random.default_rng(columns)
    names = [f"x{place}" for place in range(columns)]

    def rows(count: int, shift: float) -> dict[str, Any]:
        drawn = random.standard_normal((columns, count), dtype=np.float32)
        drawn[::_MOVED] += shift
        return dict(zip(names, drawn, strict=True))

    profile = profile_of_values(rows(_REFERENCE_ROWS, 0.0))
    layout = layout_of(profile)
    monitor = monitors.open(
        model="m",
        version=1,
        layout=layout,
        profile=profile,
        is_self_reference=False,
        settings=MonitoringSettings(),
        saved=None,
    )
    costs, at = Costs(), BEGIN
    for tick in range(ticks):
        values = rows(_TICK_ROWS, 1.0)
        taken = taken_of(layout, values, at=at + _TICK_S, since=at, samples=tick % 6 == 0)
        at += _TICK_S
        short = costs.of("tick, with its short status", partial(_tick, monitor, taken))
        if tick % 10 == 9:
            full = costs.of("full status", partial(_full_status, monitor))
            costs.of("reading a short status", partial(status_of, short))
            status = costs.of("reading a full status", partial(status_of, full))
            costs.of("saving", monitor.save)
    alarmed = [column.name for column in status.columns if column.state == "alarm"]
    if alarmed != names[::_MOVED]:
        sys.exit(f"{columns} columns: {len(alarmed)} are in alarm, wanted every {_MOVED}th")
    return costs.medians()


def main() -> None:
    """Answer the question."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run; nothing is recorded")
    parser.add_argument("--discard", action="store_true", help="record nothing")
    given = parser.parse_args()
    machine = record.machine()
    sizes = _QUICK if given.quick else _COLUMNS
    found = {size: _judged(size, _TICKS) for size in sizes}
    works = list(found[sizes[0]])
    lines = [[f"{size:,}", *(f"{found[size][work]:.3f}" for work in works)] for size in sizes]
    report.table("CPU seconds", ["columns", *works], lines)
    if given.quick:
        return
    print()
    goals = [
        report.Goal(what=f"s of CPU, {work}, {sizes[-1]:,} columns", limit=limit).verdict(
            found[sizes[-1]][work]
        )
        for work, limit in _LIMITS.items()
    ]
    if not given.discard:
        cpu_s = {str(size): of_size for size, of_size in found.items()}
        answer = {"machine": machine, "cpu_s": cpu_s, "goals": goals}
        print(record.record("drift-columns", answer))


if __name__ == "__main__":
    main()
