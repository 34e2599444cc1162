# SPDX-License-Identifier: Apache-2.0
"""Tables of samples, ratios and goals, as text and as plain values for the record."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.compare import Spread, paired_ratios, spread
from benchmarks.runner import PENSTOCK, Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A limit on a number: at most, or at least where `is_floor`."""

    what: str
    limit: float
    is_floor: bool = False

    def verdict(self, value: float) -> dict[str, Any]:
        """Print whether the value meets the goal and return it for the record."""
        is_met = value >= self.limit if self.is_floor else value <= self.limit
        bound = "at least" if self.is_floor else "at most"
        print(f"  {'met ' if is_met else 'MISSED'}  {self.what}: {value:.3g}, {bound} {self.limit}")
        return {"goal": self.what, "limit": self.limit, "value": value, "is_met": is_met}


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, its first column to the left."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    print(f"\n{title}")
    for row in [head, *rows]:
        cells = [
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  " + "  ".join(cells))


def cpu_ratio(samples: Mapping[str, Sequence[Sample]], over: str, under: str) -> Spread:
    """Return how much more CPU per request `over` takes than `under`, run by run."""
    return paired_ratios(
        [sample.cpu_us_per_request for sample in samples[over]],
        [sample.cpu_us_per_request for sample in samples[under]],
    )


def cpu_table(title: str, samples: Mapping[str, Sequence[Sample]]) -> dict[str, Any]:
    """Print CPU per request and throughput of each contestant; return them for the record."""
    rows = []
    recorded: dict[str, Any] = {}
    for name, runs in samples.items():
        cpu = spread([run.cpu_us_per_request for run in runs])
        rate = spread([run.requests_per_second for run in runs])
        ratio = cpu_ratio(samples, name, PENSTOCK)
        rows.append([name, str(cpu), f"{rate.median:.0f}", str(ratio)])
        recorded[name] = {
            "cpu_us_per_request": asdict(cpu),
            "requests_per_second": asdict(rate),
            "cpu_over_penstock": asdict(ratio),
            "runs": [asdict(run) for run in runs],
        }
    head = ["server", "CPU us/request", "requests/s", "x Penstock's CPU"]
    table(title, head, rows)
    return recorded
