# SPDX-License-Identifier: Apache-2.0
"""What do a request's arm and a bad event cost, without a server?

A key's bucket, a whole pick by a rollout's route and by the largest that is allowed, beside the
bucket that a cryptographic digest would give; what the judge takes for a request that failed; and
the two looks at the table that a request pays where there is no route.
One pinned core, one thread; of each case the best of many trials of 0.3 ms counts, since whatever
else runs can only make one slower. The program checks first that keys get the buckets that Python
reckons for them.
"""

import os
import subprocess
import sys

from benchmarks import record, report, runner

_PROGRAM = runner.BUILD / "traffic_picker"
_BUCKET = "bucket of a key of 36 bytes"
_DIGEST = "bucket of a key of 36 bytes by SHA-256"
#: ns, on the machine that assignment was designed on.
_LIMITS = {
    "bucket of a key of 12 bytes": 1.8,
    "pick in a rollout, key of 12 bytes": 20.0,
    "pick in a rollout, key of 36 bytes": 20.0,
    "a request of a server without routes": 20.0,
}
_DIGEST_RATIO = 10.0


def _round() -> dict[str, tuple[float, float]]:
    """The best and the median of each case, in ns."""
    printed = subprocess.run([_PROGRAM], capture_output=True, text=True, check=False)
    if printed.returncode != 0:
        sys.exit(f"{_PROGRAM}: {printed.stderr}")
    lines = [line.split("\t") for line in printed.stdout.splitlines()]
    return {name: (float(best), float(median)) for name, best, median in lines}


def main() -> None:
    """Answer the question."""
    opts = runner.options(__doc__ or "", has_rivals=False)
    if not _PROGRAM.exists():
        sys.exit("the program is not built: run benchmarks/traffic/build.sh")
    machine = record.machine()
    os.sched_setaffinity(0, {opts.load_core})
    rounds = [_round() for _ in range(opts.repeats)]
    best = {name: min(found[name][0] for found in rounds) for name in rounds[0]}
    median = {name: min(found[name][1] for found in rounds) for name in rounds[0]}
    lines = [[name, f"{best[name]:.2f}", f"{median[name]:.2f}"] for name in best]
    report.table("one call", ["ns", "best", "median"], lines)
    print()
    goals = [
        report.Goal(what=f"ns, {name}", limit=limit).verdict(best[name])
        for name, limit in _LIMITS.items()
    ]
    ratio = report.Goal(what="times a digest's bucket", limit=_DIGEST_RATIO, is_floor=True)
    goals.append(ratio.verdict(best[_DIGEST] / best[_BUCKET]))
    if opts.is_recorded:
        answer = {"machine": machine, "best_ns": best, "median_ns": median, "goals": goals}
        print(record.record("picker", answer))


if __name__ == "__main__":
    main()
