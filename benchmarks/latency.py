# SPDX-License-Identifier: Apache-2.0
"""The latency of a lone request: one connection, one stream, each request timed by h2load."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import h2load, report
from benchmarks.compare import Spread, paired_ratios, percentile, spread, turns
from benchmarks.runner import PENSTOCK, Stage
from benchmarks.servers import Check, Server, verify

# Left out at the start of each run: the connection's first round trips.
_WARM_UP_PART = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The latencies of one run, in us."""

    requests: int
    p50: float
    p99: float


def once(stage: Stage, server: Server, load: h2load.Load, requests: int, answer_bytes: int) -> Run:
    """Time `requests` on a server, the first tenth of which are not counted."""
    log = stage.folder / "latencies"
    log.unlink(missing_ok=True)  # h2load appends
    argv = h2load.command(load, server.port, requests, log)
    h2load.check(h2load.parse(stage.run_load(argv)), requests, answer_bytes)
    times = h2load.parse_log(log.read_text())
    if len(times) != requests:
        raise h2load.WrongAnswersError(f"{requests} requests were timed, not {len(times)}")
    kept = times[int(requests * _WARM_UP_PART) :]
    return Run(requests=requests, p50=percentile(kept, 50), p99=percentile(kept, 99))


def one_stream(stage: Stage, request: bytes, body: Path, check: Check) -> dict[str, list[Run]]:
    """Time every server of the stage in turns, a real client checking each before and after."""
    load = h2load.Load(connections=1, streams=1, body=body)
    answers = {server.name: verify(server, request, check) for server in stage.servers}
    by_name = {server.name: server for server in stage.servers}
    runs: dict[str, list[Run]] = {name: [] for name in by_name}
    requests = {}
    for name, server in by_name.items():
        trial = once(stage, server, load, 500, answers[name])
        requests[name] = max(int(stage.options.seconds * 1e6 / trial.p50), 500)
    for turn in turns(list(by_name), stage.options.repeats):
        for name in turn:
            run = once(stage, by_name[name], load, requests[name], answers[name])
            runs[name].append(run)
    for server in stage.servers:
        verify(server, request, check)
    return runs


def p50_ratio(runs: Mapping[str, Sequence[Run]], rival: str) -> Spread:
    """Return Penstock's p50 over the rival's, run by run."""
    return paired_ratios([run.p50 for run in runs[PENSTOCK]], [run.p50 for run in runs[rival]])


def table(title: str, runs: Mapping[str, Sequence[Run]]) -> dict[str, Any]:
    """Print p50 and p99 of each server; return them for the record."""
    rows = []
    recorded: dict[str, Any] = {}
    for name, of_server in runs.items():
        p50 = spread([run.p50 for run in of_server])
        p99 = spread([run.p99 for run in of_server])
        ratio = p50_ratio(runs, name)
        rows.append([name, str(p50), str(p99), str(ratio)])
        recorded[name] = {
            "p50_us": asdict(p50),
            "p99_us": asdict(p99),
            "penstock_p50_over_this": asdict(ratio),
            "runs": [asdict(run) for run in of_server],
        }
    report.table(title, ["server", "p50 us", "p99 us", "Penstock's p50 / this"], rows)
    return recorded
