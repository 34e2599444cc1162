# SPDX-License-Identifier: Apache-2.0
"""What does a request mind of a shadow that gets a copy of each?

One server of two models that are alike; a rollout of one of them is in its shadow stage, so that
each of its requests is copied to another version of it, executed there and compared. p50 and p99 of
both models in turns, one request at a time and eight. Identity of [1,16] floats, whose shadow is
executed on the desk's thread, and an MLP in ONNX Runtime on instance threads of its own. The server
has one core for all of it, and no run counts whose shadow was spared more than one copy in twenty.
With all of the core taken (8 x 16) there is nothing left for copies: what that costs is told.
"""

import json
import shutil
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from benchmarks import compare, latency, messages, models, report, runner
from benchmarks.h2load import Load, WrongAnswersError
from benchmarks.servers import Check, Server, free_port, verify
from benchmarks.tensors import echoes, is_close_to

_WIDTH = 16
_ALONE, _MIRRORED = "alone", "mirrored"
#: In flight; the last of them fills the core.
_LOADS = ((1, 1), (8, 1), (8, 16))
_RATIO_MAX, _MORE_US_MAX = 1.02, 50.0
_DROPPED_PART_MAX = 0.05
_PATIENCE_S = 60.0
_LOOK_EVERY_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One of the two models under load."""

    request: bytes
    body: Path
    answer_bytes: int


class Shadow:
    """The shadow of one model, by the evidence of its rollout."""

    def __init__(self, rest_port: int, model: str) -> None:
        """Start the rollout, and wait until it sends copies."""
        self._url = f"http://127.0.0.1:{rest_port}/admin/v1/rollouts"
        self._model = model
        self._requests = 0
        spec = {"shadow": {"pairs_min": 10**9}, "duration_max_s": 86_400}
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
        for name in (_ALONE, _MIRRORED):
            models.add_identity(folder, name, _WIDTH)
        answers = {"identity": answer_of(stage, "identity", folder, rows, echoes(rows))}

        rows = random.standard_normal((1, models.MLP_WIDTHS[0])).astype(np.float32)
        folder = stage.folder / "mlp"
        for name in (_ALONE, _MIRRORED):
            graph = models.add_mlp(folder, name)
        (wanted,) = onnxruntime.InferenceSession(graph).run(None, {"INPUT0": rows})
        answers["mlp"] = answer_of(stage, "MLP", folder, rows, is_close_to(wanted))

        goals = [goal for answer in answers.values() for goal in answer.pop("goals")]
        stage.keep("shadow", {"models": answers, "goals": goals})


def answer_of(
    stage: runner.Stage, title: str, repository: Path, rows: np.ndarray, check: Check
) -> dict[str, Any]:
    """Time both models in turns under each load; print and return what it was."""
    add_second_version(repository / _MIRRORED)
    requests = {
        name: messages.encode_request(name, rows.shape, rows.tobytes())
        for name in (_ALONE, _MIRRORED)
    }
    rest_port = free_port()
    server = stage.penstock(repository, requests[_ALONE], "--http-port", str(rest_port))
    shadow = Shadow(rest_port, _MIRRORED)  # and from now on answers tell their arm
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
    for connections, streams in _LOADS:
        load = f"{connections} x {streams}"
        runs, dropped = in_turns(stage, server, asked, shadow, connections, streams)
        loads[load] = told(f"{title}, {load}", runs, dropped)
        if streams == 1:
            goals.append(goal_of(f"{title}, {load}", loads[load], dropped))
    for name in requests:
        verify(server, requests[name], check)
    return {"loads": loads, "shadow": shadow.settled(requests=1), "goals": goals}


def add_second_version(model: Path) -> None:
    """Let the model have a version 2 that is its version 1."""
    shutil.copytree(model / "1", model / "2")
    config = model / "config.pbtxt"
    config.write_text(config.read_text() + "version_policy { all { } }\n")


def in_turns(
    stage: runner.Stage,
    server: Server,
    asked: dict[str, Asked],
    shadow: Shadow,
    connections: int,
    streams: int,
) -> tuple[dict[str, list[latency.Run]], float]:
    """Give the runs of each model, and the part of copies that were dropped in them."""

    def once(name: str, count: int) -> latency.Run:
        one = asked[name]
        load = Load(connections=connections, streams=streams, body=one.body)
        return latency.once(stage, server, load, count, one.answer_bytes)

    trial = once(_ALONE, 2000)
    count = max(int(stage.options.seconds * connections * streams * 1e6 / trial.p50), 2000)
    runs: dict[str, list[latency.Run]] = {name: [] for name in asked}
    before = shadow.settled(requests=0)
    for turn in compare.turns(list(runs), stage.options.repeats):
        for name in turn:
            runs[name].append(once(name, count))
    offered = count * stage.options.repeats
    after = shadow.settled(requests=offered)
    return runs, 1 - (after["compared"] - before["compared"]) / offered


def told(title: str, runs: dict[str, list[latency.Run]], dropped: float) -> dict[str, Any]:
    """Print p50 and p99 of both; return them for the record."""
    p50 = {name: compare.spread([run.p50 for run in of]) for name, of in runs.items()}
    p99 = {name: compare.spread([run.p99 for run in of]) for name, of in runs.items()}
    report.table(
        f"{title}; {dropped:.2%} of the copies were dropped",
        ["", "p50 us", "p99 us"],
        [[name, str(p50[name]), str(p99[name])] for name in runs],
    )
    return {
        "runs": {name: [asdict(run) for run in of] for name, of in runs.items()},
        "p50_us": {name: asdict(one) for name, one in p50.items()},
        "p99_us": {name: asdict(one) for name, one in p99.items()},
        "p99_more_us": asdict(differences(runs, [run.p99 for run in runs[_ALONE]])),
        "dropped_part": dropped,
    }


def differences(runs: dict[str, list[latency.Run]], alone: Sequence[float]) -> compare.Spread:
    """Of p99, run by run."""
    mirrored = [run.p99 for run in runs[_MIRRORED]]
    return compare.spread([one - other for one, other in zip(mirrored, alone, strict=True)])


def goal_of(title: str, load: dict[str, Any], dropped: float) -> dict[str, Any]:
    """Whether p99 is within 2 % or 50 us, in us; and no such goal where copies were shed."""
    if dropped > _DROPPED_PART_MAX:
        raise WrongAnswersError(f"{title}: {dropped:.1%} of the copies were dropped")
    alone = load["p99_us"][_ALONE]["median"]
    limit = max(_MORE_US_MAX, (_RATIO_MAX - 1) * alone)
    goal = report.Goal(what=f"us of p99 more with a shadow, {title}", limit=limit)
    return goal.verdict(load["p99_more_us"]["median"])


if __name__ == "__main__":
    main()
