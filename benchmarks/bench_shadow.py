# SPDX-License-Identifier: Apache-2.0
"""What does a request mind of a shadow that gets a copy of each?

One server, one core, models that are alike: `plain` as it is; `watched` in the shadow stage of a
rollout that samples no request; `mirrored` in one that copies every request to another version of
it, which executes it and is compared. p50 and p99 in turns: one request at a time, 4000 requests a
second (which h2load sends in bursts), and 8 connections x 16 streams in a closed loop, which leaves
the core nothing for copies: what that costs is told, without a goal. Identity of [1,16] floats and
an MLP in ONNX Runtime. Copies that were shed cost little, so they are counted; the CPU time of the
io thread is all that a request itself pays for its copy.
"""

import json
import shutil
import time
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from benchmarks import compare, latency, messages, models, report, runner
from benchmarks.h2load import Load, WrongAnswersError
from benchmarks.load_shape import FULL, LOADS, Shape
from benchmarks.servers import Check, Server, free_port, verify
from benchmarks.tensors import echoes, is_close_to

_WIDTH = 16
_PLAIN, _WATCHED, _MIRRORED = "plain", "watched", "mirrored"
_MODELS = (_PLAIN, _WATCHED, _MIRRORED)
_RATIO_MAX, _MORE_US_MAX = 1.02, 50.0
_DROPPED_PART_MAX = 0.05
_PATIENCE_S = 60.0
_LOOK_EVERY_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One of the models under load."""

    request: bytes
    body: Path
    answer_bytes: int


class Shadow:
    """The shadow of one model, by the evidence of its rollout."""

    def __init__(self, rest_port: int, model: str, sample_bp: int) -> None:
        """Start the rollout, and wait until it is in its shadow stage."""
        self._url = f"http://127.0.0.1:{rest_port}/admin/v1/rollouts"
        self._model = model
        self._requests = 0
        spec = {
            "shadow": {"pairs_min": 10**9, "sample_bp": sample_bp},
            "duration_max_s": 86_400,
        }
        self._call("", {"model": model, "stable": 1, "candidate": 2, "spec": spec})
        while (state := self._call(f"/{model}")["state"]) != "shadow":
            if state not in ("loaded", "shadow"):
                raise WrongAnswersError(f"the rollout is {state}")

    def settled(self, requests: int) -> dict[str, Any]:
        """What came of the copies of so many more requests, once none is under way.

        Raises WrongAnswersError where an answer differs, or the copies are not as many.
        """
        self._requests += requests
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            counts: dict[str, Any] = self._call(f"/{self._model}")["evidence"]["shadows"][0]
            dropped = sum(counts["dropped"].values())
            ended = counts["compared"] + counts["discordant_shadow"] + dropped
            if ended == counts["offered"] == self._requests:
                break
            if time.monotonic() > deadline:
                raise WrongAnswersError(f"{self._requests} requests had other copies: {counts}")
            time.sleep(_LOOK_EVERY_S)
        if counts["agreed"] != counts["compared"] or counts["discordant_shadow"] != 0:
            raise WrongAnswersError(f"the shadow does not answer alike: {counts}")
        return counts

    def _call(self, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(self._url + path, data, timeout=30) as answer:
            return json.loads(answer.read())


def main() -> None:
    """Answer the question."""
    opts = runner.options(__doc__ or "", has_rivals=False)
    random = np.random.default_rng(7)
    with runner.stage(opts) as stage:
        rows = random.standard_normal((1, _WIDTH)).astype(np.float32)
        folder = stage.folder / "identity"
        for name in _MODELS:
            models.add_identity(folder, name, _WIDTH)
        answers = {"identity": answer_of(stage, "identity", folder, rows, echoes(rows))}

        rows = random.standard_normal((1, models.MLP_WIDTHS[0])).astype(np.float32)
        folder = stage.folder / "mlp"
        for name in _MODELS:
            graph = models.add_mlp(folder, name)
        (wanted,) = onnxruntime.InferenceSession(graph).run(None, {"INPUT0": rows})
        answers["mlp"] = answer_of(stage, "MLP", folder, rows, is_close_to(wanted))

        goals = [goal for answer in answers.values() for goal in answer.pop("goals")]
        stage.keep("shadow", {"models": answers, "goals": goals})


def answer_of(
    stage: runner.Stage, title: str, repository: Path, rows: np.ndarray, check: Check
) -> dict[str, Any]:
    """Time the models in turns under each load; print and return what it was."""
    for name in (_WATCHED, _MIRRORED):
        add_second_version(repository / name)
    requests = {name: messages.encode_request(name, rows.shape, rows.tobytes()) for name in _MODELS}
    rest_port = free_port()
    server = stage.penstock(repository, requests[_PLAIN], "--http-port", str(rest_port))
    Shadow(rest_port, _WATCHED, sample_bp=0)
    shadow = Shadow(rest_port, _MIRRORED, sample_bp=10_000)
    asked = {
        name: Asked(
            request=request,
            body=stage.body(f"{title}-{name}", request),
            answer_bytes=verify(server, request, check),
        )
        for name, request in requests.items()
    }
    shadow.settled(requests=1)
    loads = {}
    goals: list[dict[str, Any]] = []
    for load, shape in LOADS.items():
        taken = in_turns(stage, server, asked, shadow, shape)
        loads[load] = told(f"{title}, {load}", taken)
        if load != FULL:
            goals += goals_of(f"{title}, {load}", loads[load])
    for name in requests:
        verify(server, requests[name], check)
    return {"loads": loads, "shadow": shadow.settled(requests=1), "goals": goals}


def add_second_version(model: Path) -> None:
    """Let the model have a version 2 that is its version 1."""
    shutil.copytree(model / "1", model / "2")
    config = model / "config.pbtxt"
    config.write_text(config.read_text() + "version_policy { all { } }\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """All runs under one load, by model; `dropped` is the part of copies that were."""

    runs: dict[str, list[latency.Run]]
    io_us: dict[str, list[float]]
    dropped: float


def io_cpu_ns(pid: int) -> int:
    """Return the CPU time in ns that the io threads of a server have used."""
    tasks = [
        task
        for task in Path(f"/proc/{pid}/task").iterdir()
        if (task / "comm").read_text().strip() == "penstock-io"
    ]
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)


def in_turns(
    stage: runner.Stage,
    server: Server,
    asked: dict[str, Asked],
    shadow: Shadow,
    shape: Shape,
) -> Taken:
    """Run each model as often as is wanted."""
    runs: dict[str, list[latency.Run]] = {name: [] for name in asked}
    io_us: dict[str, list[float]] = {name: [] for name in asked}

    def once(name: str, count: int) -> latency.Run:
        one = asked[name]
        load = Load(
            connections=shape.connections,
            streams=shape.streams,
            rate=shape.rate,
            body=one.body,
        )
        return latency.once(stage, server, load, count, one.answer_bytes)

    trial = once(_PLAIN, 2000)
    count = max(int(stage.options.seconds * shape.per_second(trial.p50)), 2000)
    before = shadow.settled(requests=0)
    for turn in compare.turns(list(runs), stage.options.repeats):
        for name in turn:
            began_ns = io_cpu_ns(server.pid)
            runs[name].append(once(name, count))
            io_us[name].append((io_cpu_ns(server.pid) - began_ns) / count / 1e3)
    offered = count * stage.options.repeats
    compared = shadow.settled(requests=offered)["compared"] - before["compared"]
    return Taken(runs=runs, io_us=io_us, dropped=1 - compared / offered)


def told(title: str, taken: Taken) -> dict[str, Any]:
    """Print what each took; return it for the record."""
    p50 = {name: compare.spread([run.p50 for run in of]) for name, of in taken.runs.items()}
    p99 = {name: compare.spread([run.p99 for run in of]) for name, of in taken.runs.items()}
    io_us = {name: compare.spread(of) for name, of in taken.io_us.items()}
    more = compare.spread(
        [
            one.p99 - other.p99
            for one, other in zip(taken.runs[_MIRRORED], taken.runs[_WATCHED], strict=True)
        ]
    )
    report.table(
        f"{title}; {taken.dropped:.2%} of the copies were dropped",
        ["", "p50 us", "p99 us", "io thread's CPU us"],
        [[name, str(p50[name]), str(p99[name]), str(io_us[name])] for name in taken.runs],
    )
    return {
        "runs": {name: [asdict(run) for run in of] for name, of in taken.runs.items()},
        "p50_us": {name: asdict(one) for name, one in p50.items()},
        "p99_us": {name: asdict(one) for name, one in p99.items()},
        "p99_more_us": asdict(more),
        "io_cpu_us": {name: asdict(one) for name, one in io_us.items()},
        "dropped_part": taken.dropped,
    }


def goals_of(title: str, load: dict[str, Any]) -> list[dict[str, Any]]:
    """Whether p99 is within 2 % or 50 us, while nearly every copy was executed."""
    limit = max(_MORE_US_MAX, (_RATIO_MAX - 1) * load["p99_us"][_WATCHED]["median"])
    more = report.Goal(what=f"us of p99 more with a shadow, {title}", limit=limit)
    dropped = report.Goal(what=f"of the copies dropped, {title}", limit=_DROPPED_PART_MAX)
    return [more.verdict(load["p99_more_us"]["median"]), dropped.verdict(load["dropped_part"])]


if __name__ == "__main__":
    main()
