# SPDX-License-Identifier: Apache-2.0
"""How soon is drift found at one rate of false alarms, and what does an observation cost?

Penstock's betting e-detector beside river's ADWIN, PageHinkley and KSWIN, on the same streams of
N(0, 1) that change once. Each rival is tuned to the same mean time between false alarms, and so is
Penstock's calibrated mode; its guaranteed mode, which alone raises alarms, keeps that time as a
bound for all rows within a tolerance, and pays for it. benchmarks/drift/install_river.sh installs
river.
"""

import argparse
import functools
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import record, report
from benchmarks.drift import ours, rivals
from benchmarks.drift.streams import TICK, Change, streams_of
from penstock_monitoring.calibration import calibrated_limit
from penstock_monitoring.detector import Detector

RIVER = Path(__file__).resolve().parent / "build" / "river"
#: Observations between false alarms.
ARL0 = 150_000
CHANGES: Mapping[str, Change] = {
    "+1 sd": Change(shift=1.0),
    "+0.5 sd": Change(shift=0.5),
    "+0.25 sd": Change(shift=0.25),
    "sd x 1.3": Change(scale=1.3),
}
#: It runs twice: as it comes, and with a delta that suits the changes and without forgetting, by
#: which its sum wanders.
PAGE_HINKLEY_LEVELS = np.concatenate([np.arange(5.0, 60.0, 0.5), np.arange(60.0, 420.0, 2.0)])

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """`alarms`: of streams (n, observations), after how many. `arl0`: as tuned; None: a bound."""

    alarms: Callable[[Floats], npt.NDArray[np.int64]]
    setting: str
    arl0: float | None
    ns_per_observation: float


def penstock(tolerance: float, *, is_calibrated: bool, streams: int) -> Contestant:
    bets = ours.bets_for(tolerance)
    ticks = ARL0 / TICK
    limit = (
        calibrated_limit(ours.shares_for(), bets, tick_rows=TICK, ticks=ticks, streams=streams)
        if is_calibrated
        else float(np.log(ticks))
    )
    detector = Detector([bets] * 100)
    counts = ours.tick_counts(np.random.default_rng(0).normal(size=(100, TICK)), ours.edges_for())
    begin = time.process_time_ns()
    for _ in range(200):
        detector.update(counts.ravel(), 0.0)
    spent = (time.process_time_ns() - begin) / (200 * 100 * TICK)
    return Contestant(
        alarms=lambda values: ours.first_alarms(values, bets, limit),
        setting=f"tolerance {tolerance}, log E >= {limit:.2f}",
        arl0=ARL0 if is_calibrated else None,
        ns_per_observation=spent,
    )


def tuned(
    step_of: Callable[[int], rivals.Step], levels: Floats, *, streams: int, observations: int
) -> Floats:
    """The mean observations until a statistic first is above each of ascending levels."""
    random = np.random.default_rng(11)
    step = step_of(streams)
    firsts = np.full((streams, len(levels)), observations, dtype=np.int64)
    reached = np.zeros(streams, dtype=np.int64)
    for count in range(1, observations + 1):
        now = np.searchsorted(levels, step(random.normal(size=streams)), side="left")
        for stream in np.flatnonzero(now > reached):
            firsts[stream, reached[stream] : now[stream]] = count
            reached[stream] = now[stream]
    ended = (reached[:, None] > np.arange(len(levels))).sum(axis=0)
    return np.asarray(firsts.sum(axis=0) / np.maximum(ended, 0.5), dtype=np.float64)


def page_hinkley(drift: Any, delta: float, alpha: float, streams: int) -> Contestant:
    means = tuned(
        lambda n: rivals.page_hinkley_statistics(n, delta=delta, alpha=alpha),
        PAGE_HINKLEY_LEVELS,
        streams=streams,
        observations=2 * ARL0,
    )
    longer = np.maximum.accumulate(means)
    threshold = float(np.interp(np.log(ARL0), np.log(longer), PAGE_HINKLEY_LEVELS))
    make = functools.partial(drift.PageHinkley, delta=delta, alpha=alpha, threshold=threshold)
    return Contestant(
        alarms=lambda values: rivals.first_alarms(make, values),
        setting=f"delta {delta}, alpha {alpha}, threshold {threshold:.1f}",
        arl0=float(np.clip(ARL0, longer[0], longer[-1])),
        ns_per_observation=update_ns(make, 100_000),
    )


def adwin(drift: Any, streams: int) -> Contestant:
    """ADWIN as it is, by the delta between those that keep the time between false alarms."""
    deltas = (0.002, 0.005, 0.01, 0.02, 0.04, 0.08)
    means = []
    for delta in deltas:
        waited = ended = 0
        for seed in range(streams):
            values = np.random.default_rng([12, seed]).normal(size=(1, 2 * ARL0))
            first = int(rivals.first_alarms(functools.partial(drift.ADWIN, delta=delta), values)[0])
            waited += min(first, 2 * ARL0)
            ended += first <= 2 * ARL0
        means.append(waited / max(ended, 0.5))
    shorter = np.minimum.accumulate(means)
    delta = float(np.exp(np.interp(-np.log(ARL0), -np.log(shorter), np.log(np.array(deltas)))))
    make = functools.partial(drift.ADWIN, delta=delta)
    return Contestant(
        alarms=lambda numbers: rivals.first_alarms(make, numbers),
        setting=f"delta {delta:.3g}",
        arl0=float(np.clip(ARL0, shorter[-1], shorter[0])),
        ns_per_observation=update_ns(make, 100_000),
    )


def kswin(drift: Any, streams: int) -> Contestant:
    """KSWIN by the least distance, of those that 30 and 30 values can have, that keeps the time."""
    levels = np.arange(10.5, 30.5)
    means = tuned(
        lambda n: rivals.kswin_statistics(n, 13), levels, streams=streams, observations=ARL0
    )
    level = float(levels[int(np.argmax(means >= ARL0))]) if (means >= ARL0).any() else 30.0

    def alarms(values: Floats) -> npt.NDArray[np.int64]:
        step = rivals.kswin_statistics(len(values), 14)
        found = np.full(len(values), values.shape[1] + 1)
        for count, column in enumerate(values.T, start=1):
            is_first = (step(column) > level) & (found > values.shape[1])
            found[is_first] = count
        return found

    return Contestant(
        alarms=alarms,
        setting=f"distance {np.ceil(level):.0f}/30",
        arl0=float(means[levels == level][0]) if level in levels else None,
        ns_per_observation=update_ns(functools.partial(drift.KSWIN, alpha=1e-9, seed=1), 1000),
    )


def update_ns(make: Callable[[], Any], observations: int) -> float:
    """CPU of one update, of numbers without drift."""
    values = np.random.default_rng(15).normal(size=observations).tolist()
    detector = make()
    begin = time.process_time_ns()
    for value in values:
        detector.update(value)
    return (time.process_time_ns() - begin) / observations


def tick_us(columns: int = 500) -> float:
    """CPU of a tick, over its columns: the least of 20 runs of 20 ticks, each of other rows."""
    random = np.random.default_rng(16)
    detector = Detector([ours.bets_for(0.02)] * columns)
    edges = ours.edges_for()
    ticks = [
        ours.tick_counts(random.normal(size=(columns, TICK)), edges).ravel() for _ in range(20)
    ]
    spent = []
    for _ in range(20):
        begin = time.process_time_ns()
        for counts in ticks:
            detector.update(counts, 0.0)
        spent.append((time.process_time_ns() - begin) / len(ticks) / columns / 1e3)
    return min(spent)


def delays(contestants: Mapping[str, Contestant], streams: int) -> dict[str, Any]:
    """Prints and returns, of each change and contestant, how long it takes to be found."""
    found: dict[str, Any] = {}
    rows = []
    for name, change in CHANGES.items():
        drawn = streams_of(change, streams, seed=21)
        found[name] = {}
        for who, contestant in contestants.items():
            waited = contestant.alarms(drawn.values) - drawn.changes
            is_late = waited > 0
            missed = waited > change.horizon
            found[name][who] = {
                "median": float(np.median(waited[is_late])),
                "mean": float(np.minimum(waited[is_late], change.horizon).mean()),
                "missed": float(missed[is_late].mean()),
                "alarms_before": int((~is_late).sum()),
            }
        rows.append([name, *(_cell(found[name][who], found[name]) for who in contestants)])
    report.table(
        "Observations from the change to the alarm: median (x Penstock calibrated); missed",
        ["change", *contestants],
        rows,
    )
    return found


def _cell(one: Mapping[str, float], all_of_them: Mapping[str, Any]) -> str:
    ratio = one["median"] / all_of_them["penstock calibrated"]["median"]
    if one["missed"] > 0.5:
        return f"-; {one['missed']:.0%}"
    return f"{one['median']:.0f} ({ratio:.2f}x)" + (
        f"; {one['missed']:.1%}" if one["missed"] else ""
    )


def main() -> None:
    """Answer the question."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=200, help="of each change")
    parser.add_argument("--quick", action="store_true", help="a smoke run; nothing is recorded")
    parser.add_argument("--discard", action="store_true", help="record nothing")
    given = parser.parse_args()
    sys.path.append(str(RIVER))
    try:
        from river import drift
    except ImportError:
        raise SystemExit(
            "river is missing: benchmarks/drift/install_river.sh installs it."
        ) from None
    machine = record.machine()
    if not rivals.agree(drift):
        raise SystemExit("the detectors in benchmarks/drift/rivals.py are not river's")
    few = 8 if given.quick else 1
    contestants = {
        "penstock calibrated": penstock(0.0, is_calibrated=True, streams=1600 // few),
        "penstock guaranteed .02": penstock(0.02, is_calibrated=False, streams=0),
        "penstock guaranteed .05": penstock(0.05, is_calibrated=False, streams=0),
        "ADWIN": adwin(drift, 120 // few),
        "PageHinkley": page_hinkley(drift, 0.005, 1 - 0.0001, 200 // few),
        "PageHinkley, no forgetting": page_hinkley(drift, 0.1, 1.0, 200 // few),
        "KSWIN": kswin(drift, 40 // few),
    }
    report.table(
        f"Tuned to {ARL0} observations between false alarms",
        ["detector", "setting", "ARL0", "ns of CPU per observation"],
        [
            [
                name,
                one.setting,
                "at least 150000" if one.arl0 is None else f"{one.arl0:.0f}",
                f"{one.ns_per_observation:.1f}",
            ]
            for name, one in contestants.items()
        ],
    )
    found = delays(contestants, max(8, given.streams // few))
    mean = {name: found[name]["penstock calibrated"]["mean"] for name in CHANGES}
    limits = {"+1 sd": 55.0, "+0.5 sd": 120.0, "+0.25 sd": 350.0, "sd x 1.3": 300.0}
    goals = [
        report.Goal(what=f"mean delay, {name}, calibrated", limit=limit).verdict(mean[name])
        for name, limit in limits.items()
    ]
    spent = tick_us()
    goals.append(report.Goal(what="CPU of a tick, us per column of 500", limit=0.3).verdict(spent))
    answer = {
        "machine": machine,
        "tick_us_per_column": spent,
        "arl0": ARL0,
        "streams": given.streams,
        "changes": {name: asdict(change) for name, change in CHANGES.items()},
        "detectors": {
            name: {
                "setting": one.setting,
                "arl0": one.arl0,
                "ns_per_observation": one.ns_per_observation,
            }
            for name, one in contestants.items()
        },
        "delays": found,
        "goals": goals,
    }
    if not (given.quick or given.discard):
        print(record.record("drift-detectors", answer, libraries=("numpy", "river", "scipy")))


if __name__ == "__main__":
    main()
