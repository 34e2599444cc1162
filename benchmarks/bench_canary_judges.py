# SPDX-License-Identifier: Apache-2.0
"""How often is a good canary rolled back, how often a bad one missed, and how soon is it found?

Penstock's judge beside a threshold rule as Flagger and Argo Rollouts have it and a Mann-Whitney
judge as Kayenta has it, on the same simulated streams: 40 minutes, a ramp of 1, 5, 25 and 50 %,
200 requests/s unless a world says otherwise. What each rival does, and where that is written,
stands in benchmarks/canary/judges.py. "penstock_every_event" is Penstock's judge without its rule
that only the first bad event of a key counts. At last, what a look of the policy costs.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from benchmarks import record, report
from benchmarks.canary.judges import by_event, by_mann_whitney, by_threshold
from benchmarks.canary.streams import RAMP, Stream, World, stream_of
from penstock.rollout.evidence import ArmCounts, BadEvent, Epoch, Evidence
from penstock.rollout.findings import find
from penstock.rollout.policy import Standing, decide
from penstock.rollout.shares import shares_of
from penstock.rollout.spec import RolloutSpec
from penstock.rollout.sums import Tally

ALPHA = 0.01

JUDGES: Mapping[str, Callable[[Stream], int | None]] = {
    "penstock": lambda stream: by_event(stream, alpha=ALPHA),
    "penstock_every_event": lambda stream: by_event(stream, alpha=ALPHA, dedupes=False),
    "threshold": by_threshold,
    "mann_whitney": by_mann_whitney,
}
#: The canary is as good as stable: every rollback is a false one.
ALIKE: Mapping[str, World] = {
    "steady": World(),
    "day that swings 10x": World(swing=10.0),
    "2 requests/s": World(rps=2.0),
    "no error at all": World(base_rate=0.0),
    "outage of 5 min, both": World(outage_s=300),
    "10 retries per failure": World(retries=10),
    "20 keys that keep failing": World(poison_keys=20),
}
#: It is worse: every stream without a rollback is a miss.
WORSE: Mapping[str, World] = {
    "2x": World(ratio=2.0),
    "4x": World(ratio=4.0),
    "10x": World(ratio=10.0),
    "4x, 2 requests/s": World(ratio=4.0, rps=2.0),
    "1 %, stable has none": World(base_rate=0.0, canary_rate=0.01),
    "0.2 %, stable has none": World(base_rate=0.0, canary_rate=0.002),
}


def verdicts(world: World, streams: int) -> dict[str, list[int | None]]:
    """Of each judge, when it rolled back each stream."""
    found: dict[str, list[int | None]] = {name: [] for name in JUDGES}
    for seed in range(streams):
        stream = stream_of(world, seed)
        for name, judge in JUDGES.items():
            found[name].append(judge(stream))
    return found


def rolled_back(ends: list[int | None]) -> float:
    return sum(end is not None for end in ends) / len(ends)


def median_s(ends: list[int | None]) -> float | None:
    """Of all streams, a miss taken for longer than any; None: most were missed."""
    ordered = sorted(float("inf") if end is None else end for end in ends)
    middle = float(np.median(ordered))
    return middle if np.isfinite(middle) else None


def false_rollbacks(streams: int) -> dict[str, Any]:
    """Prints and returns the part of good canaries that each judge rolls back."""
    found = {
        name: {judge: rolled_back(ends) for judge, ends in verdicts(world, streams).items()}
        for name, world in ALIKE.items()
    }
    rows = [[name, *(f"{parts[judge]:.1%}" for judge in JUDGES)] for name, parts in found.items()]
    report.table("Canaries as good as stable: rolled back", ["world", *JUDGES], rows)
    return found


def detections(streams: int) -> dict[str, Any]:
    """Prints and returns what each judge misses, and how soon it finds the rest."""
    found: dict[str, Any] = {}
    rows = []
    for name, world in WORSE.items():
        ends = verdicts(world, streams)
        medians = {judge: median_s(ends[judge]) for judge in JUDGES}
        ours = medians["penstock"]
        found[name] = {
            judge: {
                "missed": 1.0 - rolled_back(ends[judge]),
                "median_s": median,
                "times_penstock": median / ours if median and ours else None,
            }
            for judge, median in medians.items()
        }
        rows.append([name, *(_cell(found[name][judge]) for judge in JUDGES)])
    report.table(
        "Worse canaries: missed; median seconds until rolled back, x Penstock's",
        ["world", *JUDGES],
        rows,
    )
    return found


def _cell(one: Mapping[str, Any]) -> str:
    if one["median_s"] is None:
        return f"{one['missed']:.1%}; -"
    ratio = "" if one["times_penstock"] is None else f" {one['times_penstock']:.2f}x"
    return f"{one['missed']:.1%}; {one['median_s']:.0f}{ratio}"


def look_us(repeats: int) -> float:
    """Median microseconds of CPU of one look at a rollout of five epochs and 500 bad events."""
    spec = RolloutSpec.model_validate(
        {"guardrails": {"predictions": {"output": "y", "edges": list(range(19))}}}
    )
    arm = ArmCounts(keys=20_000, requests=20_000, bad={"error": 50}, predictions=(1000,) * 20)
    epochs = tuple(
        Epoch(
            number=number,
            shares_bp=shares_of(bp),
            arms={"stable": arm, "control": arm, "canary": arm},
        )
        for number, (_, bp) in enumerate(RAMP)
    )
    tally = Tally(
        BadEvent(
            wall_ms=0,
            guardrail="errors",
            kind="error",
            is_canary=key % 10 == 0,
            epoch=0,
            canary_bp=RAMP[key % len(RAMP)][1],
            both_bp=10_000,
            key_hash=key,
            canary_good=1,
            baseline_good=1,
        )
        for key in range(500)
    )
    evidence = Evidence(epochs=epochs)
    standing = Standing(
        state="canary",
        canary_bp=5000,
        is_paused=False,
        elapsed_s=1.0,
        dwelt_s=1.0,
        requests=1,
        epochs=len(epochs),
    )
    spent = []
    for _ in range(repeats):
        before = time.process_time_ns()
        decide(spec, standing, evidence, find(spec, [evidence], tally))
        spent.append(time.process_time_ns() - before)
    return float(np.median(spent)) / 1e3


def main() -> None:
    """Answer the question."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=1000, help="of each world")
    parser.add_argument("--quick", action="store_true", help="a smoke run; nothing is recorded")
    parser.add_argument("--discard", action="store_true", help="record nothing")
    given = parser.parse_args()
    streams = 20 if given.quick else given.streams
    machine = record.machine()
    alike, worse = false_rollbacks(streams), detections(streams)
    look = look_us(200)
    print(f"\na look of the policy: {look:.0f} us of CPU")
    worst = max(parts["penstock"] for parts in alike.values())
    # Alpha is a promise about the chance; of so many streams it may be three deviations more.
    limit = round(ALPHA + 3 * (ALPHA * (1 - ALPHA) / streams) ** 0.5, 4)
    goals = [
        report.Goal(what="false rollbacks of Penstock, worst world", limit=limit).verdict(worst),
        report.Goal(what="missed at 10x", limit=0.0).verdict(worse["10x"]["penstock"]["missed"]),
    ]
    answer = {
        "machine": machine,
        "streams": streams,
        "alpha": ALPHA,
        "ramp": RAMP,
        "worlds": {name: asdict(world) for name, world in {**ALIKE, **WORSE}.items()},
        "false_rollbacks": alike,
        "detection": worse,
        "look_us": look,
        "goals": goals,
    }
    if not (given.quick or given.discard):
        print(record.record("canary-judges", answer, libraries=("numpy",)))


if __name__ == "__main__":
    main()
